"""A file that is not whole yet: its bytes, and a journal of the blocks that are there.

Both survive the process. The journal has eight bytes a block, appended when the block has been
written: its number and its CRC-32. What a crash or a bad disk did to a block is therefore noticed
when the block is read again, and only that block is fetched anew. The CRC is against accidents;
whether the content is the right one is decided by its sha256 when it is whole.
"""

import errno
import fcntl
import os
import stat
import struct
import zlib
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from common.errors import DiskError

BLOCK_BYTES = 256 << 10  # what a killed connection has to fetch again, at most
DISK_BLOCK = 512  # bytes, the unit of st_blocks
SYNC_BYTES = 1 << 30  # between two waits for the disk; what a power cut can cost at most
_RECORD = struct.Struct("<II")
_OWN = 0o644
# In a directory that several users share (sticky or setgid, as builders need it) the next builder
# goes on with the file as another user. Whoever spoils it is found out by the sha256.
_SHARED = 0o666


@dataclass(frozen=True)
class Partials:
    """Where partial files are kept.

    Attributes:
        folder: exists and is writable.
        sync_bytes: bytes between two waits for the disk.
        keep: whether a file whose transfer failed for good is kept for the next run.
    """

    folder: Path
    sync_bytes: int = SYNC_BYTES
    keep: bool = True

    def paths(self, sha256: str) -> tuple[Path, Path]:
        """Give the paths of a file's bytes and of its journal."""
        return self.folder / f"{sha256}.part", self.folder / f"{sha256}.blocks"


class Partial:
    """The blocks of one file, on disk; every method but `close` may be called from any thread.

    Args:
        data: path of the bytes.
        journal: path of the journal; None where nothing has to survive.
        size: of the whole file, bytes.
        sync_bytes: between two waits for the disk.
        waiting: called when another process has the file, before waiting for it.

    Raises:
        OSError: when the disk does not let it.
    """

    def __init__(
        self,
        data: Path,
        journal: Path | None,
        size: int,
        *,
        sync_bytes: int = SYNC_BYTES,
        waiting: Callable[[], None] = lambda: None,
    ) -> None:
        self.path, self.size = data, size
        self.count = -(-size // BLOCK_BYTES)
        self._journal_path, self._sync_bytes, self._unsynced = journal, sync_bytes, 0
        self._crc = array("I", bytes(4 * self.count))
        self._there = bytearray(self.count)
        self._journal = -1 if journal is None else open_alone(journal, waiting)
        self._data = _open(data, kept=journal is not None)
        if journal is not None and os.fstat(self._data).st_size == size:
            self._read_journal()
        else:
            self.forget_all()
        os.ftruncate(self._data, size)

    def _read_journal(self) -> None:
        records = os.pread(self._journal, os.fstat(self._journal).st_size, 0)
        whole = len(records) - len(records) % _RECORD.size
        os.ftruncate(self._journal, whole)  # a record that a crash cut short
        for index, crc in _RECORD.iter_unpack(records[:whole]):
            if index < self.count:
                self._crc[index], self._there[index] = crc, True

    def has(self, index: int) -> bool:
        """Tell whether a block was written, now or by an earlier run."""
        return bool(self._there[index])

    def snapshot(self) -> bytes:
        """Give a copy of which blocks are there, a byte each."""
        return bytes(self._there)

    def extent(self, index: int) -> tuple[int, int]:
        """Give the first byte of a block and its length."""
        start = index * BLOCK_BYTES
        return start, min(BLOCK_BYTES, self.size - start)

    @property
    def done(self) -> int:
        """Count the bytes that are there."""
        last = self.extent(self.count - 1)[1] if self.count and self._there[-1] else 0
        return self._there.count(1) * BLOCK_BYTES - (BLOCK_BYTES - last if last else 0)

    def write(self, offset: int, chunk: bytes) -> None:
        """Put bytes in their place; they count when `record` says that their block is whole."""
        view = memoryview(chunk)
        while view:
            written = os.pwrite(self._data, view, offset)
            offset, view = offset + written, view[written:]

    def record(self, index: int, crc: int) -> None:
        """Note that a block has been written, with the CRC-32 of its bytes."""
        self._crc[index], self._there[index] = crc, True
        if self._journal >= 0:
            os.write(self._journal, _RECORD.pack(index, crc))
            self._unsynced += BLOCK_BYTES
            if self._unsynced >= self._sync_bytes:
                self._unsynced = 0
                os.fsync(self._data)
                os.fsync(self._journal)

    def read(self, index: int) -> bytes | None:
        """Give a block's bytes; None, and forget it, when they are not what was written."""
        start, length = self.extent(index)
        block = os.pread(self._data, length, start)
        if len(block) == length and zlib.crc32(block) == self._crc[index]:
            return block
        self._there[index] = False
        return None

    def forget_all(self) -> None:
        """Begin anew."""
        self._there = bytearray(self.count)
        if self._journal >= 0:
            os.ftruncate(self._journal, 0)

    def close(self, *, keep: bool, in_use: bool = False) -> None:
        """Let go of the files.

        Args:
            keep: otherwise the journal and an unfinished file are removed.
            in_use: a thread that hangs in the network may still write when it wakes up, so the
                bytes' descriptor stays open: closed, its number could be another file's by then.
        """
        if not in_use:
            os.close(self._data)
        if not keep and self._journal_path is not None:
            self.path.unlink(missing_ok=True)
            self._journal_path.unlink(missing_ok=True)
        if self._journal >= 0:
            os.close(self._journal)
            self._journal = -1


def _open(path: Path, *, kept: bool) -> int:
    # NB: first without O_CREAT, because a sticky directory forbids it for others' files
    # (fs.protected_regular), and never through a link that somebody may have put there.
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
    if not kept:
        return os.open(path, flags | os.O_CREAT | os.O_TRUNC, _OWN)
    try:
        return os.open(path, flags)
    except FileNotFoundError:
        descriptor = os.open(path, flags | os.O_CREAT, _OWN)
        if path.parent.stat().st_mode & (stat.S_ISVTX | stat.S_ISGID):
            os.fchmod(descriptor, _SHARED)
        return descriptor


def open_alone(path: Path, waiting: Callable[[], None]) -> int:
    """Open a file, made if need be, and hold its lock until it is closed.

    Args:
        path: whoever removes it does so while holding the lock.
        waiting: called before waiting for another process.
    """
    while True:
        descriptor = _open(path, kept=True)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError as error:
            if error.errno not in (errno.ENOLCK, errno.EOPNOTSUPP):
                raise
        # The one who had it may have finished and removed it meanwhile.
        if path.exists() and os.fstat(descriptor).st_ino == path.stat().st_ino:
            os.lseek(descriptor, 0, os.SEEK_END)
            return descriptor
        os.close(descriptor)


def prepare(folder: Path) -> None:
    """Make a directory for partial files.

    Raises:
        DiskError: when it cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DiskError(f"cannot make {folder}", error.strerror, "another directory") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise DiskError(
            f"cannot write in {folder}", "no permission", f"chmod u+w {folder}, or another"
        )
