"""Check `embedded-code`: code in the texts of formats that hold numbers and descriptions.

For formats without a reader here (CatBoost, CNTK, RKNN, MXNet, Torch7, LightGBM, XGBoost, msgpack,
raw bytes …) the beginning and the end of the file are looked through. Their loaders run none of it;
whatever else opens the file may, and no honest model carries a shell command. Safetensors and GGUF
are judged by their own checks, with the same rule.
"""

import re
from collections.abc import Iterator

from validators.base import Check, Model
from validators.formats.code_text import code_anywhere, code_problem
from validators.formats.configs import loader_config
from validators.formats.json_text import BadJsonError, parse, walk
from validators.formats.problem import Problem
from validators.formats.source import MEMORY_BYTES, Source, judged_by, shown

NAME = "embedded-code"
# Formats of numbers and descriptions. NB: not `.model`, `.onnx` and `.pb`, which hold vocabularies.
_ENDINGS = (
    ".cbm", ".dnn", ".cmf", ".cntk", ".rknn", ".mlmodel", ".tflite", ".lite", ".msgpack", ".flax",
    ".jax", ".orbax", ".engine", ".plan", ".trt", ".params", ".pdmodel", ".pdiparams", ".bst",
    ".ubj", ".lgb", ".lightgbm", ".xgb", ".t7", ".th", ".net", ".caffemodel", ".rds", ".rda",
    ".rdata", ".ggml", ".ggmf", ".ggjt", ".bin", ".pt", ".pth", ".ckpt", ".weights", ".h2o",
    ".mojo", ".pte", ".ptl", ".espresso.weights", ".uff", ".ncnn", ".mnn", ".hef", ".om", ".circle",
)  # fmt: skip
# Nothing with a reader that judges its texts, and nothing that is a container of other files.
_READ = frozenset(("safetensors", "gguf", "hdf5", "zip", "tar", "npy", "parquet", "arrow"))
MAX_CONFIGURATION_BYTES = 1 << 20
_QUOTING = re.compile(r"template|prompt|description|comment|example|text|card|token", re.IGNORECASE)
_LIGHTGBM = b"tree\nversion="
_MXNET = re.compile(rb'"nodes"\s*:\s*\[')
_XGBOOST = re.compile(rb'\{\s*"(?:learner|version)"\s*:')


def _judge(source: Source, _: Model) -> Iterator[Problem]:
    if source.kinds & _READ or source.read(0, 1) == b"\x80":
        return  # the second: a pickle, whose globals are judged and whose texts nothing runs
    if source.base.endswith(_ENDINGS) or _by_content(source):
        yield from code_anywhere(source)
    elif loader_config(source):
        yield from _configuration(source)


def _configuration(source: Source) -> Iterator[Problem]:
    """Look at what a configuration says, but for prompts and templates, which may quote."""
    try:
        document = parse(
            source.read(0, MAX_CONFIGURATION_BYTES + 1), max_bytes=MAX_CONFIGURATION_BYTES
        )
    except BadJsonError:
        return  # which the check `templates` reports
    for place, value in walk(document):
        if isinstance(value, str) and not _QUOTING.search(place):
            yield from code_problem(shown(place), value.encode("utf-8", "replace"))


def _by_content(source: Source) -> bool:
    start = source.read(0, 64)
    if start.startswith((_LIGHTGBM, b"binf", b"CBM1", b"bs64")):
        return True
    return source.base.endswith(".json") and bool(
        _XGBOOST.match(start) or (source.base.endswith("-symbol.json") and _MXNET.search(start))
    )


CHECK = Check(name=NAME, version="1", run=judged_by(NAME, _judge), memory=MEMORY_BYTES)
