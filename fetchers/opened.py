"""What a source gives to a transfer: content that can be opened at an offset."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from common.errors import NotFoundError


@dataclass(frozen=True)
class Opened:
    """Content that is being received.

    Attributes:
        offset: where it begins, bytes; 0 when the server began anew.
        total: size of the whole content, bytes; None where it is not said.
        validator: strong ETag of the content, for the next ``If-Range``; None without one.
        read: gives the next bytes, at most as many as asked, none at the end, or `Interrupted`.
        close: ends the connection.
    """

    offset: int
    total: int | None
    validator: str | None
    read: Callable[[int], bytes]
    close: Callable[[], None]


Opener = Callable[[int, str | None], Opened]


@runtime_checkable
class Ranged(Protocol):
    """An opener that can also open a part: then several connections may fetch one file."""

    def __call__(self, offset: int, validator: str | None, /) -> Opened:
        """Open the content from an offset to its end."""

    def between(self, start: int, end: int) -> Opened:
        """Open the bytes from `start` up to, not including, `end`."""


def file_opener(path: Path) -> Opener:
    """Make an opener of a file of this machine."""

    def open_at(offset: int, validator: str | None) -> Opened:  # noqa: ARG001 - the opener's form
        try:
            stream = path.open("rb", buffering=0)
        except OSError as error:
            raise NotFoundError(f"cannot read {path}", error.strerror) from error
        stream.seek(offset)
        total = path.stat().st_size
        return Opened(offset, total, None, lambda count: stream.read(count) or b"", stream.close)

    return open_at
