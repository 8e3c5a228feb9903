"""An entry of the lock file as a value: what one model is, by hash, and how it is written."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cli.console import count
from common.digest import to_sri
from common.errors import UsageError
from common.progress import show_bytes
from common.reference import Source, show_reference

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,99}")
_NOT_A_NAME_CHARACTER = re.compile(r"[^A-Za-z0-9._+-]+")


@dataclass(frozen=True)
class LockedFile:
    """A file by content.

    Attributes:
        sha256: lower-case hex.
        size: bytes.
        large: whether it is a fixed-output derivation of its own.
        pin: what names this very content upstream; None where path and revision do.
    """

    sha256: str
    size: int
    large: bool = False
    pin: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Give the form of the lock file."""
        flag = {"large": True} if self.large else {}
        pin = {"pin": self.pin} if self.pin else {}
        return {"sha256": to_sri(self.sha256), "size": self.size} | flag | pin


@dataclass(frozen=True)
class Entry:
    """A model of the lock file.

    Attributes:
        source: as the user asked for it, with the named revision (``main``).
        revision: what that was when it was locked; empty where the content alone pins it.
        locked_at: UTC, ``2026-11-20T12:00:00Z``.
        small: NAR hash (hex sha256) of the tree of small files; None where there are none.
        files: by path.
    """

    source: Source
    revision: str
    locked_at: str
    small: str | None
    files: Mapping[str, LockedFile]

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for file in self.files.values())

    def same_content(self, other: "Entry") -> bool:
        """Whether the other entry has the same files at the same revision."""
        mine = (self.revision, self.small, self.files)
        return mine == (other.revision, other.small, other.files)

    def describe(self) -> str:
        """Say in a line what is locked."""
        size = f"{count(len(self.files), 'file')}, {show_bytes(self.size)}"
        at = f" at {self.revision}" if self.revision else ""
        return f"{show_reference(self.source)}{at} ({size})"

    def to_json(self) -> dict[str, Any]:
        """Give the form of the lock file."""
        small = {"small": {"hash": to_sri(self.small)}} if self.small else {}
        return small | {
            "source": self.source.to_json(),
            "revision": self.revision,
            "lockedAt": self.locked_at,
            "files": {path: file.to_json() for path, file in self.files.items()},
        }


def now() -> str:
    """Give the present time as an entry holds it."""
    return datetime.now(tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def check_name(name: str) -> str:
    """Return the name of a model unchanged.

    Raises:
        UsageError: when Nix could not use it as the name of a store path.
    """
    if not _NAME.fullmatch(name):
        raise UsageError("this is no name for a model", repr(name), to_name(name))
    return name


def to_name(text: str) -> str:
    """Make a model's name from any text, ``model`` where nothing is left of it."""
    return _NOT_A_NAME_CHARACTER.sub("-", text).strip("-.+")[:100] or "model"
