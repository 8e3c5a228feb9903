"""Check `numpy`: arrays of Python objects, which are pickles, and headers that lie.

``.npy`` by content, also as members of ``.npz`` and other archives. The pickle of an object array
is judged by the check `pickle-scan` too; here its presence is refused under ``safe-only``.
"""

from collections.abc import Iterator
from math import prod

from validators.base import Check, Model
from validators.formats.npy_header import MAGIC, item_size, read
from validators.formats.policy import code_severity
from validators.formats.problem import FormatError, Problem
from validators.formats.source import MEMORY_BYTES, Source, judged_by, shown

NAME = "numpy"
_REMEDY = 'save numbers only: numpy.save(…, allow_pickle=False); or security.policy = "scanned"'


def _judge(source: Source, model: Model) -> Iterator[Problem]:
    if source.read(0, len(MAGIC)) != MAGIC:
        if source.base.endswith(".npy"):
            message = "the name says numpy, the content does not"
            yield Problem("not-npy", message, shown(source.read(0, 16)))
        elif source.base.endswith(".npz") and "zip" not in source.kinds:
            message = "the name says a zip of arrays, the content is none"
            yield Problem("not-npz", message, shown(source.read(0, 16)))
        return
    header = read(source)
    try:
        size = item_size(header.descr)
    except FormatError as error:
        found = error.problem
        severity = code_severity(model) if found.rule == "object-array" else "error"
        yield Problem(found.rule, found.message, found.trigger, _REMEDY, severity)
        return
    claimed, available = size * prod(header.shape), source.size - header.start
    trigger = f"{shown(header.shape)} of {size} B: {claimed} B, the file has {available} B"
    if claimed > available:
        message = "the shape of the array claims more than the file has"
        yield Problem("lying-length", message, trigger)
    elif claimed < available and not source.container:
        message = "bytes behind the array belong to nothing"
        yield Problem("trailing-bytes", message, trigger, severity=code_severity(model))


CHECK = Check(name=NAME, version="1", run=judged_by(NAME, _judge), memory=MEMORY_BYTES)
