"""MessagePack stepped through: kinds, counts and extension types; no value is built.

Source: https://github.com/msgpack/msgpack/blob/master/spec.md.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from validators.formats.cursor import Cursor
from validators.formats.problem import FormatError, Problem
from validators.formats.source import Source

MAX_STEPS = 2_000_000  # values of one file
MAX_DEPTH = 512
MAX_KEPT_BYTES = 256  # of a text
_FIXED = {0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8}
_SIZED = {0xC4: "B", 0xC5: "H", 0xC6: "I", 0xD9: "B", 0xDA: "H", 0xDB: "I"}
_COUNTED = {0xDC: ("H", 1), 0xDD: ("I", 1), 0xDE: ("H", 2), 0xDF: ("I", 2)}
_EXTENSIONS = {0xC7: "B", 0xC8: "H", 0xC9: "I"}
_FIXED_EXTENSIONS = {0xD4: 1, 0xD5: 2, 0xD6: 4, 0xD7: 8, 0xD8: 16}
_NIL, _FALSE, _TRUE = 0xC0, 0xC2, 0xC3


@dataclass(frozen=True)
class Item:
    """What was met: ``text``, ``extension`` (its type in `number`) or another kind."""

    kind: str
    offset: int
    text: bytes = b""
    number: int = 0


def items(source: Source) -> Iterator[Item]:
    """Step through the first value of a file; its end is the place of the last item, ``end``.

    Raises:
        FormatError: it is no MessagePack, or holds more than any real model.
    """
    cursor = Cursor(source, ">")
    left, steps = [1], 0  # how many values each open list still wants
    while left:
        if not left[-1]:
            left.pop()
            continue
        left[-1] -= 1
        steps += 1
        if steps > MAX_STEPS or len(left) > MAX_DEPTH:
            raise _fail("more values, or deeper ones, than in any real model", cursor.offset)
        offset, code = cursor.offset, cursor.number("B", "a value")
        count = _count(cursor, code)
        if count is not None:
            left.append(count)
        else:
            yield _value(cursor, code, offset)
    yield Item("end", cursor.offset)


def _count(cursor: Cursor, code: int) -> int | None:
    """Give the number of values in a list or map; None for what is neither."""
    if 0x80 <= code <= 0x8F:  # noqa: PLR2004 - the ranges of the format, here and below
        count = 2 * (code & 0x0F)
    elif 0x90 <= code <= 0x9F:  # noqa: PLR2004
        count = code & 0x0F
    elif code in _COUNTED:
        width, each = _COUNTED[code]
        count = each * cursor.number(width, "a count")
    else:
        return None
    cursor.need(count, "the values of a list")
    return count


def _value(cursor: Cursor, code: int, offset: int) -> Item:
    if 0xA0 <= code <= 0xBF:  # noqa: PLR2004
        return _text(cursor, code & 0x1F, offset)
    if code in _SIZED:
        size = cursor.number(_SIZED[code], "a length")
        if code >= 0xD9:  # noqa: PLR2004
            return _text(cursor, size, offset)
        cursor.skip(size, "bytes")
        return Item("bytes", offset)
    if code in _EXTENSIONS or code in _FIXED_EXTENSIONS:
        fixed = _FIXED_EXTENSIONS.get(code)
        size = fixed if fixed is not None else cursor.number(_EXTENSIONS[code], "a length")
        number = cursor.number("b", "an extension's type")
        cursor.skip(size, "an extension")
        return Item("extension", offset, number=number)
    if code in _FIXED:
        cursor.skip(_FIXED[code], "a number")
    elif not (code <= 0x7F or code >= 0xE0 or code in (_NIL, _FALSE, _TRUE)):  # noqa: PLR2004
        raise _fail(f"code {code:#x}", offset)
    return Item("number", offset)


def _text(cursor: Cursor, size: int, offset: int) -> Item:
    cursor.need(size, "a text")
    text = cursor.take(min(size, MAX_KEPT_BYTES), "a text")
    cursor.skip(size - len(text), "a text")
    return Item("text", offset, text)


def _fail(what: str, offset: int) -> FormatError:
    message = "the file is no MessagePack that can be followed"
    return FormatError(Problem("malformed-msgpack", message, f"{what} at byte {offset}"))
