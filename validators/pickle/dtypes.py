"""How many bytes an item of a numpy dtype takes, without numpy."""

import re

from validators.pickle.values import Dtype, Value

OBJECT = -1  # size of items that are pickled instead of written raw
_CODE = re.compile(rb"[<>=|]?([a-zA-Z?])([0-9]{0,9})")
_ONE_BYTE = {b"?": 1, b"b": 1, b"B": 1}
_DATES = {b"M": 8, b"m": 8}
_UNICODE_BYTES = 4  # bytes a character
# The tuple of ``dtype.__setstate__``, with metadata (dates) and without: version 3 or 4, then byte
# order, subarray, names, fields, item size, alignment and flags.
_STATE_LENGTHS = (8, 9)
_STATE_VERSIONS = (3, 4)
_ITEM_SIZE, _FLAGS = 5, 7  # indices in it
_HAS_OBJECTS = 1  # of the flags
_MOST_FLAGS = 0xFF


def item_size(code: bytes) -> int | None:
    """Give the item size of e.g. ``f8``; `OBJECT` for objects; None for what is not followed."""
    match = _CODE.fullmatch(code)
    if not match:
        return None
    kind, digits = match.groups()
    number = int(digits or b"0")
    if kind == b"O":
        return OBJECT
    if kind == b"U":
        return _UNICODE_BYTES * number
    if kind in b"iufcSVb" and digits:
        return number
    return _DATES.get(kind) if digits else _ONE_BYTE.get(kind)


def built_size(dtype: Dtype, state: Value) -> int | None:
    """Give the item size after BUILD, which can change that of strings and records.

    None for a state that numpy reads but never writes: older tuples have the size elsewhere, and
    the flags decide whether a loader reads objects or raw bytes, whatever the type says.

    Source: ``arraydescr_setstate`` in numpy's ``descriptor.c``.
    """
    if not isinstance(state, tuple) or len(state) not in _STATE_LENGTHS:
        return None
    flags, size = state[_FLAGS], state[_ITEM_SIZE]
    if state[0] not in _STATE_VERSIONS or not isinstance(flags, int) or not isinstance(size, int):
        return None
    kind = dtype.code.lstrip(b"<>=|")[:1]
    objects = bool(flags & _HAS_OBJECTS)
    if not -_MOST_FLAGS <= flags <= _MOST_FLAGS or (kind != b"V" and objects != (kind == b"O")):
        return None
    if kind not in (b"U", b"S", b"V"):
        return dtype.size
    if objects:
        return OBJECT
    return size if size >= 0 else None
