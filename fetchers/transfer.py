"""Receiving one file from any kind of server: resumed, retried, verified, and only then named.

A source gives an *opener*, which opens the content at an offset; everything else is here and in
`fetchers.parts`, which takes the large files.
"""

import errno
import hashlib
import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import IO

from common.digest import CHUNK_BYTES, Hasher, git_blob_hasher, to_sri
from common.errors import DiskError, IntegrityError, ModelError
from common.files import LARGE_BYTES, RemoteFile
from common.progress import show_bytes
from fetchers.base import Digests
from fetchers.context import Context
from fetchers.hashed import mirror_openers
from fetchers.mismatch import changed
from fetchers.opened import Opened, Opener
from fetchers.partial import DISK_BLOCK, Partial, Partials
from fetchers.parts import Parts
from fetchers.retry import Attempts, Interrupted

__all__ = ["Opened", "Opener", "receive"]

PARTS_FROM_BYTES = 4 << 20  # from here on a file is worth a journal and several connections
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


def receive(
    file: RemoteFile, target: Path, opener: Opener, context: Context, *, origin: str
) -> Digests:
    """Write what `opener` gives to `target`, which gets its name only after verification.

    Mirrors of content, where the context names any, are asked before `opener`.

    Args:
        file: what is expected; sha256 decides, else the git blob id, else the size.
        target: path of the file to make; its directory is made too.
        opener: opens the content at (offset, validator); offset 0 means from the beginning.
        context: see `Context`.
        origin: where it comes from, for messages, without secrets.

    Raises:
        IntegrityError: the content is not what was expected.
        TransferError, AuthError, NotFoundError: from the opener, or when retries are used up.
        DiskError: the disk is full or read-only, or lacks the space from the beginning.
    """
    for mirror, open_mirror in mirror_openers(file, context):
        try:
            return _receive(file, target, open_mirror, _impatient(context), mirror)
        except DiskError:
            raise
        except ModelError as error:
            context.progress.note(f"{file.path}: not from the mirror {mirror}: {error.what}")
    return _receive(file, target, opener, context, origin)


def _impatient(context: Context) -> Context:
    """Another place may have it: one repetition is enough, and no credential is to be renewed."""
    return replace(context, retries=replace(context.retries, times=1, rounds=0, refusals=0))


def _receive(
    file: RemoteFile, target: Path, opener: Opener, context: Context, origin: str
) -> Digests:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _disk_error(error, file.path, file.size, target) from error
    if (file.size or 0) >= PARTS_FROM_BYTES and file.sha256 is not None:
        return _in_parts(file, target, opener, context, origin)
    return _in_one(file, target, opener, context, origin)


def _in_one(
    file: RemoteFile, target: Path, opener: Opener, context: Context, origin: str
) -> Digests:
    partial = _partial_name(target, context)
    transfer = _Transfer(file, opener, context, origin)
    try:
        _check_space(file, partial)
        with partial.open("wb") as sink:
            digests = transfer.run(sink)
        if partial != target:
            partial.replace(target)
    except OSError as error:
        raise _disk_error(error, file.path, transfer.size, target) from error
    finally:
        if partial != target:
            with suppress(OSError):
                partial.unlink(missing_ok=True)
    return digests


def _partial_name(target: Path, context: Context) -> Path:
    return target if context.direct else target.with_name(f".{target.name[:200]}.part")


def _in_parts(
    file: RemoteFile, target: Path, opener: Opener, context: Context, origin: str
) -> Digests:
    kept = context.partials
    data, journal = (
        kept.paths(file.sha256 or "") if kept else (_partial_name(target, context), None)
    )

    def waiting() -> None:
        context.progress.note(f"{file.path}: another process is fetching it; waiting for that")

    try:
        _check_space(file, data)
        partial = Partial(
            data,
            journal,
            file.size or 0,
            sync_bytes=kept.sync_bytes if kept else 0,
            waiting=waiting,
        )
        return _finish(target, partial, kept, Parts(file, partial, opener, context, origin))
    except OSError as error:
        raise _disk_error(error, file.path, file.size, target) from error


def _finish(target: Path, partial: Partial, kept: Partials | None, parts: Parts) -> Digests:
    """Run the transfer, and put the whole file into its place; a failed one stays if it should."""
    keep = kept is None or kept.keep
    try:
        digests = parts.run()
        if partial.path != target:
            shutil.move(partial.path, target)
        keep = False
    except KeyboardInterrupt:
        keep = True
        raise
    finally:
        partial.close(keep=keep, in_use=parts.hanging)
        if kept is None and partial.path != target:
            partial.path.unlink(missing_ok=True)
    return digests


def _check_space(file: RemoteFile, place: Path) -> None:
    if file.size is None or file.size < LARGE_BYTES:
        return
    folder = place.parent
    # What a partial file occupies already; it may be sparse, so its size says nothing.
    there = place.stat().st_blocks * DISK_BLOCK if place.exists() else 0
    free, need = shutil.disk_usage(folder).free, file.size - there
    if need > free:
        raise DiskError(
            f"{file.path}: the disk lacks the space for {show_bytes(need)}",
            f"{show_bytes(free)} free in {folder}",
            f"df -h {folder}; nix-collect-garbage",
        )


def _disk_error(error: OSError, name: str, size: int | None, target: Path) -> DiskError:
    if error.errno not in _NO_SPACE:
        return DiskError(f"cannot write {error.filename or target}", error.strerror)
    free = show_bytes(shutil.disk_usage(target.parent).free)
    wanted = "of unknown size" if size is None else f"of {show_bytes(size)}"
    remedy = f"df -h {target.parent}; nix-collect-garbage"
    return DiskError(f"{name}: the disk is full", f"{free} free for a file {wanted}", remedy)


class _Transfer:
    """One transfer over one connection, for files that are small or of which little is known."""

    _sink: IO[bytes]

    def __init__(self, file: RemoteFile, opener: Opener, context: Context, origin: str) -> None:
        self._file, self._opener = file, opener
        self._context, self._origin = context, origin
        self._attempts = Attempts(file.path, context)
        self.size = file.size
        self._validator: str | None = None
        self._done = 0
        self._hasher: Hasher = hashlib.sha256()
        self._git: Hasher | None = None

    def run(self, sink: IO[bytes]) -> Digests:
        self._sink = sink
        progress = self._context.progress
        progress.start(self._file.path, self.size)
        for second_try in (False, True):
            self._pull_until_whole()
            mismatch = self._mismatch()
            if mismatch is None:
                break
            if second_try:
                raise mismatch
            progress.note(f"{self._file.path}: {mismatch.what}; fetching it once more")
            self._rewind()
        progress.finish(self._file.path)
        return Digests(self._hasher.hexdigest(), self._done)

    def _pull_until_whole(self) -> None:
        whole = False
        while not whole:
            with self._attempts.attempt(lambda: self._done):
                self._pull()
                whole = True

    def _pull(self) -> None:
        opened = self._opener(self._done if self._resumable() else 0, self._validator)
        try:
            self._accept(opened)
            while chunk := opened.read(CHUNK_BYTES):
                self._take(chunk)
        finally:
            opened.close()
        if self.size is not None and self._done < self.size:
            raise Interrupted(f"the connection ended after {self._done} of {self.size} bytes")

    def _resumable(self) -> bool:
        """Whether a mixture of two contents would be noticed, by If-Range or by a digest."""
        return bool(self._validator or self._file.sha256 or self._git)

    def _accept(self, opened: Opened) -> None:
        if self._file.size is not None and opened.total not in (None, self._file.size):
            raise changed(self._file, self._origin, "size in bytes", self._file.size, opened.total)
        if opened.offset != self._done or self._done == 0:
            self._rewind(opened.offset)
        self.size = self._file.size if self._file.size is not None else opened.total
        self._validator = opened.validator
        if self._done == 0 and self._file.sha256 is None and self._file.git_sha1:
            self._git = git_blob_hasher(self.size or 0)

    def _rewind(self, offset: int = 0) -> None:
        if offset:
            raise Interrupted(f"the server answered from byte {offset} instead of {self._done}")
        self._sink.seek(0)
        self._sink.truncate()
        self._hasher = hashlib.sha256()
        self._done = 0
        self._context.progress.restart(self._file.path, 0)

    def _take(self, chunk: bytes) -> None:
        if self.size is not None and self._done + len(chunk) > self.size:
            raise changed(self._file, self._origin, "size in bytes", self.size, "more")
        self._context.pace(len(chunk))
        self._sink.write(chunk)
        self._hasher.update(chunk)
        if self._git:
            self._git.update(chunk)
        self._done += len(chunk)
        self._context.progress.advance(self._file.path, len(chunk))

    def _mismatch(self) -> IntegrityError | None:
        file, got = self._file, self._hasher.hexdigest()
        if file.sha256 is not None:
            if got == file.sha256:
                return None
            return changed(file, self._origin, "sha256", to_sri(file.sha256), to_sri(got))
        if self._git and self._git.hexdigest() != file.git_sha1:
            return changed(file, self._origin, "git blob id", file.git_sha1, self._git.hexdigest())
        return None
