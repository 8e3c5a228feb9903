"""The header of a numpy array, read without numpy and without evaluating it.

Source: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

import ast
import re
from dataclasses import dataclass
from math import prod
from typing import Any, NoReturn

from validators.formats.problem import FormatError, Problem
from validators.formats.source import Source, shown

MAGIC = b"\x93NUMPY"
MAX_HEADER_BYTES = 1 << 20
MAX_ITEM_BYTES = 1 << 32
MAX_DIMENSIONS = 64
_LENGTH_BYTES = {1: 2, 2: 4, 3: 4}
_LONG = re.compile(r"(?<=\d)L(?=[,)\s])")  # how Python 2 wrote large integers
_KEYS = {"descr", "fortran_order", "shape"}
_PLAIN = re.compile(r"[<>|=]?(?P<kind>[?bBiufcmMSaUV])(?P<size>\d{0,10})(?:\[[^\]]{1,20}\])?")
_DEFAULT_WIDTHS = {"?": 1, "b": 1, "B": 1}


@dataclass(frozen=True)
class Header:
    """What a header says.

    Attributes:
        descr: the type as numpy writes it: a text, or a list of fields.
        shape: items along each dimension.
        start: first byte of the data.
    """

    descr: Any
    shape: tuple[int, ...]
    start: int


def _fail(rule: str, message: str, trigger: str) -> NoReturn:
    raise FormatError(Problem(rule, message, trigger, "save it again with numpy.save"))


def read(source: Source) -> Header:
    """Read a header.

    Raises:
        FormatError: it is broken, too long, or anything but plain literals.
    """
    version = source.read(len(MAGIC), 2)
    width = _LENGTH_BYTES.get(version[0] if version else 0, 0)
    raw_length = source.read(len(MAGIC) + 2, width)
    if not width or len(raw_length) < width:
        _fail("npy-version", "the version of the array is unknown", shown(version))
    length, start = int.from_bytes(raw_length, "little"), len(MAGIC) + 2 + width
    if length > MAX_HEADER_BYTES:
        _fail("huge-header", "the header of the array is larger than any real one", f"{length} B")
    raw = source.read(start, length)
    if len(raw) < length:
        _fail("lying-length", "the header of the array ends behind the file", f"{length} B")
    value = _literal(raw.decode("utf-8" if version[0] == 3 else "latin-1", "replace"))  # noqa: PLR2004 - the version with UTF-8
    if not isinstance(value, dict) or value.keys() != _KEYS:
        _fail("npy-header", "the header of the array lacks its three fields", shown(value))
    return Header(value["descr"], _shape(value["shape"]), start + length)


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(_LONG.sub("", text.strip(" \t\n\0")))
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError) as error:
        trigger = f"{type(error).__name__}: {shown(text)}"
        _fail("npy-header", "the header of the array is more than plain literals", trigger)


def _shape(shape: Any) -> tuple[int, ...]:
    plain = isinstance(shape, tuple) and len(shape) <= MAX_DIMENSIONS
    if not plain or not all(type(size) is int and 0 <= size < 1 << 63 for size in shape):
        _fail("npy-header", "the shape of the array is no tuple of sizes", shown(shape))
    return tuple(shape)


def item_size(descr: Any) -> int:
    """Give the bytes of an item.

    Raises:
        FormatError: the type holds Python objects, or is none.
    """
    if isinstance(descr, str):
        return _text_size(descr)
    if isinstance(descr, tuple) and len(descr) == 2:  # noqa: PLR2004 - a type and its own shape
        return item_size(descr[0]) * _items(descr[1])
    if not isinstance(descr, list) or not descr:
        _fail("npy-type", "the type of the array is none that numpy writes", shown(descr))
    total = 0
    for part in descr:
        if not isinstance(part, tuple) or len(part) not in (2, 3):
            _fail("npy-type", "a field of the array is none that numpy writes", shown(part))
        total += item_size(part[1]) * _items(part[2] if len(part) == 3 else ())  # noqa: PLR2004
    return total


def _items(shape: Any) -> int:
    return prod(_shape(shape if isinstance(shape, tuple) else (shape,)))


def _text_size(descr: str) -> int:
    if descr.lstrip("<>|=")[:1] == "O" or "object" in descr.casefold():
        message = "the array holds Python objects, which numpy unpickles"
        _fail("object-array", message, shown(descr))
    match = _PLAIN.fullmatch(descr)
    if match is None or int(match["size"] or 0) > MAX_ITEM_BYTES:
        _fail("npy-type", "the type of the array is none that numpy writes", shown(descr))
    kind = match["kind"]
    size = int(match["size"]) if match["size"] else _DEFAULT_WIDTHS.get(kind, 8)
    return size * (4 if kind == "U" else 1)
