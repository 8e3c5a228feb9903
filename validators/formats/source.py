"""The bytes a check looks at: one file of the model, read by position and never as a whole."""

import os
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from validators.base import Model

SHOWN_CHARACTERS = 160


@dataclass(frozen=True)
class Source:
    """A file that is open for reading.

    Attributes:
        name: path inside the model, as findings show it.
        stream: seekable, binary.
        size: bytes.
    """

    name: str
    stream: BinaryIO
    size: int

    def read(self, offset: int, length: int) -> bytes:
        """Read up to `length` bytes at `offset`; fewer, or none, behind the end."""
        if offset >= self.size or length <= 0:
            return b""
        self.stream.seek(offset)
        return self.stream.read(min(length, self.size - offset))

    @property
    def base(self) -> str:
        """The file's own name as a careless reader sees it: last part, no case, no odd spaces."""
        last = self.name.rpartition("!")[2].rpartition("/")[2]
        return unicodedata.normalize("NFKC", last).strip(" .").casefold()


def sources(model: Model) -> Iterator[Source]:
    """Open the model's files one after the other, in their order."""
    for file in model.files:
        with file.local.open("rb") as stream:
            yield Source(file.path, stream, os.fstat(stream.fileno()).st_size)


def shown(value: object) -> str:
    """Write what came from a file so that a report stays short, printable and on one line."""
    text = repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"
