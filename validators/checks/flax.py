"""Check `flax`: checkpoints in MessagePack, as Flax writes them.

Flax keeps arrays in three extension types of its own
(https://flax.readthedocs.io/en/latest/api_reference/flax.serialization.html); any other type is for
a decoder that somebody has to bring, and some decoders unpickle.
"""

from collections.abc import Iterator

from validators.base import Check, Model
from validators.formats.msgpack import items
from validators.formats.policy import code_severity
from validators.formats.problem import Problem
from validators.formats.source import MEMORY_BYTES, Source, judged_by, shown

NAME = "flax"
ENDINGS = (".msgpack", ".flax")
_TYPES = frozenset((1, 2, 3, -1))  # array, complex number, scalar; the format's own time stamp
_KEYS = frozenset((b"__reduce__", b"__reduce_ex__", b"__class__", b"__setstate__", b"__import__"))
_PACKED = (b"\x1f\x8b", b"(\xb5/\xfd", b"BZh")  # compressed: its content is judged by itself
_REMEDY = "save the parameters alone, with flax.serialization.to_bytes or as safetensors"


def _judge(source: Source, model: Model) -> Iterator[Problem]:
    if not source.base.endswith(ENDINGS) or source.read(0, 4).startswith(_PACKED):
        return
    severity = code_severity(model)
    for item in items(source):
        if item.kind == "extension" and item.number not in _TYPES:
            message = "a value is of a type that Flax lacks, so something else would decode it"
            trigger = f"type {item.number} at byte {item.offset}"
            yield Problem("msgpack-extension", message, trigger, _REMEDY, severity)
        elif item.kind == "text" and item.text in _KEYS:
            message = "a name is one by which Python objects are rebuilt"
            yield Problem("msgpack-object", message, shown(item.text), _REMEDY)
        elif item.kind == "end" and item.offset < source.size:
            message = "bytes behind the parameters belong to nothing"
            trigger = f"{source.size - item.offset} B at {item.offset}"
            yield Problem("trailing-bytes", message, trigger, _REMEDY, severity)


CHECK = Check(name=NAME, version="1", run=judged_by(NAME, _judge), memory=MEMORY_BYTES)
