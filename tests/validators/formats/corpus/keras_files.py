"""Keras models that name code, in each of Keras's containers; and honest ones.

HDF5 files are written by h5py; where it refuses to write a lie, bytes are changed afterwards.
"""

import importlib
import io
import json
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from tests.validators.formats.corpus.case import Case

Config = dict[str, Any]
CODE = "4wEAAAAAAAAAAAAAAAEAAAABAAAAQwAAAHMIAAAAZAEAAAAAAFMA"  # base64 of no real code object


def layer(name: str, config: object = None, **more: object) -> Config:
    """Describe a layer."""
    return {"class_name": name, "config": {"name": "l"} if config is None else config, **more}


def sequential(*layers: Config, modern: bool = True) -> Config:
    """Describe a model."""
    module = {"module": "keras", "registered_name": None} if modern else {}
    first = layer("InputLayer", {"batch_shape": [None, 4]}, **_keras("layers", modern))
    return layer("Sequential", {"name": "s", "layers": [first, *layers]}, **module)


def _keras(area: str, modern: bool) -> Config:
    return {"module": f"keras.{area}", "registered_name": None} if modern else {}


def function(name: str, module: str | None = "builtins", registered: str = "function") -> Config:
    """Describe a function."""
    return {
        "module": module,
        "class_name": "function",
        "config": name,
        "registered_name": registered,
    }


def _dense(**config: object) -> Config:
    return layer("Dense", {"units": 2, **config}, module="keras.layers", registered_name=None)


def _deep(config: Config, depth: int) -> Config:
    for _ in range(depth):
        config = layer("TimeDistributed", {"layer": config}, module="keras.layers")
    return config


LAMBDA = layer(
    "Lambda",
    {"function": layer("__lambda__", {"code": CODE, "defaults": None, "closure": None})},
    module="keras.layers",
    registered_name=None,
)
LIES: dict[str, tuple[str, Config]] = {
    "lambda": ("keras-lambda", sequential(LAMBDA)),
    "lambda-deep": ("keras-lambda", sequential(_deep(LAMBDA, 50))),
    "lambda-registered": (
        "keras-lambda",
        sequential(
            layer("Dense", {}, module="keras.layers", registered_name="keras.layers>Lambda")
        ),
    ),
    "lambda-in-activation": (
        "keras-lambda",
        sequential(_dense(activation=layer("__lambda__", {"value": CODE}))),
    ),
    "lambda-outside-layers": (
        "keras-lambda",
        {**sequential(), "compile_config": {"loss": layer("__lambda__", {"value": CODE})}},
    ),
    "function-name": (
        "keras-lambda",
        sequential(layer("Lambda", {"function": "evil"}, module="keras.layers")),
    ),
    "os-system": (
        "keras-module",
        sequential(_dense(activation=function("system", "os", "system"))),
    ),
    "posix": ("keras-module", sequential(layer("system", {}, module="posix"))),
    "subprocess-class": ("keras-module", sequential(layer("Popen", {}, module="subprocess"))),
    "builtins-eval": ("keras-module", sequential(_dense(activation=function("eval")))),
    "builtins-exec": ("keras-module", sequential(_dense(activation=function("exec")))),
    "builtins-class": ("keras-module", sequential(layer("eval", {}, module="builtins"))),
    "get-file": (
        "keras-module",
        sequential(_dense(activation=function("get_file", "keras.utils", "get_file"))),
    ),
    "unsafe-switch": (
        "keras-module",
        sequential(
            _dense(activation=function("enable_unsafe_deserialization", "keras.config", "x"))
        ),
    ),
    "load-model": (
        "keras-module",
        sequential(_dense(activation=function("load_model", "keras.models", "load_model"))),
    ),
    "load-model-class": (
        "keras-module",
        sequential(layer("load_model", {}, module="keras.models")),
    ),
    "saving-module": (
        "keras-module",
        sequential(layer("Load", {}, module="keras.src.saving.saving_lib")),
    ),
    "callback": (
        "keras-module",
        sequential(layer("LambdaCallback", {}, module="keras.callbacks")),
    ),
    "near-module": ("keras-module", sequential(layer("Dense", {}, module="keras_evil.layers"))),
    "near-package": ("keras-module", sequential(layer("Dense", {}, module="kerasx"))),
    "module-newline": ("keras-module", sequential(layer("Dense", {}, module="keras.layers\n"))),
    "module-homoglyph": (
        "keras-module",
        sequential(layer("Dense", {}, module="k\u0435ras.layers")),
    ),
    "module-dots": ("keras-module", sequential(layer("Dense", {}, module="keras.layers..os"))),
    "module-number": ("keras-name", sequential(layer("Dense", {}, module=7))),
    "class-list": ("keras-name", sequential({"class_name": ["Lambda"], "config": {}})),
    "class-null": ("keras-name", sequential({"class_name": None, "config": {}})),
    "dotted-class": ("keras-unknown-class", sequential(layer("os.system", {}), modern=False)),
    "unknown-class": ("keras-unknown-class", sequential(layer("EvilLayer", {}), modern=False)),
    "class-zero-width": ("keras-unknown-class", sequential(layer("Dense\u200b", {}), modern=False)),
    "custom-class": (
        "keras-module",
        sequential(layer("My", {}, module="my_package", registered_name="my>My")),
    ),
    "registered-other": (
        "keras-name",
        sequential(layer("Dense", {}, module="keras.layers", registered_name="Evil>Thing")),
    ),
    "function-with-path": (
        "keras-module",
        sequential(_dense(activation=function("os.system", None))),
    ),
    "torch-wrapper": (
        "keras-code",
        sequential(layer("TorchModuleWrapper", {"module": "gAROLg=="}, module="keras.layers")),
    ),
    "tfsm-layer": (
        "keras-code",
        sequential(layer("TFSMLayer", {"filepath": "/tmp/x"}, module="keras.layers")),
    ),
    "jax-layer": ("keras-code", sequential(layer("JaxLayer", {}, module="keras.layers"))),
    "typespec": (
        "keras-code",
        sequential({"class_name": "__typespec__", "module": "os", "spec_name": "x", "config": []}),
    ),
    "vocabulary": (
        "keras-file",
        sequential(layer("StringLookup", {"vocabulary": "/etc/passwd"}, module="keras.layers")),
    ),
    "vocabulary-url": (
        "keras-file",
        sequential(layer("TextVectorization", {"vocabulary": "http://h/x"}, module="keras.layers")),
    ),
    "file-path": (
        "keras-file",
        sequential(layer("Dense", {"filepath": "/tmp/x"}, module="keras.layers")),
    ),
    "tf-write": (
        "keras-code",
        sequential(layer("TFOpLambda", {"function": "io.write_file"}), modern=False),
    ),
    "tf-py-function": (
        "keras-code",
        sequential(layer("TFOpLambda", {"function": "numpy_function"}), modern=False),
    ),
    "tf-no-name": ("keras-code", sequential(layer("TFOpLambda", {"function": 3}), modern=False)),
}

ORDINARY: dict[str, Config] = {
    "modern": sequential(
        _dense(
            activation="relu",
            kernel_initializer=layer("GlorotUniform", {"seed": None}, module="keras.initializers"),
            dtype=layer("DTypePolicy", {"name": "float32"}, module="keras"),
        ),
        layer("Dropout", {"rate": 0.5}, module="keras.layers", registered_name=None),
        layer("StringLookup", {"vocabulary": ["a", "b"]}, module="keras.layers"),
    ),
    "legacy": sequential(
        layer("Conv2D", {"filters": 2, "kernel_initializer": layer("glorot_uniform", {})}),
        layer("TFOpLambda", {"function": "math.add"}),
        layer("LSTM", {"units": 3}),
        modern=False,
    ),
    "builtin-function": sequential(_dense(activation=function("relu"))),
    "hub": layer("BertBackbone", {"dim": 2}, module="keras_hub.src.models.bert.bert_backbone"),
}


def hdf5(
    text: str | bytes | None,
    name: str = "model_config",
    edit: Callable[[h5py.File], Any] | None = None,
    **options: Any,
) -> bytes:
    """Write a legacy model file, with anything else that `edit` adds."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", **options) as file:
        file.attrs["keras_version"] = "2.15.0"
        if text is not None:
            file.attrs[name] = text
        group = file.create_group("model_weights/dense")
        group.create_dataset("kernel", data=np.ones((4, 2), np.float32))
        if edit is not None:
            edit(file)
    return buffer.getvalue()


def archive(config: bytes | Config, *more: tuple[str, bytes], stored: bool = False) -> bytes:
    """Write a ``.keras`` archive."""
    buffer = io.BytesIO()
    method = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(buffer, "w", method) as file:
        file.writestr("metadata.json", '{"keras_version": "3.15.1"}')
        file.writestr("config.json", config if isinstance(config, bytes) else json.dumps(config))
        file.writestr("model.weights.h5", hdf5(None))
        for name, data in more:
            file.writestr(name, data)
    return buffer.getvalue()


EVIL = json.dumps(LIES["lambda"][1])


def _external(file: h5py.File) -> None:
    file.create_dataset("x", (4,), "u1", external=[("/etc/passwd", 0, 4)])


def _virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((4,), "u1")
    layout[:] = h5py.VirtualSource("/etc/passwd", "d", (4,))
    file.create_virtual_dataset("x", layout)


def _link(file: h5py.File) -> None:
    file["x"] = h5py.ExternalLink("/etc/passwd", "/")


def _deep_link(file: h5py.File) -> None:
    file.create_group("a/b/c/d/e")["x"] = h5py.ExternalLink("../other.h5", "/")


def _link_among_many(file: h5py.File) -> None:
    for index in range(300):
        file.create_group(f"g{index:03}")
    file["g150/x"] = h5py.ExternalLink("other.h5", "/")


def _many_links(file: h5py.File) -> None:
    for index in range(700):  # enough for a heap of several blocks and a tree of two levels
        file.create_group(f"a_group_with_a_long_name_{index:03}")


def _many_attributes(file: h5py.File) -> None:
    for index in range(40):
        file.attrs[f"a{index:02}"] = index


@cache
def hdf5_lies() -> dict[str, tuple[str, bytes]]:
    """Give hostile HDF5 files with the rules that name them."""
    plain = hdf5(EVIL)
    dense = hdf5(EVIL, edit=_many_attributes, libver="latest")
    many = hdf5(None, edit=_link_among_many, libver="latest")
    place = plain.index(b"GCOL")
    root = int.from_bytes(plain[64:72], "little") + 16
    again = b"\x10\0\x10\0\0\0\0\0" + root.to_bytes(8, "little") + (24).to_bytes(8, "little")
    return {
        "text": ("keras-lambda", plain),
        "bytes": ("keras-lambda", hdf5(EVIL.encode())),
        "fixed": ("keras-lambda", hdf5(np.bytes_(EVIL.encode()))),
        "array": ("keras-lambda", hdf5(np.array([EVIL], dtype=h5py.string_dtype()))),
        "training": ("keras-lambda", hdf5(EVIL, "training_config")),
        "other-name": ("keras-lambda", hdf5(EVIL, "my_config")),
        "latest": ("keras-lambda", hdf5(EVIL, libver="latest")),
        "v108": ("keras-lambda", hdf5(EVIL, libver=("v108", "v108"))),
        "user-block": ("keras-lambda", hdf5(EVIL, userblock_size=512)),
        "user-block-far": ("keras-lambda", hdf5(EVIL, userblock_size=1 << 20)),
        "padded": ("keras-lambda", hdf5(" " * 200_000 + EVIL)),
        "among-attributes": ("keras-lambda", hdf5(EVIL, edit=_many_attributes)),
        "dense-attributes": ("keras-lambda", dense),
        "dense-huge": (
            "keras-lambda",
            hdf5(np.bytes_(" " * 9000 + EVIL), edit=_many_attributes, libver="latest"),
        ),
        "dense-heap": ("hdf5-unreadable", dense.replace(b"FRHP", b"XXXX", 1)),
        "dense-tree": ("hdf5-unreadable", dense.replace(b"BTHD", b"XXXX", 1)),
        "dense-leaf": ("hdf5-unreadable", dense.replace(b"BTLF", b"XXXX", 1)),
        "dense-block": ("hdf5-unreadable", many.replace(b"FHIB", b"XXXX", 1)),
        "tracked": ("keras-lambda", hdf5(EVIL, edit=_many_attributes, track_order=True)),
        "no-json": ("keras-unreadable", hdf5("{lambda: 1}")),
        "utf-16": (
            "keras-lambda",
            hdf5(np.void(EVIL.encode()), "x", lambda f: f.attrs.__setitem__("model_config", EVIL)),
        ),
        "duplicate": (
            "duplicate-name",
            hdf5('{"class_name":"Lambda","config":{},"class_name":"Dense"}'),
        ),
        "external-data": ("external-storage", hdf5(None, edit=_external)),
        "virtual-data": ("external-storage", hdf5(None, edit=_virtual)),
        "virtual-data-latest": ("external-storage", hdf5(None, edit=_virtual, libver="latest")),
        "external-link": ("external-link", hdf5(None, edit=_link)),
        "external-link-latest": ("external-link", hdf5(None, edit=_link, libver="latest")),
        "external-link-deep": ("external-link", hdf5(None, edit=_deep_link)),
        "external-link-many": ("external-link", hdf5(None, edit=_link_among_many)),
        "dense-links": ("external-link", many),
        "cut": ("hdf5-unreadable", plain[:100]),
        "signature-only": ("hdf5-unreadable", plain[:8]),
        "version-9": ("hdf5-unreadable", plain[:8] + b"\x09" + plain[9:]),
        "sizes-4": ("hdf5-unreadable", plain[:13] + b"\x04\x04" + plain[15:]),
        "root-outside": ("hdf5-unreadable", plain[:64] + b"\xff" * 8 + plain[72:]),
        # found by fuzzing: a header that goes on in itself
        "circle": ("hdf5-unreadable", plain[:root] + again + plain[root + len(again) :]),
        "no-heap": ("hdf5-unreadable", plain[:place] + b"XXXX" + plain[place + 4 :]),
        "not-hdf5": ("not-hdf5", b"\x80\x04N."),
        "empty": ("not-hdf5", b""),
    }


def malicious() -> list[Case]:
    """Give every model that must be refused."""
    cases = []
    for name, (rule, config) in LIES.items():
        modern = "unknown" not in rule and not name.startswith("tf-")
        cases.append(Case(f"keras/zip-{name}", {"m.keras": archive(config)}, rule))
        if not modern or name.startswith("lambda"):
            text = json.dumps(config)
            cases.append(Case(f"keras/h5-{name}", {"m.h5": hdf5(text)}, rule))
    cases += [
        Case(f"keras/hdf5-{name}", {"m.h5": data}, rule)
        for name, (rule, data) in hdf5_lies().items()
    ]
    topology = {"format": "layers-model", "modelTopology": {"model_config": LIES["lambda"][1]}}
    evil = archive(LIES["lambda"][1])
    twice = archive(ORDINARY["modern"], ("config.json", EVIL.encode()))
    inner = archive(ORDINARY["modern"], ("inner.keras", evil))
    return [
        *cases,
        Case("keras/stored", {"m.keras": archive(LIES["lambda"][1], stored=True)}, "keras-lambda"),
        Case("keras/as-zip", {"m.zip": evil}, "keras-lambda"),
        Case("keras/as-bin", {"m.bin": evil}, "keras-lambda"),
        Case("keras/h5-as-keras", {"m.keras": hdf5(EVIL)}, "keras-lambda"),
        Case("keras/h5-as-bin", {"weights.bin": hdf5(EVIL)}, "keras-lambda"),
        Case("keras/h5-behind-text", {"m.txt": hdf5(EVIL, userblock_size=1024)}, "keras-lambda"),
        Case("keras/config-twice", {"m.keras": twice}, "keras-lambda"),
        Case("keras/in-keras", {"m.keras": inner}, "keras-lambda"),
        Case("keras/no-json", {"m.keras": archive(b"{class_name")}, "keras-unreadable"),
        Case("keras/utf-16", {"m.keras": archive(EVIL.encode("utf-16"))}, "keras-lambda"),
        Case("keras/bom", {"m.keras": archive(b"\xef\xbb\xbf" + EVIL.encode())}, "keras-lambda"),
        Case(
            "keras/escaped",
            {"m.keras": archive(EVIL.replace("Lambda", "\\u004cambda").encode())},
            "keras-lambda",
        ),
        Case(
            "keras/escaped-key",
            {"m.keras": archive(EVIL.replace("class_name", "\\u0063lass_name").encode())},
            "keras-lambda",
        ),
        Case("keras/deep", {"m.keras": archive(b'{"class_name":' * 5000)}, "keras-unreadable"),
        Case("keras/not-keras", {"m.keras": b"\x80\x04N."}, "not-keras"),
        Case("keras/json", {"architecture.json": EVIL.encode()}, "keras-lambda"),
        Case("keras/unpacked", {"config.json": EVIL.encode()}, "keras-lambda"),
        Case("keras/tfjs", {"model.json": json.dumps(topology).encode()}, "keras-lambda"),
    ]


def by_keras(folder: Path) -> list[Case]:
    """Have Keras itself save a model, in each of its formats."""
    keras = importlib.import_module("keras")
    entry = keras.Input((8, 8, 3))
    hidden = keras.layers.Conv2D(4, 3, activation="gelu", kernel_regularizer="l2")(entry)
    hidden = keras.ops.relu(keras.layers.BatchNormalization()(hidden)) * 2 + 1
    hidden = keras.layers.Flatten()(hidden[:, 1:])
    for _ in range(12):
        hidden = keras.layers.Dense(3, activation=keras.activations.softmax)(hidden)
    model = keras.Model(entry, hidden)
    loss = keras.losses.categorical_crossentropy
    model.compile("adam", loss=loss, metrics=["accuracy", keras.metrics.AUC()])
    names = ("m.keras", "m.h5", "m.weights.h5")
    for name in names:
        (model.save_weights if "weights" in name else model.save)(folder / name)
    return [Case(f"keras/{name}", {name: (folder / name).read_bytes()}) for name in names]


def benign() -> list[Case]:
    """Give models as Keras writes them, and as its older versions did."""
    cases = [
        Case(f"keras/zip-{name}", {"m.keras": archive(config)}) for name, config in ORDINARY.items()
    ]
    for options in ({}, {"libver": "latest"}):
        text = json.dumps(ORDINARY["legacy"])
        name = "-".join(options.values())
        cases.append(Case(f"keras/h5-legacy{name}", {"m.h5": hdf5(text, **options)}))
        cases.append(Case(f"keras/h5-weights{name}", {"m.h5": hdf5(None, **options)}))
    many = hdf5(
        json.dumps(ORDINARY["legacy"]), edit=lambda f: [f.create_group(f"g{i}") for i in range(500)]
    )
    for name, edit in (("attributes", _many_attributes), ("links", _many_links)):
        data = hdf5(json.dumps(ORDINARY["legacy"]), edit=edit, libver="latest", track_order=True)
        cases.append(Case(f"keras/h5-dense-{name}", {"m.h5": data}))
    plain = json.dumps({"model_type": "bert", "class_name": "not a model"}).encode()
    return [*cases, Case("keras/many", {"m.h5": many}), Case("keras/other", {"config.json": plain})]
