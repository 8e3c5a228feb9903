"""The lock file as a file: read and checked, changed by one process at a time, written whole."""

import errno
import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cli.lock_schema import read_entry
from cli.locked import Entry, check_name
from cli.parser import PROGRAM, Parser, did_you_mean
from common.errors import DiskError, ModelError, UsageError
from common.files import atomic_write, dump_json

DEFAULT = "models.lock.json"
VERSION = 1
_CONFLICT_MARKS = ("<<<<<<<", "=======", ">>>>>>>")
_CANNOT_LOCK = (errno.EBADF, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL)


def add_lock_file(verb: Parser) -> None:
    """Add the option that names the lock file."""
    verb.add_argument(
        "--lock-file",
        metavar="PATH",
        type=Path,
        default=Path(DEFAULT),
        help="the lock file (%(default)s)",
    )


def read(path: Path) -> dict[str, Entry]:
    """Read every entry of a lock file; a file that is not there has none.

    Raises:
        ModelError: when it is no JSON, of an unknown version, or ill-typed.
        DiskError: when it cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError as error:
        raise _broken(path, "is no UTF-8 text", f"byte {error.start}") from error
    except OSError as error:
        raise DiskError(f"cannot read {path}", error.strerror) from error
    return _entries(path, _parse(path, text))


def pick(models: dict[str, Entry], name: str, path: Path) -> Entry:
    """Give the entry of a name.

    Raises:
        UsageError: when the lock file has none; suggests the nearest.
    """
    if name not in models:
        got = f"{name!r}{did_you_mean(name, models)}"
        raise UsageError(f"{path} locks no such model", got, f"{PROGRAM} lock list")
    return models[name]


@contextmanager
def edit(path: Path) -> Iterator[dict[str, Entry]]:
    """Read the entries, let the block change them, and write the file if it did.

    Two processes take turns, so that neither loses what the other wrote.

    Raises:
        ModelError, DiskError: as `read`, and when it cannot be written.
    """
    check_writable(path)
    target = path.resolve()  # a lock file may be a link; the link should stay
    with _turn(target.parent):
        models = read(target)
        before = dict(models)
        yield models
        if models != before:
            _write(target, models)


def check_writable(path: Path) -> None:
    """Find out before any download whether the lock file could be written.

    Raises:
        DiskError: when its directory is missing or read-only.
    """
    folder = path.resolve().parent
    if not folder.is_dir():
        raise DiskError("the lock file's directory is not there", folder, f"mkdir -p {folder}")
    if not os.access(folder, os.W_OK):
        raise DiskError("the lock file's directory cannot be written", folder, "--lock-file PATH")


def to_json(models: dict[str, Entry]) -> dict[str, Any]:
    """Give a lock file's content as JSON data."""
    entries = {name: entry.to_json() for name, entry in models.items()}
    return {"version": VERSION, "models": entries}


def _write(target: Path, models: dict[str, Entry]) -> None:
    with atomic_write(target) as file:
        file.write(dump_json(to_json(models)).encode())


@contextmanager
def _turn(folder: Path) -> Iterator[None]:
    # NB: the directory is locked: the file is replaced, and a file beside it would be litter.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError as error:
        if error.errno not in _CANNOT_LOCK:  # NFS cannot lock a directory: as good as it gets
            raise
    try:
        yield
    finally:
        os.close(descriptor)


def _parse(path: Path, text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_no_duplicates)
    except RecursionError as error:
        raise _broken(path, "is nested too deeply", "over 1000 levels") from error
    except json.JSONDecodeError as error:
        if any(line.startswith(_CONFLICT_MARKS) for line in text.splitlines()):
            remedy = f"git checkout --theirs {path} && {PROGRAM} lock update"
            raise ModelError(
                f"{path} holds a merge conflict", f"line {error.lineno}", remedy
            ) from error
        place = f"{error.msg} at line {error.lineno}, column {error.colno}"
        raise _broken(path, "is no JSON", place) from error
    except ValueError as error:
        raise _broken(path, "names a key twice", str(error)) from error


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(next(name for name in names if names.count(name) > 1))
    return data


def _entries(path: Path, data: Any) -> dict[str, Entry]:
    version = data.get("version") if isinstance(data, dict) else None
    if version != VERSION or isinstance(version, bool):
        raise ModelError(
            f"{path} has no version that this program reads, which is {VERSION}",
            repr(version),
            f"a newer {PROGRAM} (nix flake update nix-ai-models), then {PROGRAM} lock update",
        )
    if not isinstance(data.get("models"), dict):
        raise _broken(path, "has no `models`", f"the keys {sorted(data)}")
    return {
        check_name(name): read_entry(f"models.{name}", entry)
        for name, entry in data["models"].items()
    }


def _broken(path: Path, what: str, got: str) -> ModelError:
    return ModelError(f"the lock file {path} {what}", got, f"git checkout -- {path}")
