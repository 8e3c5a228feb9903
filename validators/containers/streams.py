"""Decompressors of the bz2, lzma and zstd kind, whose streams can follow one another."""

import bz2
import importlib
import lzma
from collections.abc import Callable
from typing import Any

from validators.containers.limits import Trouble
from validators.containers.sources import PIECE_BYTES, Decoder

LZMA_MEMORY_BYTES = 128 << 20
_LZMA_DICTIONARY_BYTES = 64 << 20  # kept of what LZMA's older format asks for
_LZMA_HEADER_BYTES = 13


class Streams:
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

    def step(self, data: bytes, most: int = PIECE_BYTES) -> bytes:
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
    return Streams(bz2.BZ2Decompressor)


def xz() -> Decoder:
    """Unpack xz, and lzma's older format."""
    return Streams(lambda: lzma.LZMADecompressor(lzma.FORMAT_AUTO, LZMA_MEMORY_BYTES))


class OldLzma(Streams):
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

    def step(self, data: bytes, most: int = PIECE_BYTES) -> bytes:
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
        return Streams(module.ZstdDecompressor)
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

    def step(self, data: bytes, most: int = PIECE_BYTES) -> bytes:
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

    def step(self, data: bytes, most: int = PIECE_BYTES) -> bytes:
        """Unpack a piece."""
        return self._inner.decompress(data, most)
