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
    safetensors_files,
    templates,
    tensorflow_files,
)
from tests.validators.formats.corpus.case import Memory
from validators.base import Model
from validators.checks import gguf, keras, onnx, repository_code, safetensors, savedmodel
from validators.checks import numpy_files as arrays
from validators.checks import templates as jinja
from validators.containers import identify, kinds
from validators.formats.source import Source, problems_of

# The check, the name its file has, and where its samples are.
_PARTS: dict[str, tuple[ModuleType, str, ModuleType]] = {
    "gguf": (gguf, "m.gguf", gguf_files),
    "hdf5": (keras, "m.h5", keras_files),
    "json": (repository_code, "config.json", code_files),
    "keras": (keras, "config.json", keras_files),
    "npy": (arrays, "a.npy", numpy_files),
    "onnx": (onnx, "m.onnx", onnx_files),
    "pbtxt": (savedmodel, "graph.pbtxt", tensorflow_files),
    "safetensors": (safetensors, "m.safetensors", safetensors_files),
    "savedmodel": (savedmodel, "saved_model.pb", tensorflow_files),
    "shards": (safetensors, "m.safetensors.index.json", safetensors_files),
    "templates": (jinja, "chat_template.jinja", templates),
    "yaml": (repository_code, "config.yaml", code_files),
}
_MODEL = Model("fuzz", (), Path())
MAX_SAMPLE_BYTES = 64 << 10


def _target(check: ModuleType, name: str) -> Callable[[bytes], None]:
    def one(data: bytes) -> None:
        source = Source(name, Memory(data), frozenset((*kinds(data[:4096]), identify(data[:4096]))))
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
