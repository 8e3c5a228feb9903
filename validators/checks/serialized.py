"""Check `serialized`: object formats of other languages, and compiled engines.

R rebuilds environments, promises and byte code from a file, and runs promises when their value is
asked for (CVE-2024-27322, https://cran.r-project.org/doc/manuals/r-release/R-ints.html#Serialization-Formats).
TensorRT runs what was compiled, MXNet's ``Custom`` and Caffe's ``Python`` layers call Python.
None of them can be judged as weights are, so they are refused under ``safe-only``; symbols and
paths that only an attack needs are refused under every policy.
"""

import re
from collections.abc import Iterator

from validators.base import Check, Model
from validators.formats.json_text import BadJsonError, parse, walk
from validators.formats.policy import code_severity
from validators.formats.problem import Problem
from validators.formats.source import MEMORY_BYTES, Source, judged_by, shown

NAME = "serialized"
MAX_BYTES = 32 << 20
_R_START = re.compile(
    rb"RD[XAB][23]\n|X\n\x00\x00\x00[\x02\x03]\x00[\x00-\x05]|A\n[23]\n\d{4,7}\n|B\n[\x02\x03]\x00\x00\x00"
)
_R_DANGEROUS = (
    rb"(system2?|shell|shell\.exec|pipe|source|dyn\.load|download\.file|socketConnection|eval|evalq"
    rb"|parse|do\.call|Sys\.setenv|unlink|file\.remove|loadNamespace|rawToChar|url)"
)
# A symbol (type 1) and its name (a character string, type 9): binary, then as text.
_R_SYMBOL = re.compile(
    rb"\x00\x00\x00\x01\x00[\x00-\x04].\x09\x00\x00\x00[\x02-\x14]" + _R_DANGEROUS + rb"(?=\x00|\Z)"
    rb"|\n1\n\d{1,6}\n\d{1,2}\n" + _R_DANGEROUS + rb"\n",
    re.DOTALL,
)
_ENGINES = (".engine", ".plan", ".trt")
_ENGINE_STARTS = (b"ftrt", b"ptrt")
_CAFFE = re.compile(rb"\btype\s*:\s*[\"']Python[\"']")
_LIBRARY = re.compile(r".*\.(?:so|dll|dylib)(?:\.\d+)*", re.IGNORECASE)
_LEAVE = "leave it out of the model, or convert it to safetensors or ONNX"


def _judge(source: Source, model: Model) -> Iterator[Problem]:
    start = source.read(0, 16)
    if _R_START.match(start):
        yield from _r(source, model)
    elif source.base.endswith(_ENGINES) or start.startswith(_ENGINE_STARTS):
        message = "the file is an engine: code that TensorRT runs as it is"
        yield Problem("engine", message, shown(start), _LEAVE, code_severity(model))
    elif source.base.endswith(".prototxt"):
        if match := _CAFFE.search(source.read(0, MAX_BYTES)):
            message = "a layer of Caffe is Python code that its loader imports"
            yield Problem("python-operator", message, shown(match[0]), _LEAVE)
    elif source.base.endswith("-symbol.json"):
        yield from _mxnet(source, model)


def _r(source: Source, model: Model) -> Iterator[Problem]:
    message = "R rebuilds objects from the file, which may hold code"
    start = shown(source.read(0, 8))
    yield Problem("r-object", message, start, _LEAVE, code_severity(model))
    for match in _R_SYMBOL.finditer(source.read(0, MAX_BYTES)):
        name = (match[1] or match[2]).decode()
        message = "the objects in the file name a function that no model needs"
        yield Problem("r-code", message, shown(name), _LEAVE)


def _mxnet(source: Source, model: Model) -> Iterator[Problem]:
    try:
        document = parse(source.read(0, MAX_BYTES + 1))
    except BadJsonError as error:
        message = "the graph is no JSON that can be read, so it cannot be judged"
        yield Problem("config-unreadable", message, str(error), _LEAVE)
        return
    for place, value in walk(document):
        if place.endswith(".op") and value == "Custom":
            message = "an operator is Python code that its loader brings"
            yield Problem("custom-operator", message, shown(place), _LEAVE, code_severity(model))
        elif isinstance(value, str) and _LIBRARY.fullmatch(value):
            message = "the graph names a library that its reader may load"
            yield Problem("native-library", message, f"{place} = {shown(value)}", _LEAVE)


CHECK = Check(name=NAME, version="1", run=judged_by(NAME, _judge), memory=MEMORY_BYTES)
