"""Addresses of archives to unpack: downloaded once a process, then read like a directory."""

from pathlib import Path

from common.digest import file_sha256
from common.errors import UsageError
from common.files import RemoteFile, check_path, dump_json, walk
from common.reference import Source
from fetchers import url
from fetchers.archive import unpack
from fetchers.base import Digests
from fetchers.context import Context
from fetchers.scratch import Scratch
from fetchers.transfer import Opened, receive

_unpacked: Scratch[Path] = Scratch()


def listing(source: Source, context: Context) -> list[RemoteFile]:
    """Download and unpack every archive of a source; give the files in them.

    Raises:
        UsageError: an archive is none, or hostile, or two hold the same path.
    """
    root = _tree(source, context)
    return [
        RemoteFile(check_path(path), local.stat().st_size, file_sha256(local))
        for path, local in walk(root)
    ]


def take(source: Source, file: RemoteFile, target: Path, context: Context) -> Digests:
    """Copy one unpacked file to `target`, verified."""
    local = _tree(source, context) / check_path(file.path)
    if not local.is_file():
        raise UsageError("the archive holds no such file", repr(file.path))

    def open_at(offset: int, validator: str | None) -> Opened:  # noqa: ARG001 - the opener's form
        stream = local.open("rb", buffering=0)
        stream.seek(offset)
        total = local.stat().st_size
        return Opened(offset, total, None, lambda count: stream.read(count) or b"", stream.close)

    return receive(file, target, open_at, context, origin="the archive")


def _tree(source: Source, context: Context) -> Path:
    # Every file of the tree is asked for on its own.
    key = dump_json(source.to_json())
    return _unpacked.get(key, lambda folder: _fill(folder, source, context))


def _fill(folder: Path, source: Source, context: Context) -> Path:
    tree = folder / "tree"
    tree.mkdir()
    for address in url.addresses(source):
        archive = folder / "archive"
        name = address.name or address.last_part or "archive"
        url.fetch(address, RemoteFile(name, sha256=address.sha256), archive, context)
        unpack(archive, tree, name)
        archive.unlink()
    return tree
