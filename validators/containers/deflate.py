"""Decompressors for deflate, that give a bounded piece at a time and do not mind wrong sums.

A loader has used the bytes before it comes to a check sum, so a wrong one must not hide them.
Formats: gzip https://www.rfc-editor.org/rfc/rfc1952, zlib https://www.rfc-editor.org/rfc/rfc1950
"""

import zlib

from validators.containers.sources import PIECE_BYTES

_MOST_GZIP_HEADER_BYTES = 1 << 20
_GZIP_HEADER_BYTES = 10
_GZIP_TRAILER_BYTES = 8  # check sum and size
_ZLIB_HEADER_BYTES = 2


class Inflate:
    """Raw deflate, one stream."""

    between = False

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(-zlib.MAX_WBITS)
        self._rest = b""
        self._stalled = False

    def step(self, data: bytes, most: int = PIECE_BYTES) -> bytes:
        """Unpack a piece."""
        piece = self._inner.decompress(self._inner.unconsumed_tail + data, most)
        self._stalled = len(piece) < most
        return piece

    @property
    def wants_input(self) -> bool:
        """Whether the input is used up."""
        return self._stalled or not self._inner.unconsumed_tail

    @property
    def finished(self) -> bool:
        """Whether the stream has ended."""
        return self._inner.eof

    @property
    def unused(self) -> bytes:
        """Input behind the end of the stream."""
        return self._inner.unused_data


class Gzip:
    """One or more gzip members, one after the other."""

    between = False

    def __init__(self) -> None:
        self._pending = b""
        self._trailer = 0  # bytes of it that are still to come
        self._inflate: Inflate | None = None
        self._first = True
        self._hungry = True
        self.finished = False

    @property
    def wants_input(self) -> bool:
        """Whether the input is used up."""
        return self._inflate.wants_input if self._inflate else self._hungry

    def step(self, data: bytes, most: int = PIECE_BYTES) -> bytes:
        """Unpack a piece, reading headers and skipping trailers on the way."""
        if self._inflate is None:
            self._pending += data
            size = self._begin()
            if size is None:
                return b""
            self._inflate = Inflate()
            data, self._pending = self._pending[size:], b""
        piece = self._inflate.step(data, most)
        if self._inflate.finished:
            self._pending, self._trailer = self._inflate.unused, _GZIP_TRAILER_BYTES
            self._inflate, self._first = None, False
            self._hungry = len(self._pending) <= _GZIP_TRAILER_BYTES
        return piece

    def _begin(self) -> int | None:
        if not self._first:
            skipped = min(self._trailer, len(self._pending))
            self._trailer -= skipped
            self._pending = self._pending[skipped:].lstrip(b"\0")  # padding is allowed
        size = _gzip_header(self._pending)
        self._hungry = size is None
        if size is None or size >= 0:
            return size
        if self._first:
            raise ValueError("no gzip header")
        self.finished = True
        return None


def _gzip_header(data: bytes) -> int | None:
    """Give the length of a gzip header; None when more bytes are needed, -1 when there is none."""
    if len(data) < _GZIP_HEADER_BYTES:
        return None if b"\x1f\x8b".startswith(data[:2]) or data[:2] == b"\x1f\x8b" else -1
    if data[:2] != b"\x1f\x8b":
        return -1
    flags, size = data[3], _GZIP_HEADER_BYTES
    if flags & 4:
        size += 2 + int.from_bytes(data[size : size + 2], "little")
    for flag in (8, 16):
        if flags & flag:
            end = data.find(b"\0", size)
            if end < 0:
                if len(data) > _MOST_GZIP_HEADER_BYTES:
                    raise ValueError("a name in a gzip header that has no end")
                return None
            size = end + 1
    size += 2 * bool(flags & 2)
    return size if size <= len(data) else None


class Zlib(Inflate):
    """A zlib stream: two header bytes, then raw deflate."""

    def __init__(self) -> None:
        super().__init__()
        self._header = _ZLIB_HEADER_BYTES

    def step(self, data: bytes, most: int = PIECE_BYTES) -> bytes:
        """Unpack a piece."""
        skip = min(self._header, len(data))
        self._header -= skip
        return super().step(data[skip:], most)
