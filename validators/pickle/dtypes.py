"""How many bytes an item of a numpy dtype takes, without numpy."""

import re

from validators.pickle.values import Dtype, Value

OBJECT = -1  # size of items that are pickled instead of written raw
_CODE = re.compile(rb"[<>=|]?([a-zA-Z?])([0-9]{0,9})")
_ONE_BYTE = {b"?": 1, b"b": 1, b"B": 1}
_DATES = {b"M": 8, b"m": 8}
_UNICODE_BYTES = 4  # bytes a character
_STATE_ITEM_SIZE = 5  # index in the tuple of ``dtype.__setstate__``


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
    if kind in b"iufcSb" and digits:
        return number
    return _DATES.get(kind) if digits else _ONE_BYTE.get(kind)


def built_size(dtype: Dtype, state: Value) -> int | None:
    """Give the item size after BUILD, which can change that of strings but of no number.

    Source: ``arraydescr_setstate`` in numpy's ``descriptor.c``.
    """
    if dtype.code.lstrip(b"<>=|")[:1] not in (b"U", b"S"):
        return dtype.size
    if isinstance(state, tuple) and len(state) > _STATE_ITEM_SIZE:
        size = state[_STATE_ITEM_SIZE]
        return size if isinstance(size, int) and size >= 0 else None
    return None
