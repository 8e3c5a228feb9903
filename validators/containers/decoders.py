"""Decompressors that give a bounded piece at a time and do not mind wrong check sums.

A loader has used the bytes before it comes to a check sum, so a wrong one must not hide them.
Formats: gzip https://www.rfc-editor.org/rfc/rfc1952, zlib https://www.rfc-editor.org/rfc/rfc1950
"""

import bz2
import importlib
import lzma
import zlib
from collections.abc import Callable
from typing import Any

from validators.containers.limits import Trouble
from validators.containers.sources import Decoder

OUTPUT_BYTES = 256 << 10
LZMA_MEMORY_BYTES = 128 << 20
_LZMA_DICTIONARY_BYTES = 64 << 20  # kept of what LZMA's older format asks for
_LZMA_HEADER_BYTES = 13
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

    def step(self, data: bytes, most: int = OUTPUT_BYTES) -> bytes:
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

    def step(self, data: bytes, most: int = OUTPUT_BYTES) -> bytes:
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

    def step(self, data: bytes, most: int = OUTPUT_BYTES) -> bytes:
        """Unpack a piece."""
        skip = min(self._header, len(data))
        self._header -= skip
        return super().step(data[skip:], most)


class _Library:
    """A decompressor of the bz2 or lzma kind, restarted for every stream that follows."""

    finished = False  # another stream may follow

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._inner = make()
        self._pending = b""
        self.between = False

    @property
    def wants_input(self) -> bool:
        """Whether the input is used up."""
        return not self._pending and bool(self._inner.needs_input)

    def step(self, data: bytes, most: int = OUTPUT_BYTES) -> bytes:
        """Unpack a piece."""
        data, self._pending = self._pending + data, b""
        if self.between:
            data = data.lstrip(b"\0")  # padding is allowed
        piece: bytes = self._inner.decompress(data, most)
        self.between &= not piece
        if self._inner.eof:
            self._pending = self._inner.unused_data
            self._inner = self._make()
            self.between = True
        return piece


def bzip2() -> Decoder:
    """Unpack bzip2."""
    return _Library(bz2.BZ2Decompressor)


def xz() -> Decoder:
    """Unpack xz, and lzma's older format."""
    return _Library(lambda: lzma.LZMADecompressor(lzma.FORMAT_AUTO, LZMA_MEMORY_BYTES))


class OldLzma(_Library):
    """LZMA's older format, whatever memory its header asks for.

    A stream that unpacks to less than the dictionary needs no more than that; so the header may be
    changed, and a large number in it hides nothing.
    """

    def __init__(self) -> None:
        super().__init__(lambda: lzma.LZMADecompressor(lzma.FORMAT_AUTO, LZMA_MEMORY_BYTES))
        self._head = b""

    @property
    def wants_input(self) -> bool:
        """Whether the input is used up."""
        return len(self._head) < _LZMA_HEADER_BYTES or super().wants_input

    def step(self, data: bytes, most: int = OUTPUT_BYTES) -> bytes:
        """Unpack a piece."""
        if len(self._head) < _LZMA_HEADER_BYTES:
            whole = self._head + data
            self._head, data = whole[:_LZMA_HEADER_BYTES], whole[_LZMA_HEADER_BYTES:]
            if len(self._head) < _LZMA_HEADER_BYTES:
                return b""
            dictionary = int.from_bytes(self._head[1:5], "little")
            kept = min(dictionary, _LZMA_DICTIONARY_BYTES).to_bytes(4, "little")
            data = self._head[:1] + kept + self._head[5:] + data
        return super().step(data, most)


def zstandard() -> Decoder:
    """Unpack Zstandard, by whichever library is there.

    Raises:
        Trouble: there is none.
    """
    for name in ("compression.zstd", "backports.zstd"):
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        return _Library(module.ZstdDecompressor)
    raise Trouble("unreadable", "Zstandard needs Python 3.14 or the package backports.zstd to open")


class ZipLzma:
    """LZMA as zip has it: version and properties first, then a raw stream."""

    between = False

    def __init__(self) -> None:
        self._inner: lzma.LZMADecompressor | None = None
        self._head = b""

    @property
    def wants_input(self) -> bool:
        """Whether the input is used up."""
        return self._inner is None or self._inner.needs_input

    @property
    def finished(self) -> bool:
        """Whether the stream has ended."""
        return self._inner is not None and self._inner.eof

    def step(self, data: bytes, most: int = OUTPUT_BYTES) -> bytes:
        """Unpack a piece."""
        if self._inner is None:
            self._head += data
            size = int.from_bytes(self._head[2:4], "little")
            if len(self._head) < 4 + size:
                return b""
            filters = [lzma_filter(self._head[4 : 4 + size])]
            self._inner = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters)
            data = self._head[4 + size :]
        return self._inner.decompress(data, most)


def lzma_filter(properties: bytes) -> dict[str, int]:
    """Give LZMA1's five bytes of properties as liblzma wants them."""
    first = properties[0]
    return {
        "id": lzma.FILTER_LZMA1,
        "lc": first % 9,
        "lp": first // 9 % 5,
        "pb": first // 45,
        "dict_size": min(int.from_bytes(properties[1:5], "little"), LZMA_MEMORY_BYTES),
    }


class RawLzma:
    """LZMA without a header, as 7z has it."""

    between = False

    def __init__(self, filters: list[dict[str, int]]) -> None:
        self._inner = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters)

    @property
    def wants_input(self) -> bool:
        """Whether the input is used up."""
        return self._inner.needs_input

    @property
    def finished(self) -> bool:
        """Whether the stream has ended."""
        return self._inner.eof

    def step(self, data: bytes, most: int = OUTPUT_BYTES) -> bytes:
        """Unpack a piece."""
        return self._inner.decompress(data, most)
