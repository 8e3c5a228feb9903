"""Reading a file forwards, a window at a time, where every length in it may be a lie."""

import struct
from typing import Literal

from validators.formats.problem import FormatError, Problem
from validators.formats.source import Source

WINDOW_BYTES = 1 << 20
LONGEST_BYTES = 64 << 20  # one value that is read at once


class Cursor:
    """A position in a source; every step checks that the bytes exist before it takes them."""

    def __init__(self, source: Source, order: Literal["<", ">"] = "<", offset: int = 0) -> None:
        self.source = source
        self.order = order
        self.offset = offset
        self._window = b""
        self._start = 0

    @property
    def left(self) -> int:
        """Bytes up to the end of the file."""
        return self.source.size - self.offset

    def need(self, count: int, what: str) -> None:
        """Make sure that many bytes are left.

        Raises:
            FormatError: they are not.
        """
        if count > self.left:
            message = "a length or count claims more than the file has"
            trigger = f"{what} at byte {self.offset}: {count} B, {max(self.left, 0)} are left"
            raise FormatError(Problem("lying-length", message, trigger, "download it again"))

    def take(self, count: int, what: str) -> bytes:
        """Read bytes; raises FormatError when they are missing or too many for one value."""
        self.need(count, what)
        if count > LONGEST_BYTES:
            message = "one value is larger than any real one"
            raise FormatError(Problem("huge-value", message, f"{what}: {count} B"))
        begin = self.offset - self._start
        if begin < 0 or begin + count > len(self._window):
            self._window = self.source.read(self.offset, max(count, WINDOW_BYTES))
            self._start, begin = self.offset, 0
        self.offset += count
        return self._window[begin : begin + count]

    def skip(self, count: int, what: str) -> None:
        """Step over bytes without reading them."""
        self.need(count, what)
        self.offset += count

    def number(self, code: str, what: str) -> int:
        """Read one integer, by its `struct` code."""
        packed = self.take(struct.calcsize(f"={code}"), what)
        return int(struct.unpack(f"{self.order}{code}", packed)[0])
