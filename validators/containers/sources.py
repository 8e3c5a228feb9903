"""Bytes that can be read at any offset: of a file, of a part of it, of a compressed stream."""

import io
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from validators.containers.limits import (
    BOMB_BYTES,
    BOMB_RATIO,
    IDLE_PACKED_BYTES,
    SPOOL_MEMORY_BYTES,
    Budget,
    Trouble,
)

PIECE_BYTES = 256 << 10
SALVAGE_BYTES = 512  # unpacked at once near a break
_HEAD_BYTES = 16 << 10  # of a file, read once
PACKED_BYTES = 16 << 10  # read at once of a compressed stream; what a tiny stream leaves is copied


class Source(Protocol):
    """Random access to bytes."""

    def read_at(self, offset: int, count: int) -> bytes:
        """Give up to `count` bytes at `offset`; fewer only at the end."""

    @property
    def size(self) -> int | None:
        """Bytes in all; None while nobody has read to the end."""


def budget_of(source: Source) -> Budget:
    """Give the budget that everything in a file shares."""
    shared: Budget | None = getattr(source, "budget", None)
    return shared or Budget(source.size)


class FileSource:
    """A file on disk, read by position so that nothing else of it enters memory."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb", buffering=0)
        self.size: int | None = os.fstat(self._file.fileno()).st_size
        self.budget = Budget(self.size)
        self._head = self._pread(0, _HEAD_BYTES)  # what nearly every check asks for

    def read_at(self, offset: int, count: int) -> bytes:
        """Give bytes of the file."""
        if offset + count <= len(self._head) or len(self._head) < _HEAD_BYTES:
            return self._head[offset : offset + count]
        return self._pread(offset, count)

    def _pread(self, offset: int, count: int) -> bytes:
        if offset >= (self.size or 0):
            return b""
        pieces = []
        while count and (piece := os.pread(self._file.fileno(), count, offset)):
            pieces.append(piece)
            offset += len(piece)
            count -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class Slice:
    """A part of another source, such as a stored member of a zip: read in place, never copied."""

    def __init__(self, parent: Source, start: int, size: int) -> None:
        self.size: int | None = size
        self.budget = budget_of(parent)
        self.readable = size  # bytes; fewer where the parent is a part that ends before
        self.parent, self.start = parent, start
        if isinstance(parent, Slice):  # a part of a part is read in one step, however deep it is
            self.readable = min(size, parent.readable - start)
            self.parent, self.start = parent.parent, parent.start + start

    def read_at(self, offset: int, count: int) -> bytes:
        """Give bytes of the part."""
        count = min(count, self.readable - offset)
        return self.parent.read_at(self.start + offset, count) if count > 0 else b""


class Decoder(Protocol):
    """One direction of a decompressor."""

    def step(self, data: bytes, most: int = PIECE_BYTES) -> bytes:
        """Take compressed bytes (none: go on with what was taken), give up to `most` unpacked."""

    @property
    def wants_input(self) -> bool:
        """Whether nothing more comes without more input."""

    @property
    def finished(self) -> bool:
        """Whether the stream has ended."""

    @property
    def between(self) -> bool:
        """Whether a stream has ended, and nothing came of another that might follow."""


class Unpacked:
    """What a compressed stream unpacks to; unpacked only as far as somebody reads.

    Args:
        parent: holds the compressed bytes.
        start: where they begin in `parent`.
        packed: how many there are at most; None when unknown.
        decoder: makes a fresh decoder.
    """

    def __init__(
        self, parent: Source, start: int, packed: int | None, decoder: Callable[[], Decoder]
    ) -> None:
        self._input = Slice(parent, start, packed if packed is not None else 1 << 62)
        self._packed = packed
        self._read = 0
        self._make = decoder
        self._decoder = decoder()
        self._spool = tempfile.SpooledTemporaryFile(max_size=SPOOL_MEMORY_BYTES)  # noqa: SIM115
        self._have = 0
        self._ended = False
        self._refused: Trouble | None = None
        self._idle = False
        self.budget = budget_of(parent)
        self.broken = ""

    @property
    def size(self) -> int | None:
        """Bytes in all, once the end has been read."""
        return self._have if self._ended else None

    def read_at(self, offset: int, count: int) -> bytes:
        """Give unpacked bytes.

        Raises:
            Trouble: it unpacks to more than is reasonable.
        """
        while not self._ended and self._have < offset + count:
            self._more()
        if offset >= self._have:
            return b""
        self._spool.seek(offset)
        return self._spool.read(count)

    def finish(self) -> None:
        """See whether it is a bomb that nobody has read so far, as far as that costs little.

        NB: nothing can be read from it any more.

        Raises:
            Trouble: it is.
        """
        self._idle = True
        self._spool.close()
        while not self._ended and self._read < IDLE_PACKED_BYTES:
            self._more()

    def _more(self) -> None:
        if self._refused:
            raise self._refused
        data = b""
        if self._decoder.wants_input:
            data = self._input.read_at(self._read, PACKED_BYTES)
            self._read += len(data)
            if not data:
                self._ended = True
                return
        try:
            piece = self._decoder.step(data)
        except Exception as error:  # noqa: BLE001 - every library has its own for "broken"
            # NB: a loader has used what came before the break, so it is judged all the same.
            salvaged = self._salvage()
            if salvaged or not self._decoder.between:
                self.broken = str(error) or type(error).__name__
            self._ended = True
            return
        self._keep(piece)
        self._ended = self._decoder.finished
        self._check(len(piece))

    def _keep(self, piece: bytes) -> None:
        if not self._idle:
            self._spool.seek(0, io.SEEK_END)
            self._spool.write(piece)
        self._have += len(piece)

    def _salvage(self) -> int:
        """Unpack once more, in ever smaller pieces, up to the byte at which it breaks.

        A decompressor that fails gives nothing, not even what came before the failure within the
        same piece; loaders that read in smaller pieces have got it by then.
        """
        before = self._have
        for most in (SALVAGE_BYTES, 1):
            with suppress(Exception):  # it breaks again, that much later
                self._unpack_again(most)
        return self._have - before

    def _unpack_again(self, most: int) -> None:
        decoder, read, have = self._make(), 0, 0
        enough = self._have + PIECE_BYTES
        while not decoder.finished and self._have < enough:
            data = b""
            if decoder.wants_input:
                data = self._input.read_at(read, PACKED_BYTES)
                read += len(data)
                if not data:
                    return
            known = min(self._have - have, PIECE_BYTES)
            piece = decoder.step(data, known or most)
            have += len(piece)
            if not known:
                self._keep(piece)

    def _check(self, count: int) -> None:
        try:
            self._check_ratio()
            self.budget.unpack(count)
        except Trouble as trouble:
            self._refused = trouble  # so that it does not go on with the next who reads
            raise

    def _check_ratio(self) -> None:
        if self._have > BOMB_BYTES and self._have > BOMB_RATIO * max(self._read, 1):
            message = f"unpacks to more than {BOMB_RATIO} times its size ({self._have:,} bytes)"
            raise Trouble("bomb", message)


class Reader(io.RawIOBase):
    """A source as a seekable binary file."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._position = 0

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def seekable(self) -> bool:
        """Say that it can be sought."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move; from the end only where reading all of it is bounded."""
        if whence == io.SEEK_CUR:
            offset += self._position
        elif whence == io.SEEK_END:
            offset += length(self._source)
        self._position = max(offset, 0)
        return self._position

    def tell(self) -> int:
        """Give the position."""
        return self._position

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Read into a buffer."""
        piece = self._source.read_at(self._position, len(buffer))
        buffer[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)


def length(source: Source) -> int:
    """Give the size of a source, reading it to its end where that is the only way."""
    offset = 0
    while source.size is None:
        offset += len(source.read_at(offset, PIECE_BYTES)) or 1
    return source.size
