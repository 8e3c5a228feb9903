"""Models of Keras 2 (the package tf_keras): HDF5, archives, SavedModels with Keras's metadata."""

import os
from typing import Any

os.environ |= {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}

import numpy as np
import tensorflow as tf
import tf_keras as keras
from tf_keras import layers

from tests.validators.writers.writing import Models

MODELS = Models()


def dense() -> Any:
    model = keras.Sequential([layers.Input((4,)), layers.Dense(3, "relu"), layers.Dense(2)])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(np.zeros((4, 4)), np.zeros(4), verbose=0)
    return model


def recurrent() -> Any:
    given = layers.Input((4, 5))
    inner = layers.Bidirectional(layers.GRU(2))(layers.LSTM(3, return_sequences=True)(given))
    return keras.Model(given, layers.Dense(1)(inner))


def images() -> Any:
    return keras.Sequential([
        layers.Input((8, 8, 3)), layers.Rescaling(1 / 255.0), layers.Conv2D(4, 3),
        layers.BatchNormalization(), layers.Flatten(), layers.Dense(1),
    ])  # fmt: skip


def operations() -> Any:
    given = layers.Input((4,))
    return keras.Model(given, tf.nn.relu(given) * 2 + 1)


def main() -> None:
    for make in (dense, recurrent, images, operations):
        name, model = make.__name__, make()
        for ending, form in (("h5", "h5"), ("keras", "keras")):
            MODELS.add(
                f"keras2-{name}-{ending}",
                lambda to, m=model, e=ending, f=form: m.save(to / f"model.{e}", save_format=f),
            )
        MODELS.add(
            f"keras2-{name}-savedmodel", lambda to, m=model: m.save(to / "m", save_format="tf")
        )
        MODELS.add(
            f"keras2-{name}-weights",
            lambda to, m=model: (m.save_weights(to / "w.h5"), m.save_weights(str(to / "w"))),
        )
    MODELS.main()


if __name__ == "__main__":
    main()
