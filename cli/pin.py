"""Pinning: from a source to an entry with every hash, downloading only what hides its hash."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from cli.console import Console
from cli.download import hash_files, new_context
from cli.locked import Entry, LockedFile, now
from cli.prefer import leave_out
from common.errors import IntegrityError, NotFoundError, UsageError
from common.files import RemoteFile, check_path, select
from common.progress import show_bytes
from common.reference import Source, show_reference
from fetchers.base import Snapshot, load

_SHA256 = re.compile(r"[0-9a-f]{64}")


def look_up(source: Source, console: Console) -> Snapshot:
    """Ask upstream what the source is now.

    Args:
        source: as the user asked for it.
        console: told what upstream has to say.

    Raises:
        NotFoundError, AuthError, TransferError; UsageError for a hostile listing.
    """
    snapshot = load(source.type).resolve(source, new_context(console))
    for note in snapshot.notes:
        console.note(f"note: {note}")
    _check_listing(source, snapshot.files)
    return snapshot


def prefer_safetensors(snapshot: Snapshot, console: Console) -> Snapshot:
    """Leave out other forms of weights that are there as safetensors, and tell the user.

    A source that names files to keep or to leave out (``--all-files`` does) has decided already.
    """
    source = snapshot.source
    if source.type != "huggingface" or {"files", "exclude"} & set(source.attrs):
        return snapshot
    globs = leave_out(file.path for file in snapshot.files)
    if not globs:
        return snapshot
    keep = set(select((file.path for file in snapshot.files), (), globs))
    files = tuple(file for file in snapshot.files if file.path in keep)
    saved = sum(file.size or 0 for file in snapshot.files if file.path not in keep)
    console.note(
        f"note: left out {', '.join(globs)} ({show_bytes(saved)}): the same weights are there as "
        "safetensors; --all-files keeps them"
    )
    chosen = Source(source.type, {**source.attrs, "exclude": globs})
    return replace(snapshot, source=chosen, files=files)


def _check_listing(source: Source, files: Sequence[RemoteFile]) -> None:
    for file in files:
        if file.sha256 is not None and not _SHA256.fullmatch(file.sha256):
            raise IntegrityError(f"the sha256 that is stated for {file.path} is none", file.sha256)
    paths = {check_path(file.path) for file in files}
    if not paths:
        raise NotFoundError(f"{show_reference(source)} has no files", None, "another revision")
    folders = {str(parent) for path in paths for parent in PurePosixPath(path).parents}
    if both := sorted(paths & folders):
        raise UsageError("this model has a file and a folder of the same path", repr(both[0]))


def pin(snapshot: Snapshot, console: Console, known: Entry | None = None) -> Entry:
    """Find the hash of every file.

    Args:
        snapshot: from `look_up`.
        console: told how many bytes must come first, and shows them coming.
        known: what is known without a download: files whose content did not change, and the hash of
            the tree of the small ones among them, None where that tree did change.

    Raises:
        AuthError, TransferError, IntegrityError, DiskError.
    """
    files = {file.path: stated for file in snapshot.files if (stated := _stated(file))}
    hidden = [file for file in snapshot.files if file.path not in files]
    old = known.files if known else {}
    large = {file.path for file in hidden if (old.get(file.path) or file).large}
    tree = {file.path for file in hidden} - large
    same_tree = _has_tree(known, tree)
    wanted = [
        file for file in hidden if file.path not in old or (file.path in tree and not same_tree)
    ]
    files |= {file.path: old[file.path] for file in hidden if file.path in old}
    hashed, small = hash_files(snapshot, wanted, console)
    files |= hashed
    if known and same_tree:
        small = known.small
    return Entry(snapshot.source, snapshot.revision, now(), small, dict(sorted(files.items())))


def _has_tree(known: Entry | None, tree: set[str]) -> bool:
    if known is None or (known.small is None and tree):
        return False
    return tree == {path for path, file in known.files.items() if not file.large}


def _stated(file: RemoteFile) -> LockedFile | None:
    if file.sha256 is None or file.size is None:
        return None
    return LockedFile(file.sha256, file.size, large=True, pin=file.pin)
