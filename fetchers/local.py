"""Files that are on this machine already: ``file:PATH``, a file or a directory.

Its content goes into the store by Nix itself (`builtins.path`), so nothing is downloaded at build
time; *download* serves the command (hashing, `to-nix`), and copies like any other source.
"""

from pathlib import Path

from common.digest import file_sha256
from common.errors import NotFoundError, UsageError
from common.files import RemoteFile, check_path, select, walk
from common.reference import Source
from fetchers.base import Digests, Snapshot
from fetchers.context import Context
from fetchers.opened import file_opener
from fetchers.transfer import receive


def root_of(source: Source) -> Path:
    """Give the path a local source names, absolute, ``~`` expanded.

    Raises:
        NotFoundError: when nothing is there.
    """
    path = Path(source.attrs["path"]).expanduser().absolute()
    if not path.exists():
        raise NotFoundError("there is no such file or directory", str(path), "ls -d PATH")
    return path


def resolve(source: Source, context: Context) -> Snapshot:  # noqa: ARG001 - the contract's form
    """List and hash the files of a directory (links followed), or the one file.

    Raises:
        NotFoundError: nothing there, or nothing that matches.
        UsageError: a link leads nowhere, or a path holds what no model path may.
    """
    root = root_of(source)
    if root.is_file():
        return Snapshot(source, "", (_describe(root.name, root),))
    here = {path: local for path, local in walk(root) if not local.is_dir()}
    attrs = source.attrs
    wanted = select(here, attrs.get("files", ()), attrs.get("exclude", ()))
    if not wanted:
        raise NotFoundError("there is no file of a model", str(root))
    return Snapshot(source, "", tuple(_describe(check_path(path), here[path]) for path in wanted))


def _describe(path: str, local: Path) -> RemoteFile:
    if not local.exists():
        raise UsageError("a link in this directory leads nowhere", str(local))
    return RemoteFile(path, local.stat().st_size, sha256=file_sha256(local))


def download(
    source: Source,
    revision: str,  # noqa: ARG001 - a path has none
    file: RemoteFile,
    target: Path,
    context: Context,
) -> Digests:
    """Copy one file, verified; see `fetchers.base.Fetcher`."""
    root = root_of(source)
    local = root if root.is_file() else root / check_path(file.path)

    opener = file_opener(local)
    return receive(file, target, opener, context, origin=str(local))
