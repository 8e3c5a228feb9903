"""Check `paddle`: PaddlePaddle programs whose operators call Python or open files.

A ``.pdmodel`` is a program of operators by name
(https://github.com/PaddlePaddle/Paddle/blob/develop/paddle/fluid/framework/framework.proto); the
same in JSON since Paddle 3. ``py_func`` calls a Python function by its number in the process.

``security.allowOperators``: operators accepted all the same, each ``paddle::operator``.
"""

import re
from collections.abc import Iterator

from validators.base import Check, Model
from validators.formats.policy import allow
from validators.formats.problem import Problem
from validators.formats.protobuf import Wire
from validators.formats.source import MEMORY_BYTES, Source, judged_by, shown

NAME = "paddle"
_BLOCKS, _OPERATORS, _TYPE = 1, 4, 3
MAX_JSON_BYTES = 32 << 20
_PYTHON = frozenset(("py_func", "py_layer", "pylayer", "run_program"))
_FILES = frozenset(
    (
        "save", "save_combine", "load", "load_combine", "read", "read_from_array_file", "print",
        "listen_and_serv", "send", "recv", "http_fetch", "distributed_lookup_table", "dump",
        "create_custom_reader", "open_files", "fl_listen_and_serv", "send_and_recv",
    )
) - {"print"}  # fmt: skip
_JSON_OPERATOR = re.compile(
    rb'"(?:#|type|name)"\s*:\s*"(?:\d+\.|pd_op\.)?(py_func|py_layer|pylayer)"'
)


def _judge(source: Source, model: Model) -> Iterator[Problem]:
    if source.base.endswith(".pdmodel") or source.base == "__model__":
        names = _names(source)
    elif source.base.endswith(".json") and b'"base_code"' in source.read(0, 256):
        data = source.read(0, MAX_JSON_BYTES)
        names = {match[1].decode() for match in _JSON_OPERATOR.finditer(data)}
    else:
        return
    allowed = set(model.security.get("allowOperators", ()))
    for name in sorted(names & (_PYTHON | _FILES)):
        if (full := f"paddle::{name}") not in allowed:
            python = name in _PYTHON
            does = "calls Python code" if python else "reads or writes files, or talks to servers"
            rule = "python-operator" if python else "file-operator"
            yield Problem(rule, f"an operator {does}", shown(name), allow("allowOperators", full))


def _names(source: Source) -> set[str]:
    wire, names = Wire(source), set()
    for block in wire.fields(0, source.size):
        if block.delimited and block.number == _BLOCKS:
            for operator in wire.fields(block.start, block.end):
                if operator.delimited and operator.number == _OPERATORS:
                    for part in wire.fields(operator.start, operator.end):
                        if part.delimited and part.number == _TYPE:
                            names.add(wire.text(part))
    return names


CHECK = Check(name=NAME, version="1", run=judged_by(NAME, _judge), memory=MEMORY_BYTES)
