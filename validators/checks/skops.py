"""Check `skops`: scikit-learn models as a zip with a ``schema.json`` that names classes to rebuild.

A node of the schema says which class of which module it is, and which loader rebuilds it
(https://skops.readthedocs.io/en/stable/persistence.html). Loaders have believed one and called the
other (CVE-2025-54412, CVE-2025-54413), so both are judged: the loader has to be one that takes
plain data, the class one of scikit-learn, numpy or scipy.

``security.allowGlobals``: classes accepted all the same, each ``module.Class`` as printed.
"""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

from validators.base import Check, Model
from validators.formats.json_text import BadJsonError, Document, parse, walk
from validators.formats.policy import allow, code_severity
from validators.formats.problem import Problem
from validators.formats.python_source import dangerous_name
from validators.formats.source import MEMORY_BYTES, Source, judged_by, shown

NAME = "skops"
ENDING = ".skops"
MAX_BYTES = 32 << 20
_DATA_LOADERS = frozenset(
    (
        "CachedNode", "DictNode", "DefaultDictNode", "ListNode", "SetNode", "TupleNode",
        "BytesNode", "BytearrayNode", "SliceNode", "TypeNode", "JsonNode", "NdArrayNode",
        "MaskedArrayNode", "DTypeNode", "RandomStateNode", "RandomGeneratorNode", "ObjectNode",
        "SparseMatrixNode", "LossNode", "TreeNode", "QuantileForestNode", "FunctionNode",
        "ConstructorFromReduceNode", "PartialNode",
    )
)  # fmt: skip
# Loaders that call or look up what the schema names.
_CALLING = frozenset(("MethodNode", "OperatorFuncNode"))
_CALLING_TEXT = re.compile(
    rb"OperatorFuncNode|MethodNode|__(?:getattr|getattribute|import|subclasses|globals)__",
    re.IGNORECASE,
)
_CLASS = re.compile(
    r"sklearn(?:\.[a-z_]\w*)*\.[A-Z]\w*|numpy(?:\.[a-z_]\w*)*\.\w+|scipy\.(?:sparse|special|stats)[\w.]*"
    r"|builtins\.(?:str|int|float|bool|bytes|bytearray|complex|list|dict|tuple|set|frozenset|slice|map"
    r"|NoneType|ellipsis|range|type)|collections\.(?:OrderedDict|defaultdict)|functools\.partial"
    r"|joblib\.numpy_pickle\.NumpyArrayWrapper"
)
_NUMPY_INNER = re.compile(
    r"numpy\.(?:f2py|testing|distutils|ctypeslib|lib\.(?:npyio|format|utils))\b.*"
)


def _judge(source: Source, model: Model) -> Iterator[Problem]:
    if source.base.endswith(ENDING) and "zip" not in source.kinds:
        message = "the name says skops, the content is no zip"
        yield Problem("not-skops", message, shown(source.read(0, 16)))
    elif source.container == "zip" and source.member == "schema.json":
        yield from _schema(source, model)
    elif ENDING in source.name.casefold() and source.base.endswith(".json"):
        text = source.base.encode() + b" " + source.read(0, MAX_BYTES)
        for match in islice(_CALLING_TEXT.finditer(text), 1):
            message = "a part of the model speaks of nodes that call what they name"
            yield Problem("skops-call", message, shown(match[0]), "do not use this file")


def _schema(source: Source, model: Model) -> Iterator[Problem]:
    try:
        document = parse(source.read(0, MAX_BYTES + 1))
    except BadJsonError as error:
        if ENDING in source.name.casefold():
            message = "the schema is no JSON that can be read, so it cannot be judged"
            yield Problem("skops-unreadable", message, str(error))
        return
    yield from _nodes(document, model)


def _nodes(document: Document, model: Model) -> Iterator[Problem]:
    allowed = set(model.security.get("allowGlobals", ()))
    told: set[Problem] = set()
    for _, value in walk(document):
        if isinstance(value, dict) and ("__module__" in value or "__loader__" in value):
            for problem in _node(value, model, allowed):
                if problem not in told:
                    told.add(problem)
                    yield problem
    for name in dict.fromkeys(document.duplicates):
        message = "a name comes twice in one object, and readers take different ones"
        yield Problem("duplicate-name", message, shown(name))


def _node(value: dict[str, Any], model: Model, allowed: set[str]) -> Iterator[Problem]:
    module, name, loader = (value.get(key) for key in ("__module__", "__class__", "__loader__"))
    if not isinstance(module, str) or not isinstance(name, str):
        yield Problem("skops-type", "a class in the schema is no text", shown((module, name)))
        return
    full = name if name.startswith(f"{module}.") else f"{module}.{name}"
    if full in allowed:
        return
    known = _CLASS.fullmatch(full) and not _NUMPY_INNER.fullmatch(full)
    if why := "" if known else dangerous_name(full):
        message = f"the schema names what no model needs: it {why}"
        yield Problem("skops-type", message, shown(full), "do not use this file")
    elif not known:
        message = "the schema names a class from outside scikit-learn, numpy and scipy"
        remedy = allow("allowGlobals", full)
        yield Problem("skops-type", message, shown(full), remedy, code_severity(model))
    if isinstance(loader, str) and loader in _CALLING:
        message = "a node of the schema calls or looks up what it names (CVE-2025-54412, -54413)"
        yield Problem(
            "skops-call", message, f"{loader}: {shown(full)}", allow("allowGlobals", full)
        )
    elif loader is not None and loader not in _DATA_LOADERS:
        message = "a node of the schema is of no kind that is known here"
        yield Problem("skops-call", message, shown(loader), allow("allowGlobals", full))
    content = value.get("content")
    if loader == "FunctionNode" and isinstance(content, dict):
        inner = f"{content.get('module_path')}.{content.get('function')}"
        if inner not in allowed and not _CLASS.fullmatch(inner):
            message = "a node of the schema is a function from outside scikit-learn and numpy"
            yield Problem("skops-call", message, shown(inner), allow("allowGlobals", inner))


CHECK = Check(name=NAME, version="1", run=judged_by(NAME, _judge), memory=MEMORY_BYTES)
