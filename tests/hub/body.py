"""Sending the content of a file: ranges, speed, and the faults that happen inside a body."""

import re
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tests.hub.repos import Content, Sparse

CHUNK_BYTES = 1 << 20
SENDFILE_BYTES = 16 << 20  # a piece is counted as sent before it is
STEPS_A_SECOND = 100  # of a body whose rate is limited; what a client that dies did not get
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_INVERT = bytes(255 - value for value in range(256))


@dataclass(frozen=True)
class Span:
    """Part of a file: `start` inclusive, `end` exclusive."""

    start: int
    end: int


class UnsatisfiableError(Exception):
    """Answered with 416."""


def parse_range(header: str, size: int) -> Span | None:
    """Read a Range header of one range (RFC 9110, section 14); None means the whole file.

    Raises:
        UnsatisfiableError: when the range begins behind the end.
    """
    found = _RANGE.fullmatch(header.strip())
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        span = Span(max(0, size - int(found[2])), size)
    else:
        span = Span(int(found[1]), min(size, int(found[2]) + 1) if found[2] else size)
    if span.start >= size or span.end <= span.start:
        raise UnsatisfiableError
    return span


@dataclass(frozen=True)
class Sending:
    """How a body is sent.

    Attributes:
        span: of the file.
        invert: whether every byte is inverted.
        flips: offsets in the file of single bytes to invert.
        rate: bytes a second, 0 for as fast as it goes.
        count: told how many bytes are about to be sent (or, negative, were not).
    """

    span: Span
    invert: bool
    flips: frozenset[int]
    rate: int
    count: Callable[[int], None]

    def send(self, connection: socket.socket, content: Content) -> None:
        if isinstance(content, Sparse):
            raise TypeError("a sparse file has no bytes")
        if isinstance(content, Path):
            with content.open("rb") as file:
                if not (self.invert or self.flips or self.rate):
                    self._sendfile(connection, file)
                    return
                self._chunks(connection, lambda at, size: (file.seek(at), file.read(size))[1])
        else:
            self._chunks(connection, lambda at, size: content[at : at + size])

    def _sendfile(self, connection: socket.socket, file: BinaryIO) -> None:
        for start in range(self.span.start, self.span.end, SENDFILE_BYTES):
            size = min(SENDFILE_BYTES, self.span.end - start)
            self.count(size)
            try:
                connection.sendfile(file, start, size)
            finally:
                self.count(file.tell() - start - size)

    def _chunks(self, connection: socket.socket, read: Callable[[int, int], bytes]) -> None:
        step = max(1, min(CHUNK_BYTES, self.rate // STEPS_A_SECOND)) if self.rate else CHUNK_BYTES
        for start in range(self.span.start, self.span.end, step):
            piece = self._damage(start, read(start, min(step, self.span.end - start)))
            self.count(len(piece))
            connection.sendall(piece)
            if self.rate:
                time.sleep(len(piece) / self.rate)

    def _damage(self, start: int, piece: bytes) -> bytes:
        damaged = bytearray(piece.translate(_INVERT) if self.invert else piece)
        for offset in self.flips:
            if start <= offset < start + len(piece):
                damaged[offset - start] ^= 0xFF
        return bytes(damaged)


def arm_reset(connection: socket.socket) -> None:
    """Make the next close of this connection a TCP reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def is_armed(connection: socket.socket) -> bool:
    packed = connection.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)
    return packed[:4] != bytes(4)
