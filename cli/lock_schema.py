"""Reading an entry of the lock file: every key is checked, and one that is wrong is named."""

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from cli.locked import Entry, LockedFile
from cli.parser import did_you_mean
from common.digest import from_sri
from common.errors import ModelError, UsageError
from common.files import check_path
from common.reference import Source

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_ENTRY_KEYS = {"source", "revision", "lockedAt", "small", "files"}
_REMEDY = "git checkout -- models.lock.json, or lock the model anew: nix-ai-model lock add"
_FILE_KEYS = {"sha256", "size", "large", "pin"}
T = TypeVar("T")


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
