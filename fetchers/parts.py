"""Receiving one large file over several connections into one place, resumed across processes.

Workers fetch runs of missing blocks; meanwhile the calling thread hashes the blocks in their order,
reading each back while the system still has it in memory, so that memory stays constant and the
sha256 is there as soon as the last block is.
"""

import hashlib
import threading
import zlib

from common.digest import Hasher, to_sri
from common.errors import DiskError, IntegrityError
from common.files import RemoteFile
from fetchers.base import Digests
from fetchers.context import Context
from fetchers.mismatch import changed
from fetchers.opened import Opened, Opener, Ranged
from fetchers.partial import BLOCK_BYTES, Partial
from fetchers.retry import Attempts, Interrupted

RUN_BLOCKS = (64 << 20) // BLOCK_BYTES  # of one request, where the server takes ranges
LONGEST_JOIN = 5.0  # seconds; a worker that hangs in a stalled read is left behind
BAD_READS = 3  # of one block, before the disk is blamed


class Parts:
    """One transfer in parts.

    Args:
        file: with size and sha256.
        partial: where the blocks go.
        opener: opens the content; where it is `Ranged`, several connections are used.
        context: see `Context`.
        origin: where the content comes from, for messages, without secrets.
    """

    def __init__(
        self,
        file: RemoteFile,
        partial: Partial,
        opener: Opener,
        context: Context,
        origin: str,
    ) -> None:
        self._file, self._partial, self._opener = file, partial, opener
        self._context, self._origin = context, origin
        self._changed = threading.Condition()
        # Blocks of an earlier run; who knows what has happened to them since.
        self._old = partial.snapshot()
        self._taken: set[int] = set()  # blocks that a worker is busy with
        self._next = 0  # no block before this one is free
        self._alone: threading.Thread | None = None  # the one worker, where ranges do not work
        self._failure: BaseException | None = None
        self._over = False
        self.hanging = False  # whether a worker was left behind in a stalled read

    def run(self) -> Digests:
        """Fetch what is missing, and give the digests of the whole.

        Raises:
            IntegrityError, TransferError, AuthError, NotFoundError, DiskError.
        """
        progress = self._context.progress
        progress.start(self._file.path, self._file.size, self._partial.done)
        digest = self._whole()
        if self._context.hashed_later:
            progress.finish(self._file.path)
            return Digests(self._file.sha256 or "", self._partial.size)
        if digest != self._file.sha256:
            progress.note(f"{self._mismatch(digest).what}; fetching it once more")
            self._partial.forget_all()
            progress.restart(self._file.path, 0)
            self._next = 0
            digest = self._whole()
        if digest != self._file.sha256:
            raise self._mismatch(digest)
        progress.finish(self._file.path)
        return Digests(digest, self._partial.size)

    def _mismatch(self, digest: str) -> IntegrityError:
        expected = to_sri(self._file.sha256 or "")
        return changed(self._file, self._origin, "sha256", expected, to_sri(digest))

    def _whole(self) -> str:
        self._over, self._alone = False, None
        count = max(1, self._context.connections) if isinstance(self._opener, Ranged) else 1
        workers = [threading.Thread(target=self._work, daemon=True) for _ in range(count)]
        for worker in workers:
            worker.start()
        try:
            return self._hash()
        finally:
            with self._changed:
                self._over = True
                self._changed.notify_all()
            for worker in workers:
                worker.join(LONGEST_JOIN)
            self.hanging = self.hanging or any(worker.is_alive() for worker in workers)

    # --- the calling thread

    def _hash(self) -> str:
        hasher: Hasher = hashlib.sha256()
        for index in range(self._partial.count):
            if self._context.hashed_later and not self._old[index]:
                self._await(index)
            else:
                hasher.update(self._block(index))
        return hasher.hexdigest()

    def _block(self, index: int) -> bytes:
        for _ in range(BAD_READS):
            self._await(index)
            block = self._partial.read(index)
            if block is not None:
                return block
            self._context.progress.note(
                f"{self._file.path}: block {index} is damaged on disk; fetching it again"
            )
            self._context.progress.advance(self._file.path, -self._partial.extent(index)[1])
            with self._changed:
                self._next = min(self._next, index)
                self._changed.notify_all()
        raise DiskError(f"{self._file.path}: the disk does not give back what was written to it")

    def _await(self, index: int) -> None:
        with self._changed:
            while not self._partial.has(index):
                if self._failure is not None:
                    raise self._failure
                self._changed.wait()

    # --- the workers

    def _work(self) -> None:
        attempts = Attempts(self._file.path, self._context)
        try:
            while run := self._claim():
                self._fetch(run, attempts)
        except BaseException as error:  # noqa: BLE001 - told to the calling thread, which raises it
            with self._changed:
                self._failure = self._failure or error
        with self._changed:
            self._changed.notify_all()

    def _claim(self) -> range | None:
        """Take the next run of missing blocks; wait while others may still leave some."""
        with self._changed:
            while not (self._over or self._failure or self._must_yield()):
                while self._next < self._partial.count and not self._free(self._next):
                    self._next += 1
                if self._next < self._partial.count:
                    return self._take(self._next)
                self._changed.wait()
        return None

    def _must_yield(self) -> bool:
        return self._alone not in (None, threading.current_thread())

    def _free(self, index: int) -> bool:
        return not self._partial.has(index) and index not in self._taken

    def _take(self, start: int) -> range:
        longest = RUN_BLOCKS if isinstance(self._opener, Ranged) else self._partial.count
        end = start
        while end < min(self._partial.count, start + longest) and self._free(end):
            end += 1
        run = range(start, end)
        self._taken.update(run)
        return run

    def _fetch(self, run: range, attempts: Attempts) -> None:
        try:
            while missing := self._missing(run):
                with attempts.attempt(lambda: self._partial.done):
                    self._pull(range(missing[0], run.stop))
        finally:
            with self._changed:
                self._taken.difference_update(run)
                self._next = min(self._next, run.start)

    def _missing(self, run: range) -> list[int]:
        if self._over or self._failure or self._must_yield():
            return []
        return [index for index in run if not self._partial.has(index)]

    def _pull(self, run: range) -> None:
        start = self._partial.extent(run.start)[0]
        end = sum(self._partial.extent(run.stop - 1))
        opened = self._open(start, end)
        try:
            self._check(opened, start)
            if opened.offset != start:  # a server without ranges: past what is there already
                run = range(self._partial.count)
                with self._changed:
                    self._alone = self._alone or threading.current_thread()
            if not self._must_yield():
                self._receive(opened, run)
        finally:
            opened.close()

    def _open(self, start: int, end: int) -> Opened:
        if isinstance(self._opener, Ranged):
            return self._opener.between(start, end)
        return self._opener(start, None)

    def _check(self, opened: Opened, start: int) -> None:
        size = self._file.size
        if opened.total not in (None, size):
            raise changed(self._file, self._origin, "size in bytes", size, opened.total)
        if opened.offset not in (0, start):
            raise Interrupted(f"the server answered from byte {opened.offset} instead of {start}")

    def _receive(self, opened: Opened, run: range) -> None:
        for index in run:
            offset, length = self._partial.extent(index)
            crc, left, wanted = 0, length, not self._partial.has(index)
            while left:
                chunk = opened.read(left)
                if not chunk:
                    raise Interrupted(f"the connection ended at byte {offset} of {self._file.size}")
                self._context.pace(len(chunk))
                if wanted:
                    crc = zlib.crc32(chunk, crc)
                    self._partial.write(offset, chunk)
                offset, left = offset + len(chunk), left - len(chunk)
            if wanted:
                self._note(index, crc, length)
            if self._over or self._failure:
                return

    def _note(self, index: int, crc: int, length: int) -> None:
        with self._changed:
            self._partial.record(index, crc)
            self._context.progress.advance(self._file.path, length)
            self._changed.notify_all()
