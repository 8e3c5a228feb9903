"""The wire format of Protocol Buffers, walked in place: nothing is built, tensors are stepped over.

Source: https://protobuf.dev/programming-guides/encoding/. ONNX and TensorFlow share it. The real
libraries would have to hold a whole model in memory and are not in the closure of this project;
walking needs no schema beyond the numbers of the few fields of interest. A message that comes twice
is merged by real readers: whoever walks sees both parts, which is the safe side.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from validators.formats.problem import FormatError, Problem
from validators.formats.source import Source

WINDOW_BYTES = 16 << 10
LONGEST_TEXT = 4 << 10  # bytes of a name that is looked at
MAX_TEXT_BYTES = 64 << 20  # of all names together
MAX_FIELDS = 2_000_000  # steps over one file; the largest real graphs take about a million
MAX_DEPTH = 64
_VARINT_BYTES = 10
_VARINT, _FIXED64, _LENGTH, _GROUP, _GROUP_END, _FIXED32 = range(6)


class WireError(FormatError):
    """The bytes are no protobuf message."""


@dataclass(frozen=True)
class Field:
    """A field of a message.

    Attributes:
        number: as in the schema.
        value: of a varint; 0 for the other kinds.
        start: first byte of the content of a length-delimited field; -1 for the other kinds.
        end: first byte behind it.
    """

    number: int
    value: int
    start: int
    end: int

    @property
    def delimited(self) -> bool:
        """Whether the field holds text, bytes or a message."""
        return self.start >= 0


class Wire:
    """The messages in one source; counts its steps so that hostile input ends in bounded time."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._window = b""
        self._at = 0
        self._steps = 0
        self._text_bytes = 0

    def fields(self, start: int, end: int) -> Iterator[Field]:
        """Yield the fields of the message that lies between two places.

        Raises:
            WireError: the bytes are no message.
        """
        position, depth = start, 0
        while position < end:
            self._steps += 1
            if self._steps > MAX_FIELDS:
                raise _fail(f"more than {MAX_FIELDS} fields", position)
            tag, position = self._varint(position, end)
            number, kind = tag >> 3, tag & 7
            if not 0 < number < 1 << 29:
                raise _fail(f"field number {number}", position)
            if kind in (_GROUP, _GROUP_END):
                depth += 1 if kind == _GROUP else -1
                if not 0 <= depth <= MAX_DEPTH:
                    raise _fail("groups that do not match", position)
                continue
            field, position = self._content(number, kind, position, end)
            if not depth:  # no schema of ours has groups; what they hold, readers throw away
                yield field
        if depth:
            raise _fail("a group that does not end", position)

    def _content(self, number: int, kind: int, position: int, end: int) -> tuple[Field, int]:
        value, start = 0, -1
        if kind == _VARINT:
            value, position = self._varint(position, end)
        elif kind in (_FIXED64, _FIXED32):
            position += 8 if kind == _FIXED64 else 4
        elif kind == _LENGTH:
            length, start = self._varint(position, end)
            position = start + length
        else:
            raise _fail(f"wire type {kind}", position)
        if position > end:
            raise _fail(f"field {number} of {position - max(start, 0)} B past the end", start)
        return Field(number, value, start, position), position

    def _varint(self, position: int, end: int) -> tuple[int, int]:
        index = position - self._at
        if 0 <= index < len(self._window) and self._window[index] < 0x80 and position < end:  # noqa: PLR2004 - the continuation bit
            return self._window[index], position + 1  # nearly all of them
        value = 0
        if index < 0 or index + _VARINT_BYTES > len(self._window):
            self._window = self.source.read(position, WINDOW_BYTES)
            self._at, index = position, 0
        for count, byte in enumerate(
            self._window[index : index + min(_VARINT_BYTES, end - position)]
        ):
            value |= (byte & 0x7F) << (7 * count)
            if byte < 0x80:  # noqa: PLR2004 - the continuation bit
                return value & (1 << 64) - 1, position + count + 1
        raise _fail("a number that does not end", position)

    def text(self, field: Field) -> str:
        """Give a text field; bad UTF-8 is escaped, what is too long is cut.

        Raises:
            WireError: all texts together are longer than any real file's.
        """
        length = min(field.end - field.start, LONGEST_TEXT)
        self._text_bytes += length
        if self._text_bytes > MAX_TEXT_BYTES:
            raise _fail(f"more than {MAX_TEXT_BYTES} B of names", field.start)
        return self.source.read(field.start, length).decode("utf-8", "backslashreplace")


def _fail(what: str, position: int) -> WireError:
    trigger = f"{what} at byte {position}"
    return WireError(Problem("malformed-protobuf", "the file is no protobuf message", trigger))
