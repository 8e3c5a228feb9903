"""The readers of `validators.formats` as fuzzing targets, each by the check that uses it.

Whatever a check raises on one file is a crash: its own problems are findings.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

from tests.validators.formats.corpus import (
    code_files,
    gguf_files,
    keras_files,
    numpy_files,
    onnx_files,
    other_files,
    safetensors_files,
    templates,
    tensorflow_files,
)
from tests.validators.formats.corpus.case import Memory
from validators.base import Model
from validators.checks import (
    coreml,
    flax,
    gguf,
    keras,
    onnx,
    paddle,
    repository_code,
    safetensors,
    savedmodel,
    serialized,
    skops,
    tflite,
    xml_models,
)
from validators.checks import numpy_files as arrays
from validators.checks import templates as jinja
from validators.containers import identify, kinds
from validators.formats.source import Source, problems_of

# The check, the name its file has, and where its samples are.
_PARTS: dict[str, tuple[ModuleType, str, ModuleType]] = {
    "coreml": (coreml, "m.mlmodel", other_files),
    "flax": (flax, "m.msgpack", other_files),
    "gguf": (gguf, "m.gguf", gguf_files),
    "hdf5": (keras, "m.h5", keras_files),
    "json": (repository_code, "config.json", code_files),
    "keras": (keras, "config.json", keras_files),
    "npy": (arrays, "a.npy", numpy_files),
    "onnx": (onnx, "m.onnx", onnx_files),
    "paddle": (paddle, "m.pdmodel", other_files),
    "pbtxt": (savedmodel, "graph.pbtxt", tensorflow_files),
    "python": (repository_code, "m.py", code_files),
    "r": (serialized, "m.rds", other_files),
    "safetensors": (safetensors, "m.safetensors", safetensors_files),
    "savedmodel": (savedmodel, "saved_model.pb", tensorflow_files),
    "skops": (skops, "schema.json", other_files),
    "shards": (safetensors, "m.safetensors.index.json", safetensors_files),
    "templates": (jinja, "chat_template.jinja", templates),
    "tflite": (tflite, "m.tflite", other_files),
    "xml": (xml_models, "m.xml", other_files),
    "yaml": (repository_code, "config.yaml", code_files),
}
_MODEL = Model("fuzz", (), Path())
MAX_SAMPLE_BYTES = 64 << 10


def _target(check: ModuleType, name: str) -> Callable[[bytes], None]:
    def one(data: bytes) -> None:
        found = frozenset((*kinds(data[:4096]), identify(data[:4096])))
        container = "zip" if name == "schema.json" else ""  # which is read only in a zip
        source = Source(name, Memory(data), found, container)
        for problem in problems_of(check._judge, source, _MODEL):
            assert problem.at(name, check.NAME).to_json()["message"]

    return one


TARGETS = {key: _target(check, name) for key, (check, name, _) in _PARTS.items()}


def samples(target: str) -> Iterator[bytes]:
    """Give the files of the corpus that a target reads."""
    _, name, corpus = _PARTS[target]
    for case in (*corpus.malicious(), *corpus.benign()):
        for path, data in case.files.items():
            if Path(path).suffix == Path(name).suffix and len(data) <= MAX_SAMPLE_BYTES:
                yield data
