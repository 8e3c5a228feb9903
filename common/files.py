"""The files of a model: their names, which of them are wanted, and writing them safely."""

import json
import os
import re
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import translate
from pathlib import Path, PurePosixPath
from typing import IO, Any

from common.errors import DiskError, UsageError

LARGE_BYTES = 1 << 20  # from here on a file is a derivation of its own, shared between models
_STORE_NAME_BAD = re.compile(r"[^A-Za-z0-9+._?=-]+")
STORE_NAME_LONGEST = 200  # characters, a little below Nix's own limit


@dataclass(frozen=True, order=True)
class RemoteFile:
    """A file as upstream describes it, or as the lock has it.

    Attributes:
        path: inside the model, POSIX, relative, no ``..``.
        size: bytes; None where upstream does not say.
        sha256: lower-case hex; None where upstream does not publish it.
        git_sha1: git blob id; None where there is none.
        pin: what names this very content upstream (VersionId, generation, ETag, a blob digest).
    """

    path: str
    size: int | None = None
    sha256: str | None = None
    git_sha1: str | None = None
    pin: str | None = None

    @property
    def large(self) -> bool:
        """Whether the file becomes a fixed-output derivation of its own."""
        return self.sha256 is not None or (self.size or 0) >= LARGE_BYTES


def check_path(path: str) -> str:
    """Return a path inside a model unchanged.

    Raises:
        UsageError: when it is absolute, empty, climbs out, or holds a control character.
    """
    parts = path.split("/")
    bad = not path or any(part in ("", ".", "..") for part in parts) or "\\" in path
    if bad or any(ord(character) < ord(" ") or character == "\x7f" for character in path):
        raise UsageError("a file of this model has a path that leaves the model", repr(path))
    return path


def select(paths: Iterable[str], include: Sequence[str], exclude: Sequence[str]) -> list[str]:
    """Keep the paths that match any pattern of `include` and none of `exclude`, sorted.

    Patterns are shell globs in which ``*`` crosses ``/``, as on the Hugging Face Hub; one that ends
    in ``/`` means everything below. An empty `include` means every file.
    """
    keep = [re.compile(translate(_below(pattern))) for pattern in include or ("*",)]
    drop = [re.compile(translate(_below(pattern))) for pattern in exclude]
    return sorted(
        path
        for path in paths
        if any(rule.match(path) for rule in keep) and not any(rule.match(path) for rule in drop)
    )


def _below(pattern: str) -> str:
    return f"{pattern}*" if pattern.endswith("/") else pattern


def store_name(path: str) -> str:
    """Give the store name of a file: its base name, with runs of what Nix refuses made ``-``.

    A name made only of what Nix allows is kept, so ``nix-store --add-fixed`` of a file
    with that name gives the very path of its derivation.
    """
    # NB: as `storeName` in lib/internal/text.nix, or one file has two store paths.
    name = _STORE_NAME_BAD.sub("-", PurePosixPath(path).name).lstrip(".")
    return name[:STORE_NAME_LONGEST] or "file"


def walk(root: Path) -> Iterator[tuple[str, Path]]:
    """Yield every file and link below a directory as (POSIX path, path), sorted; follow no link."""
    for directory, names, files in os.walk(root):
        names.sort()
        links = [name for name in names if Path(directory, name).is_symlink()]
        for name in sorted(files + links):
            path = Path(directory, name)
            yield path.relative_to(root).as_posix(), path
        names[:] = [name for name in names if name not in links]


@contextmanager
def atomic_write(target: Path, mode: str = "wb") -> Iterator[IO[Any]]:
    """Open a temporary file beside `target` that takes its name only when the block succeeds.

    Raises:
        DiskError: when the disk is full or read-only.
    """
    partial = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}.part")
    try:
        with partial.open(mode) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
    except OSError as error:
        raise DiskError(f"cannot write {target}", error.strerror) from error
    finally:
        partial.unlink(missing_ok=True)


def dump_json(data: Any) -> str:
    """Write JSON the one way this project does: sorted keys, two spaces, one newline at the end."""
    return json.dumps(data, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
