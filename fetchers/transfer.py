"""Receiving one file from any kind of server: resumed, retried, verified, and only then named.

A source gives an *opener*, which opens the content at an offset; everything else is here.
"""

import errno
import hashlib
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from common.digest import CHUNK_BYTES, Hasher, git_blob_hasher, to_sri
from common.errors import DiskError, IntegrityError
from common.files import RemoteFile
from common.progress import show_bytes
from fetchers.base import Digests
from fetchers.context import Context
from fetchers.retry import Interrupted, Patience

PROGRESS_BYTES = 16 << 20  # a transfer that got this much further has its retries back
ACCEPT = "nix-ai-model lock diff, and when the change is wanted: nix-ai-model lock update"
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class Opened:
    """Content that is being received.

    Attributes:
        offset: where it begins, bytes; 0 when the server began anew.
        total: size of the whole content, bytes; None where it is not said.
        validator: strong ETag of the content, for the next ``If-Range``; None without one.
        read: gives the next bytes, at most as many as asked, none at the end, or `Interrupted`.
        close: ends the connection.
    """

    offset: int
    total: int | None
    validator: str | None
    read: Callable[[int], bytes]
    close: Callable[[], None]


Opener = Callable[[int, str | None], Opened]


def receive(
    file: RemoteFile, target: Path, opener: Opener, context: Context, *, origin: str
) -> Digests:
    """Write what `opener` gives to `target`, which gets its name only after verification.

    Args:
        file: what is expected; sha256 decides, else the git blob id, else the size.
        target: path of the file to make; its directory is made too.
        opener: opens the content at (offset, validator); offset 0 means from the beginning.
        context: see `Context`.
        origin: where it comes from, for messages, without secrets.

    Raises:
        IntegrityError: the content is not what was expected.
        TransferError, AuthError, NotFoundError: from the opener, or when retries are used up.
        DiskError: the disk is full or read-only.
    """
    partial = target if context.direct else target.with_name(f".{target.name[:200]}.part")
    transfer = _Transfer(file, opener, context, origin)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
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


def _disk_error(error: OSError, name: str, size: int | None, target: Path) -> DiskError:
    if error.errno not in _NO_SPACE:
        return DiskError(f"cannot write {target}", error.strerror)
    free = show_bytes(shutil.disk_usage(target.parent).free)
    wanted = "of unknown size" if size is None else f"of {show_bytes(size)}"
    remedy = f"df -h {target.parent}; nix-collect-garbage"
    return DiskError(f"{name}: the disk is full", f"{free} free for a file {wanted}", remedy)


class _Transfer:
    _sink: IO[bytes]

    def __init__(self, file: RemoteFile, opener: Opener, context: Context, origin: str) -> None:
        self._file, self._opener = file, opener
        self._context, self._origin = context, origin
        self._patience = Patience(file.path, context)
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
        mark = self._done
        while True:
            try:
                self._pull()
            except Interrupted as interruption:
                if self._done - mark >= PROGRESS_BYTES:
                    self._patience.progressed()
                mark = self._done
                self._patience.after(interruption)
            else:
                return

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
            raise self._changed("size in bytes", str(self._file.size), str(opened.total))
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
            raise self._changed("size in bytes", str(self.size), "more")
        self._sink.write(chunk)
        self._hasher.update(chunk)
        if self._git:
            self._git.update(chunk)
        self._done += len(chunk)
        self._context.progress.advance(self._file.path, len(chunk))

    def _mismatch(self) -> IntegrityError | None:
        got = self._hasher.hexdigest()
        if self._file.sha256 is not None:
            if got == self._file.sha256:
                return None
            return self._changed("sha256", to_sri(self._file.sha256), to_sri(got))
        if self._git and self._git.hexdigest() != self._file.git_sha1:
            return self._changed("git blob id", str(self._file.git_sha1), self._git.hexdigest())
        return None

    def _changed(self, kind: str, expected: str, got: str) -> IntegrityError:
        return IntegrityError(
            f"{self._file.path} from {self._origin} is not what was pinned: its {kind} should be "
            f"{expected}",
            got,
            ACCEPT,
        )
