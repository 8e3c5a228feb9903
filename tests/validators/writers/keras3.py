"""Models of Keras 3 and TensorFlow: archives, HDF5, SavedModels, graphs, checkpoints."""

import json
import os
from pathlib import Path
from typing import Any

os.environ |= {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from tests.validators.writers.writing import Models

MODELS = Models()


def dense() -> Any:
    sizes = [layers.Dense(3, activation="relu"), layers.Dropout(0.1), layers.Dense(2)]
    model = keras.Sequential([layers.Input((4,)), *sizes])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(np.zeros((4, 4)), np.zeros(4), verbose=0)
    return model


def images() -> Any:
    model = keras.Sequential([
        layers.Input((8, 8, 3)), layers.Rescaling(1 / 255.0), layers.RandomFlip(),
        layers.Conv2D(4, 3, padding="same", kernel_regularizer="l2"), layers.BatchNormalization(),
        layers.ReLU(), layers.MaxPooling2D(), layers.GlobalAveragePooling2D(), layers.Dense(2),
    ])  # fmt: skip
    rate = keras.optimizers.schedules.CosineDecay(1e-3, 10)
    model.compile(keras.optimizers.AdamW(rate), keras.losses.CategoricalCrossentropy())
    return model


def text() -> Any:
    words = layers.TextVectorization(max_tokens=20, output_sequence_length=4)
    words.adapt(["a b c", "d e"])
    model = keras.Sequential([
        layers.Input((1,), dtype="string"), words, layers.Embedding(20, 4),
        layers.Bidirectional(layers.LSTM(3)), layers.Dense(1, activation="sigmoid"),
    ])  # fmt: skip
    model.compile("rmsprop", "mse")
    return model


def attention() -> Any:
    given = layers.Input((4, 5))
    mixed = layers.LayerNormalization()(given + layers.MultiHeadAttention(2, 3)(given, given))
    joined = layers.Concatenate()([given, mixed])
    return keras.Model(given, layers.GRU(3)(layers.TimeDistributed(layers.Dense(3))(joined)))


def lookups() -> Any:
    word, number = layers.Input((1,), dtype="string"), layers.Input((1,))
    found = layers.StringLookup(vocabulary=["a", "b"])(word)
    scaled = layers.Normalization(mean=[0.0], variance=[1.0])(number)
    kinds = layers.CategoryEncoding(4)(layers.Discretization([0.0, 1.0])(number))
    return keras.Model([word, number], [found, scaled, kinds])


def operations() -> Any:
    given = layers.Input((4,))
    return keras.Model(given, keras.ops.relu(given) * 2 + keras.ops.sum(given, -1, keepdims=True))


def mobile() -> Any:
    return keras.applications.MobileNetV2(
        weights=None, input_shape=(32, 32, 3), classes=2, alpha=0.35
    )


def keras_models() -> None:
    for make in (dense, images, text, attention, lookups, operations, mobile):
        name, model = make.__name__, make()
        MODELS.add(f"keras3-{name}", lambda to, m=model: m.save(to / "model.keras"))
        MODELS.add(f"keras3-{name}-h5", lambda to, m=model: m.save(to / "model.h5"))
        MODELS.add(
            f"keras3-{name}-weights", lambda to, m=model: m.save_weights(to / "m.weights.h5")
        )
        MODELS.add(
            f"keras3-{name}-json", lambda to, m=model: (to / "model.json").write_text(m.to_json())
        )
        if make in (dense, images, text, lookups):
            MODELS.add(
                f"savedmodel-{name}", lambda to, m=model: m.export(str(to / "m"), verbose=False)
            )
    MODELS.add("tfjs", lambda to: _tfjs(dense(), to))
    MODELS.add("tflite", lambda to: _tflite(dense(), to))
    MODELS.add(
        "tf-checkpoint", lambda to: tf.train.Checkpoint(model=dense()).save(str(to / "ckpt"))
    )


def _tfjs(model: Any, folder: Path) -> None:
    topology = {"modelTopology": json.loads(model.to_json()), "weightsManifest": []}
    (folder / "model.json").write_text(json.dumps({"format": "layers-model", **topology}))


def _tflite(model: Any, folder: Path) -> None:
    data = tf.lite.TFLiteConverter.from_keras_model(model).convert()
    (folder / "model.tflite").write_bytes(data)


class Scale(tf.Module):
    def __init__(self) -> None:
        self.by = tf.Variable(2.0)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
    def __call__(self, values):
        tf.debugging.assert_all_finite(values, "not finite")
        return tf.map_fn(lambda value: value * self.by, values)


class Vocabulary(tf.Module):
    def __init__(self, file: str) -> None:
        lines = tf.lookup.TextFileIndex
        words = tf.lookup.TextFileInitializer(
            file, tf.string, lines.WHOLE_LINE, tf.int64, lines.LINE_NUMBER
        )
        self.table = tf.lookup.StaticHashTable(words, -1)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def __call__(self, words):
        return self.table.lookup(words)


class Decoder(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([], tf.string)])
    def __call__(self, data):
        return tf.image.resize(tf.io.decode_jpeg(data, channels=3), (8, 8))


@MODELS.named("savedmodel-scale")
def _scale(folder: Path) -> None:
    tf.saved_model.save(Scale(), str(folder / "m"))


@MODELS.named("savedmodel-vocabulary")
def _vocabulary(folder: Path) -> None:
    words = folder / "words.txt"
    words.write_text("a\nb\n")
    tf.saved_model.save(Vocabulary(str(words)), str(folder / "m"))


@MODELS.named("savedmodel-images-decoded")
def _decoder(folder: Path) -> None:
    tf.saved_model.save(Decoder(), str(folder / "m"))


@MODELS.named("savedmodel-tf1")
def _tf1(folder: Path) -> None:
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        given = v1.placeholder(tf.float32, [None, 2])
        result = given @ v1.get_variable("w", [2, 2])
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(session, str(folder / "m"), {"x": given}, {"y": result})
        v1.train.Saver().save(session, str(folder / "model.ckpt"), global_step=1)


@MODELS.named("graph")
def _graph(folder: Path) -> None:
    traced = tf.function(lambda given: given * 2 + 1)
    graph = traced.get_concrete_function(tf.TensorSpec([2])).graph.as_graph_def()
    (folder / "frozen.pb").write_bytes(graph.SerializeToString())
    (folder / "frozen.pbtxt").write_text(str(graph))


if __name__ == "__main__":
    keras_models()
    MODELS.main()
