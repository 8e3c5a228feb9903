"""The memory of what `link` made: *fingerprints* by path, kept in a state file.

A fingerprint is ``link:TARGET`` or ``file:SHA256``. A path is ours only while what lies there has
one that we remember for it, so anything that somebody put there since is left alone.
"""

import errno
import fcntl
import hashlib
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from common.errors import DiskError, ModelError
from common.files import atomic_write, dump_json

STATE_VERSION = 1
ABSENT = "absent"
OTHER = "other"
_LARGEST_OURS = 1 << 20  # bytes; a file of ours is a few lines
Made = dict[str, list[str]]


@dataclass
class State:
    """What was made.

    Attributes:
        made: the fingerprints that each path of ours may have; several while a run is under way.
        directories: those that we made.
    """

    made: Made = field(default_factory=dict)
    directories: list[str] = field(default_factory=list)


def fingerprint(path: Path) -> str:
    """Say what lies at a path: ``link:TARGET``, ``file:SHA256``, ``absent`` or ``other``."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return ABSENT
    if stat.S_ISLNK(status.st_mode):
        return f"link:{path.readlink()}"
    if stat.S_ISREG(status.st_mode) and status.st_size <= _LARGEST_OURS:
        return f"file:{hashlib.sha256(path.read_bytes()).hexdigest()}"
    return OTHER


def fingerprint_or_other(path: Path) -> str:
    """Give the fingerprint, or ``other`` where it cannot be read."""
    try:
        return fingerprint(path)
    except OSError:
        return OTHER


def write_remedy(error: OSError) -> str:
    """Say what helps where writing was refused; empty where nothing is known to."""
    read_only = error.errno in (errno.EROFS, errno.EACCES, errno.EPERM)
    return "another cacheDir, or the same as a user who may write there" if read_only else ""


@contextmanager
def turn(state: Path) -> Iterator[None]:
    """Wait until no other run has the same state file.

    Raises:
        DiskError: the directory of the state file cannot be made or opened.
    """
    try:
        state.parent.mkdir(parents=True, exist_ok=True)
        # NB: the directory is locked, because the file itself is replaced.
        descriptor = os.open(state.parent, os.O_RDONLY)
    except OSError as error:
        what = f"cannot use {state.parent}, where the links made are remembered"
        raise DiskError(what, error.strerror, write_remedy(error)) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def read_state(file: Path) -> State:
    """Read the memory; a file that is not there remembers nothing.

    Raises:
        DiskError: it cannot be read.
        ModelError: it is damaged.
    """
    try:
        data = json.loads(file.read_text("utf-8"))
        made = {str(path): [str(one) for one in prints] for path, prints in data["made"].items()}
        state = State(made, [str(path) for path in data["directories"]])
        version = data["version"]
    except FileNotFoundError:
        return State()
    except OSError as error:
        raise DiskError(f"cannot read {file}", error.strerror) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        what = f"{file}, which remembers the links made, cannot be read"
        remedy = f"mv {file} {file}.old   # the links made so far then count as somebody else's"
        raise ModelError(what, str(error), remedy) from error
    if version != STATE_VERSION:
        raise ModelError(f"{file} is of another version than {STATE_VERSION}", repr(version))
    return state


def write_state(file: Path, state: State) -> None:
    """Write the memory, unless there is nothing to remember and never was.

    Raises:
        DiskError: the disk is full or read-only.
    """
    if file.exists() or state.made or state.directories:
        with atomic_write(file, "w") as stream:
            stream.write(dump_json({"version": STATE_VERSION, **vars(state)}))
