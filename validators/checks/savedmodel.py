"""Check `savedmodel`: TensorFlow graphs that read and write files, call Python or load libraries.

A graph is a program (https://github.com/tensorflow/tensorflow/blob/master/SECURITY.md); what is
refused are the operators that reach beyond numbers, in the graph or in any function of its library,
assets outside the model, and Keras layers that carry code. SavedModels, meta graphs and frozen
graphs are found by content, in binary and in text form; TensorFlow is not needed.

``security.allowOperators``: operators accepted all the same, each ``tensorflow::Operator``.
"""

import re
from collections.abc import Iterator

from validators.base import Check, Model
from validators.formats.configs import text_of
from validators.formats.json_text import BadJsonError, parse
from validators.formats.keras_config import config_problems
from validators.formats.paths import path_problems
from validators.formats.policy import allow, code_severity
from validators.formats.problem import Problem
from validators.formats.source import MEMORY_BYTES, Source, judged_by, shown
from validators.formats.tf_graph import ROOTS, Graph, identify, read
from validators.formats.tf_operators import KNOWN, PYTHON, danger

NAME = "savedmodel"
MAX_TEXT_BYTES = 64 << 20
_NAMES = {"saved_model.pb": "saved", "keras_metadata.pb": "keras"}
_TEXT_ENDINGS = (".pbtxt", ".prototxt", ".textproto")
_QUOTED = r"""(?:"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')"""
_TEXT_FIELD = re.compile(rf"\b(op|filename)\s*:\s*((?:{_QUOTED}\s*)+)")
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{1,2})|([0-7]{1,3}))")
_OUTSIDE = re.compile(
    r"[/~]|\\|(?:.*[/\\])?\.\.(?:[/\\]|$)|[A-Za-z][A-Za-z0-9+.-]*:[/\\]", re.DOTALL
)
_STREAMS = frozenset(("stdout", "stderr", "log(info)", "log(warning)", "log(error)", ""))
# What a file of each kind begins with: a varint or a length-delimited field of a low number.
_FIRST_BYTES = frozenset((0x08, 0x0A, 0x12, 0x1A, 0x22, 0x2A, 0x32, 0x3A))


def _judge(source: Source, model: Model) -> Iterator[Problem]:
    if source.base.endswith(_TEXT_ENDINGS):
        yield from _judged(_from_text(source), source, model)
        return
    kind = _NAMES.get(source.base, "") or _kind(source)
    if not kind:
        return
    graph = read(source, kind)
    if kind in ROOTS and not graph.operators:
        message = "the name says SavedModel, the content does not"
        yield Problem("not-savedmodel", message, shown(source.read(0, 16)))
    yield from _judged(graph, source, model)


def _kind(source: Source) -> str:
    start = source.read(0, 1)
    return identify(source) if start and start[0] in _FIRST_BYTES else ""


def _from_text(source: Source) -> Graph:
    graph = Graph()
    text = text_of(source.read(0, MAX_TEXT_BYTES))
    for match in _TEXT_FIELD.finditer(text):
        joined = "".join(part[1:-1] for part in re.findall(_QUOTED, match[2]))
        value = _ESCAPE.sub(_unescape, joined)
        if match[1] == "op":
            graph.operators.setdefault(value, "")
        else:
            graph.assets.add(value)
    return graph


def _unescape(match: re.Match[str]) -> str:
    return chr(int(match[1], 16) if match[1] else int(match[2], 8) & 0xFF)


def _judged(graph: Graph, source: Source, model: Model) -> Iterator[Problem]:
    allowed = set(model.security.get("allowOperators", ()))
    for operator, node in sorted(graph.operators.items()):
        name = f"tensorflow::{operator}"
        does = danger(operator)
        if does and name not in allowed:
            rule = "python-operator" if operator in PYTHON else "file-operator"
            remedy = allow("allowOperators", name)
            yield Problem(rule, f"an operator {does}", shown((operator, node)), remedy)
        elif not does and operator not in KNOWN | graph.functions and name not in allowed:
            message = "an operator is none of TensorFlow's own, it would run native code"
            remedy, severity = allow("allowOperators", name), code_severity(model)
            trigger = shown((operator, node))
            yield Problem("unknown-operator", message, trigger, remedy, severity)
    for operator, path in sorted(graph.saved):
        if _OUTSIDE.match(path):
            message = "variables are written to a path outside the model"
            yield Problem("file-operator", message, shown((operator, path)))
    for operator, stream in sorted(graph.streams):
        if stream not in _STREAMS:
            message = "an operator writes its output to a file or a server"
            yield Problem("file-operator", message, shown((operator, stream)))
    folder = source.name.rpartition("/")[0]
    paths = {file.path for file in model.files}
    for asset in sorted(graph.assets):
        base = f"{folder}/assets/".lstrip("/")
        yield from path_problems(base, asset, paths, "an asset")
    for text in graph.metadata:
        yield from _keras(text, model)


def _keras(text: bytes, model: Model) -> Iterator[Problem]:
    try:
        document = parse(text)
    except BadJsonError as error:
        if text.strip():
            message = "what Keras says about a layer is no JSON, so it cannot be judged"
            yield Problem("keras-unreadable", message, str(error), severity=code_severity(model))
        return
    yield from config_problems(document, model)


CHECK = Check(name=NAME, version="1", run=judged_by(NAME, _judge), memory=MEMORY_BYTES)
