"""FlatBuffers read in place: tables, vectors and texts, where every offset may be a lie.

Source: https://flatbuffers.dev/internals/. Nothing is built; each step checks that the bytes exist,
and steps are counted, so tables that lead to one another end.
"""

from collections.abc import Iterator
from typing import NoReturn

from validators.formats.problem import FormatError, Problem
from validators.formats.source import Source, shown

MAX_STEPS = 1_000_000  # tables, fields and items of one file; real models take thousands
MAX_ITEMS = 200_000  # of one vector of tables
MAX_TEXT_BYTES = 4096  # looked at of one text
_OFFSET = 4  # bytes


class FlatBuffer:
    """The tables of one source."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._steps = 0

    def number(self, place: int, width: int = _OFFSET, *, signed: bool = False) -> int:
        """Read an integer; raises FormatError when it is not there."""
        self._steps += 1
        if self._steps > MAX_STEPS:
            _fail("more to follow than in any real model", f"{self._steps} steps")
        if place < 0 or place + width > self.source.size:
            _fail("an offset leads outside the file", f"byte {place}")
        return int.from_bytes(self.source.read(place, width), "little", signed=signed)

    def root(self) -> int:
        """Give the place of the outermost table."""
        return self.number(0)

    def field(self, table: int, index: int) -> int:
        """Give the place of a field's value; 0 when the table lacks it."""
        schema = table - self.number(table, signed=True)
        at = 4 + 2 * index
        if at + 2 > self.number(schema, 2):
            return 0
        offset = self.number(schema + at, 2)
        return table + offset if offset else 0

    def scalar(self, table: int, index: int, width: int = _OFFSET, default: int = 0) -> int:
        """Read an integer field."""
        place = self.field(table, index)
        return self.number(place, width, signed=True) if place else default

    def follow(self, table: int, index: int) -> int:
        """Give the place that an offset field leads to; 0 when the table lacks it."""
        place = self.field(table, index)
        return place + self.number(place) if place else 0

    def vector(self, table: int, index: int) -> tuple[int, int]:
        """Give the first item's place and the number of items of a vector field."""
        place = self.follow(table, index)
        return (place + _OFFSET, self.number(place)) if place else (0, 0)

    def tables(self, table: int, index: int) -> Iterator[int]:
        """Give the places of the tables in a vector field."""
        start, count = self.vector(table, index)
        if count > MAX_ITEMS or count * _OFFSET > self.source.size:
            _fail("a count claims more than any real model has", f"{count} at byte {start}")
        for item in range(count):
            place = start + _OFFSET * item
            yield place + self.number(place)

    def text(self, table: int, index: int) -> str:
        """Read a text field, as far as it is looked at."""
        start, count = self.vector(table, index)
        if start + count > self.source.size:
            _fail("a text is longer than the file", f"{count} B at byte {start}")
        data = self.source.read(start, min(count, MAX_TEXT_BYTES))
        return data.decode("utf-8", "backslashreplace")


def _fail(message: str, trigger: str) -> NoReturn:
    raise FormatError(Problem("malformed-flatbuffer", message, trigger or shown("")))
