"""A pickle's bytes, a bounded piece at a time, from anything that can be read at an offset."""

from typing import Protocol

WINDOW_BYTES = 256 << 10
LONGEST_NAME = 64 << 10  # bytes of a text argument that are kept; the rest is skipped
LOOKAHEAD = 16  # bytes; more than an opcode and its fixed part need
ENDED = "the data ends"  # why a walk stops where nothing follows
CUT = "an argument longer than the data"
_FIND_BYTES = 1 << 20


class Source(Protocol):
    """Bytes that can be read at any offset; short answers mean the end."""

    def read_at(self, offset: int, count: int) -> bytes:
        """Give up to `count` bytes at `offset`; fewer only at the end."""


class Ended(Exception):  # noqa: N818 - the normal way out of a walk, not an error
    """The unpickler would stop here; the message says why."""


class Window:
    """The bytes around the current opcode.

    `data` holds a piece of the source that begins at `base`, followed, at the end of the source, by
    padding so that fixed arguments can be sliced without asking; `end` is where real bytes end.
    """

    def __init__(self, source: Source, start: int = 0) -> None:
        self.source = source
        self.base = start
        self.data = b""
        self.end = 0
        self.load(start)

    def load(self, offset: int) -> None:
        """Move the window so that it begins at an absolute offset."""
        piece = self.source.read_at(offset, WINDOW_BYTES)
        self.base = offset
        self.end = len(piece)
        self.last = len(piece) < WINDOW_BYTES
        self.data = piece + b"\0" * LOOKAHEAD if self.last else piece

    @property
    def safe(self) -> int:
        """The first position (in `data`) at which the window has to be moved."""
        return self.end if self.last else self.end - LOOKAHEAD

    def at(self, offset: int, count: int) -> bytes:
        """Read bytes at an absolute offset, from the window where they are in it."""
        first = offset - self.base
        if first >= 0 and first + count <= self.end:
            return self.data[first : first + count]
        return self.source.read_at(offset, count)

    def exists(self, offset: int) -> bool:
        """Whether a byte at `offset` exists."""
        return bool(self.at(offset, 1))

    def line(self, offset: int) -> tuple[bytes | None, int]:
        r"""Read a text argument as the C unpickler does: up to and without ``\n``.

        NB: Where the data ends before the line does, unpicklers drop the last byte, whatever it is.

        Returns:
            The text (None when it is longer than `LONGEST_NAME`) and the offset behind its end.
        """
        first = offset - self.base
        if 0 <= first < self.end:
            stop = self.data.find(b"\n", first, self.end)
            if stop >= 0:
                text = self.data[first:stop]
                return (text if len(text) <= LONGEST_NAME else None), self.base + stop + 1
        return self._long_line(offset)

    def _long_line(self, offset: int) -> tuple[bytes | None, int]:
        position = offset
        while piece := self.source.read_at(position, _FIND_BYTES):
            stop = piece.find(b"\n")
            if stop >= 0:
                after = position + stop + 1
                size = after - 1 - offset
                whole = size <= LONGEST_NAME
                return (self.source.read_at(offset, size) if whole else None), after
            position += len(piece)
        size = max(position - offset - 1, 0)
        return (self.source.read_at(offset, size) if size <= LONGEST_NAME else None), position
