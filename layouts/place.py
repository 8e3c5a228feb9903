"""Putting one file into an output: a small one as a copy, a large one as a link."""

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from common.digest import file_sha256, git_blob_hasher
from common.errors import ModelError
from common.files import LARGE_BYTES


@dataclass(frozen=True, order=True)
class Item:
    """A file to lay out.

    Attributes:
        path: inside the model, POSIX.
        local: where its bytes are, usually another store path.
        size: bytes.
        sha256: lower-case hex.
    """

    path: str
    local: Path
    size: int
    sha256: str

    @property
    def linked(self) -> bool:
        """Whether the output refers to the bytes instead of holding them."""
        return self.size >= LARGE_BYTES


def describe(path: str, local: Path, sha256: str | None = None) -> Item:
    """Make an item; its sha256 is computed by reading it all unless it is given."""
    return Item(path, local, local.stat().st_size, sha256 or file_sha256(local))


def put(item: Item, target: Path) -> None:
    """Make `target` the content of an item: a link to it when it is large, else a copy.

    Raises:
        ModelError: when something else has that place already.
    """
    claim(target)
    if item.linked:
        target.symlink_to(item.local.resolve())
    else:
        copy(item, target)


def copy(item: Item, target: Path) -> None:
    """Make `target` a regular file (mode 0644) with an item's content."""
    claim(target)
    shutil.copyfile(item.local, target)


def link(target: Path, to: Path) -> None:
    """Make `target` a relative link to another path of the same output."""
    claim(target)
    target.symlink_to(os.path.relpath(to, target.parent))


def claim(target: Path) -> None:
    """Make sure that nothing stands at `target` yet, and that its directory exists.

    Raises:
        ModelError: when it is taken, for example by a file of the model called ``hub``.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise _taken(target.parent) from error
    if target.is_symlink() or target.exists():
        raise _taken(target)


def _taken(target: Path) -> ModelError:
    return ModelError(
        "a file of the model has the place of a part of the layout",
        str(target),
        f'source.<type>.exclude = [ "{target.name}" ];',
    )


def git_blob_id(item: Item) -> str:
    """Give the git object id the hub lists for a file: of a large one, that of its LFS pointer.

    Source: https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
    """
    if item.linked:
        pointer = (
            "version https://git-lfs.github.com/spec/v1\n"
            f"oid sha256:{item.sha256}\nsize {item.size}\n"
        ).encode()
        hasher = git_blob_hasher(len(pointer))
        hasher.update(pointer)
    else:
        hasher = git_blob_hasher(item.size)
        hasher.update(item.local.read_bytes())
    return hasher.hexdigest()


def content_id(items: tuple[Item, ...]) -> str:
    """Give 40 hex digits that stand for exactly these files, where upstream has no commit."""
    hasher = hashlib.sha256()
    for item in sorted(items):
        hasher.update(f"{item.sha256}  {item.path}\n".encode())
    return hasher.hexdigest()[:40]
