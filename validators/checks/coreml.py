"""Check `coreml`: Core ML models whose layers or models are code of the program that loads them.

A custom layer or model names a class that the runtime looks up and makes
(https://developer.apple.com/documentation/coreml/mlcustomlayer); a linked model names another file.
The numbers of the fields are those of https://apple.github.io/coremltools/mlmodel/. Models inside
pipelines are followed; weights are stepped over.

``security.allowOperators``: classes accepted all the same, each ``coreml::Class``.
"""

from collections.abc import Iterator

from validators.base import Check, Model
from validators.formats.json_text import BadJsonError, parse, walk
from validators.formats.paths import inside
from validators.formats.policy import allow, code_severity
from validators.formats.problem import FormatError, Problem
from validators.formats.protobuf import MAX_DEPTH, Field, Wire
from validators.formats.source import MEMORY_BYTES, Source, judged_by, shown

NAME = "coreml"
ENDING = ".mlmodel"
MAX_CLASSES = 1000
MAX_LIST_BYTES = 1 << 20
# Which fields of a message hold which messages; everything else is stepped over.
_NESTED: dict[str, dict[int, str]] = {
    "model": {200: "classifier", 201: "classifier", 202: "pipeline", 303: "network", 403: "network",
              500: "network", 555: "custom", 556: "linked", 560: "threshold"},
    "classifier": {1: "pipeline"},
    "pipeline": {1: "model"},
    "network": {1: "layer"},
    "layer": {500: "custom"},
    "linked": {1: "file"},
    "file": {1: "path", 2: "path"},
}  # fmt: skip
_CLASS, _DEFAULT = 10, 1
_VERSION = 1


def _judge(source: Source, model: Model) -> Iterator[Problem]:
    if source.base == "manifest.json" and ".mlpackage" in source.name.casefold():
        yield from _package(source)
    if not source.base.endswith(ENDING):
        return
    found = _Found(source)
    found.message("model", 0, source.size, 0)
    if not found.versioned:
        message = "the name says Core ML, the content does not"
        yield Problem("not-coreml", message, shown(source.read(0, 16)))
    allowed = set(model.security.get("allowOperators", ()))
    for name in sorted(found.classes):
        if (full := f"coreml::{name}") not in allowed:
            message = "a layer or model is a class of the program that loads it"
            remedy, severity = allow("allowOperators", full), code_severity(model)
            yield Problem("custom-operator", message, shown(name), remedy, severity)
    for path in sorted(found.paths):
        if inside(source.name, path) is None:
            message = "a linked model lies outside the model"
            yield Problem("path-leaves-model", message, shown(path), "do not use this file")


def _package(source: Source) -> Iterator[Problem]:
    """Judge the paths that the list of a package's parts names."""
    try:
        document = parse(source.read(0, MAX_LIST_BYTES + 1), max_bytes=MAX_LIST_BYTES)
    except BadJsonError as error:
        message = "the list of the package's parts is no JSON that can be read"
        yield Problem("config-unreadable", message, str(error), "download it again")
        return
    for place, value in walk(document):
        named = place.endswith(".path") and isinstance(value, str)
        if (
            named
            and inside(source.name, f"Data/{value}" if value[:1] not in "/~" else value) is None
        ):
            message = "a part of the package lies outside it"
            yield Problem("path-leaves-model", message, shown(value), "do not use this file")


class _Found:
    """Classes and paths that a model names."""

    def __init__(self, source: Source) -> None:
        self.wire = Wire(source)
        self.classes: set[str] = set()
        self.paths: set[str] = set()
        self.versioned = False

    def message(self, kind: str, start: int, end: int, depth: int) -> None:
        """Walk one message; raises FormatError when it is none."""
        if depth > MAX_DEPTH or len(self.classes) > MAX_CLASSES:
            message = "models are nested too deeply, or name more classes than any real one"
            raise FormatError(Problem("coreml-limits", message, f"byte {start}"))
        own: list[Field] = []
        for part in self.wire.fields(start, end):
            if kind == "model" and part.number == _VERSION and not part.delimited:
                self.versioned = True
            elif part.delimited and (inner := _NESTED.get(kind, {}).get(part.number)):
                self.message(inner, part.start, part.end, depth + 1)
            elif part.delimited and part.number == {"custom": _CLASS, "path": _DEFAULT}.get(kind):
                own.append(part)
        texts = {self.wire.text(part) for part in own[-2:]}
        if kind == "custom":
            self.classes |= texts or {""}
        elif kind == "path":
            self.paths |= texts - {""}


CHECK = Check(name=NAME, version="1", run=judged_by(NAME, _judge), memory=MEMORY_BYTES)
