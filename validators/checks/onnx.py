"""Check `onnx`: files that tensors lie in, operators from outside the standard, functions.

A runtime opens the external data that a model names (CVE-2024-27318, CVE-2024-5187), and runs
native code for operators of domains it was extended with. Operators of the standard's domains, and
functions that the model defines itself from such operators, are data. `onnx` is not needed: see
`validators.formats.protobuf`.

``security.allowOperators``: operators accepted all the same, each ``domain::Operator`` as printed.
"""

import re
from collections.abc import Iterator

from validators.base import Check, Model
from validators.formats.code_text import code_problem
from validators.formats.onnx_graph import Graph, Tensor, looks_like, read
from validators.formats.paths import inside, path_problems
from validators.formats.policy import allow, code_severity
from validators.formats.problem import Problem
from validators.formats.source import MEMORY_BYTES, Source, judged_by, shown

NAME = "onnx"
ENDING = ".onnx"
STANDARD = frozenset(("", "ai.onnx", "ai.onnx.ml", "ai.onnx.training", "ai.onnx.preview.training"))
# Domains whose operators onnxruntime brings itself, in its own reviewed code.
RUNTIME = frozenset(
    ("com.microsoft", "com.microsoft.nchwc", "com.ms.internal.nhwc", "com.microsoft.experimental")
)
CODE_OPERATORS = frozenset(("EPContext", "PyOp", "PyCustomOp", "PythonOp", "PythonOpGrad"))

_PLACE = re.compile(r"[0-9]{1,19}")


def _judge(source: Source, model: Model) -> Iterator[Problem]:
    named = source.base.endswith(ENDING)
    if not named and not looks_like(source):
        return
    graph = read(source)
    if not named:
        remedy = f"rename it to end in {ENDING}"
        message = "the content is ONNX, the name does not say so"
        yield Problem("misnamed-onnx", message, source.base, remedy, "warning")
    elif not graph.nodes and not graph.domains:
        yield Problem("not-onnx", "the name says ONNX, the content does not", f"{source.size} B")
    yield from _operators(graph, model)
    yield from _external(source, graph, model)
    for number in sorted(graph.unknown)[:3]:
        message = "the model has a field that the format lacks"
        yield Problem("unknown-field", message, f"field {number}", severity="warning")
    for key, text in sorted(graph.texts):
        yield from code_problem(f"metadata {shown(key)}", text.encode("utf-8", "replace"))
    if "ort_config" in graph.metadata:
        message = "the model brings settings for the runtime that loads it"
        yield Problem("onnx-settings", message, "ort_config", severity="warning")


def _operators(graph: Graph, model: Model) -> Iterator[Problem]:
    allowed = set(model.security.get("allowOperators", ()))
    for domain, kind in sorted(graph.operators):
        name = f"{domain}::{kind}"
        if name in allowed or (domain, kind) in graph.functions:
            continue
        if kind in CODE_OPERATORS:
            message = "an operator runs code or a compiled program that the model brings"
            yield Problem("code-operator", message, shown(name), allow("allowOperators", name))
        elif domain not in STANDARD | RUNTIME:
            message = "an operator comes from no domain known here, it would run native code"
            severity = code_severity(model)
            yield Problem(
                "custom-operator", message, shown(name), allow("allowOperators", name), severity
            )
    for domain, name in sorted(graph.functions):
        if domain in STANDARD:
            message = "the model replaces an operator of the standard by a function of its own"
            trigger = shown(f"{domain}::{name}")
            yield Problem("shadowed-operator", message, trigger, severity="warning")
    used = {domain for domain, _ in graph.operators | graph.functions}
    for domain in sorted(graph.domains - used - STANDARD - RUNTIME):
        message = "the model asks for operators of a domain and uses none"
        yield Problem("custom-domain", message, shown(domain), severity="warning")


def _external(source: Source, graph: Graph, model: Model) -> Iterator[Problem]:
    sizes = {file.path: file.size for file in model.files}
    for tensor in graph.tensors:
        locations = [value for key, value in tensor.entries if key == "location"]
        if len(set(locations)) != 1:
            message = "a tensor lies in another file, and names none or several"
            yield Problem("external-location", message, shown((tensor.name, locations)))
        for location in dict.fromkeys(locations):
            yield from path_problems(
                source.name, location, sizes.keys(), "a tensor's external data"
            )
            target = inside(source.name, location)
            if target in sizes:
                yield from _range(tensor, sizes[target])


def _range(tensor: Tensor, size: int) -> Iterator[Problem]:
    places = {key: value for key, value in tensor.entries if key in ("offset", "length")}
    trigger = f"{shown(tensor.name)}: {shown(places)} of {size} B"
    if not all(map(_PLACE.fullmatch, places.values())):
        yield Problem("external-range", "a place in external data is no number", trigger)
    elif int(places.get("offset", 0)) + int(places.get("length", 0)) > size:
        yield Problem("external-range", "external data ends before a tensor does", trigger)


CHECK = Check(name=NAME, version="1", run=judged_by(NAME, _judge), memory=MEMORY_BYTES)
