"""An entry of the lock file as a value: what one model is, by hash, and how it is written."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from cli.console import count
from cli.parser import did_you_mean
from common.digest import from_sri, to_sri
from common.errors import ModelError, UsageError
from common.files import check_path
from common.progress import show_bytes
from common.reference import Source, show_reference

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,99}")
_NOT_A_NAME_CHARACTER = re.compile(r"[^A-Za-z0-9._+-]+")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_ENTRY_KEYS = {"source", "revision", "lockedAt", "small", "files"}
_REMEDY = "git checkout -- models.lock.json, or lock the model anew: nix-ai-model lock add"
_FILE_KEYS = {"sha256", "size", "large", "pin"}
T = TypeVar("T")


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


def read_entry(where: str, data: Any) -> Entry:
    """Read an entry of a lock file.

    Args:
        where: the key of the entry, for messages (``models.minilm``).
        data: its JSON value.

    Raises:
        ModelError: naming the key that is unknown, missing, or of a wrong type.
    """
    _check_keys(where, data, _ENTRY_KEYS)
    small = data.get("small")
    files = _typed(where, data, "files", dict)
    locked_at = _typed(where, data, "lockedAt", str)
    if not _TIME.fullmatch(locked_at):
        raise _bad(f"{where}.lockedAt", "a time such as 2026-11-20T12:00:00Z", locked_at)
    return Entry(
        source=_source(f"{where}.source", _typed(where, data, "source", dict)),
        revision=_typed(where, data, "revision", str),
        locked_at=locked_at,
        small=None if small is None else _small(f"{where}.small", small),
        files={path: _file(f'{where}.files."{path}"', path, file) for path, file in files.items()},
    )


def _source(where: str, data: dict[str, Any]) -> Source:
    try:
        source = Source.from_json(data)
    except UsageError as error:
        raise _bad(where, "a source", str(error).partition("\n")[0]) from error
    if not isinstance(source.attrs, dict):
        raise _bad(f"{where}.{source.type}", "an object", source.attrs)
    return source


def _small(where: str, data: Any) -> str:
    _check_keys(where, data, {"hash"})
    return _sha256(where, data, "hash")


def _file(where: str, path: str, data: Any) -> LockedFile:
    try:
        check_path(path)
    except UsageError as error:
        raise _bad(where, "a path inside the model", path) from error
    _check_keys(where, data, _FILE_KEYS)
    large = _typed(where, data, "large", bool) if "large" in data else False
    size = _typed(where, data, "size", int)
    if isinstance(size, bool) or size < 0:
        raise _bad(f"{where}.size", "a number of bytes", size)
    pin = _typed(where, data, "pin", str) if "pin" in data else None
    return LockedFile(_sha256(where, data, "sha256"), size, large, pin)


def _sha256(where: str, data: dict[str, Any], key: str) -> str:
    text = _typed(where, data, key, str)
    try:
        algorithm, digest = from_sri(text)
    except UsageError:
        algorithm, digest = "", ""
    if algorithm != "sha256":
        raise _bad(f"{where}.{key}", "sha256-<44 base64 digits>", text)
    return digest


def _check_keys(where: str, data: Any, known: set[str]) -> None:
    if not isinstance(data, dict):
        raise _bad(where, "an object", data)
    for key in sorted(set(data) - known):
        what = "the lock file has a key that means nothing"
        raise ModelError(what, f"`{where}.{key}`{did_you_mean(key, known)}", _REMEDY)


def _typed(where: str, data: dict[str, Any], key: str, kind: type[T]) -> T:
    if not isinstance(data.get(key), kind):
        raise _bad(f"{where}.{key}", f"{_KINDS[kind]}", data.get(key, "nothing"))
    value: T = data[key]
    return value


_KINDS: Mapping[type, str] = {dict: "an object", str: "a text", int: "a number", bool: "a boolean"}


def _bad(where: str, expected: str, got: Any) -> ModelError:
    return ModelError(
        f"`{where}` of the lock file should be {expected}",
        repr(got),
        _REMEDY,
    )
