"""Downloads that serve only to hash: into a temporary directory, gone when the hash is known."""

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from cli.console import Console, count
from cli.locked import LockedFile
from common.digest import nar_sha256
from common.errors import DiskError, UsageError
from common.files import LARGE_BYTES, RemoteFile
from common.progress import Progress, Silent, show_bytes
from common.reference import Source
from fetchers.base import Digests, Snapshot, load
from fetchers.context import Context

JOBS = 8  # small files at once
STOP_SECONDS = 2.0  # given to workers to end, when one of them failed


def new_context(console: Console) -> Context:
    """Make the context of every request of this command."""
    return Context(progress=console.progress, log=console.note)


def hash_files(
    snapshot: Snapshot, files: Sequence[RemoteFile], console: Console
) -> tuple[dict[str, LockedFile], str | None]:
    """Download files to find their sha256; large ones one at a time, each deleted at once.

    Returns:
        What was found, by path, and the NAR hash (hex) of the tree of those that are small; None
        where none is.

    Raises:
        AuthError, TransferError, IntegrityError, DiskError.
    """
    if not files:
        return {}, None
    total = sum(file.size or 0 for file in files)
    console.note(
        f"downloading {show_bytes(total)} in {count(len(files), 'file')} whose sha256 is published "
        "nowhere"
    )
    together = [file for file in files if not file.large and file.size is not None]
    alone = [file for file in files if file.large or file.size is None]
    with _temporary(_peak(alone, together)) as folder:
        tree, fetch = folder / "tree", _Fetch(snapshot, new_context(console))
        found = fetch.together(together, tree)
        for file in alone:
            found[file.path] = fetch.alone(file, folder / "file", tree)
        small = nar_sha256(tree) if tree.exists() else None
    return found, small


def hash_tree(snapshot: Snapshot, console: Console) -> str:
    """Download every file and give the NAR hash (hex) of the whole tree.

    Raises:
        AuthError, TransferError, IntegrityError, DiskError; UsageError for a local source that
        has globs.
    """
    if snapshot.source.type == "local":
        return _local_tree(snapshot.source)
    total = sum(file.size or 0 for file in snapshot.files)
    console.note(f"downloading all {show_bytes(total)} to hash the whole tree")
    with _temporary(total) as folder:
        fetch = _Fetch(snapshot, new_context(console))
        small = [file for file in snapshot.files if not file.large]
        fetch.together(small, folder / "tree")
        for file in snapshot.files:
            if file.large:
                fetch.into(file, folder / "tree" / file.path)
        return nar_sha256(folder / "tree")


def _local_tree(source: Source) -> str:
    if {"files", "exclude"} & set(source.attrs):
        what = "one hash stands for a whole directory, before Nix could choose among its files"
        raise UsageError(what, None, "--tree-hash alone, or the globs alone")
    from fetchers import local  # noqa: PLC0415 - and with it what HTTP needs

    return nar_sha256(local.root_of(source))


def _peak(alone: Iterable[RemoteFile], together: Iterable[RemoteFile]) -> int:
    return max((file.size or 0 for file in alone), default=0) + sum(
        file.size or 0 for file in together
    )


@contextmanager
def _temporary(need: int) -> Iterator[Path]:
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if need > free:
        what = f"the temporary directory lacks the space for {show_bytes(need)}"
        got = f"{show_bytes(free)} free in {tempfile.gettempdir()}"
        raise DiskError(what, got, "TMPDIR=/a/larger/disk nix-ai-model …")
    # NB: after ctrl-C a worker may still be writing; leftovers of it must not hide the reason.
    with tempfile.TemporaryDirectory(prefix="nix-ai-model-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


class _Fetch:
    def __init__(self, snapshot: Snapshot, context: Context) -> None:
        self._snapshot, self._context = snapshot, context
        self._fetcher = load(snapshot.source.type)

    def into(self, file: RemoteFile, target: Path, progress: Progress | None = None) -> Digests:
        context = replace(self._context, progress=progress) if progress else self._context
        source, revision = self._snapshot.source, self._snapshot.revision
        return self._fetcher.download(source, revision, file, target, context)

    def alone(self, file: RemoteFile, target: Path, tree: Path) -> LockedFile:
        """Hash one file; keep it in the tree when it turns out to be small."""
        digests = self.into(file, target)
        large = file.sha256 is not None or digests.size >= LARGE_BYTES
        if large:
            target.unlink()
        else:
            (tree / file.path).parent.mkdir(parents=True, exist_ok=True)
            target.replace(tree / file.path)
        return LockedFile(digests.sha256, digests.size, large, file.pin)

    def together(self, files: Sequence[RemoteFile], tree: Path) -> dict[str, LockedFile]:
        """Download small files side by side into the tree."""
        if not files:
            return {}
        progress = OneBar(self._context.progress, count(len(files), "small file"), files)
        pool = ThreadPoolExecutor(JOBS)
        futures = [pool.submit(self.into, file, tree / file.path, progress) for file in files]
        try:
            for future in wait(futures, return_when=FIRST_EXCEPTION).done:
                future.result()
            progress.finish_all()
        finally:
            progress.close()
            # Not longer: after a failure or ctrl-C a stalled server may hold a worker for a minute.
            pool.shutdown(wait=False, cancel_futures=True)
            wait(futures, timeout=STOP_SECONDS)
        done = [(file, future.result()) for file, future in zip(files, futures, strict=True)]
        return {
            file.path: LockedFile(digests.sha256, digests.size, pin=file.pin)
            for file, digests in done
        }


class _StoppedError(Exception):
    """Ends a worker whose result nobody waits for any more."""


class OneBar(Silent):
    """Shows many small files as one, until it is closed."""

    def __init__(self, progress: Progress, name: str, files: Iterable[RemoteFile]) -> None:
        self._progress, self._name, self._open = progress, name, True
        progress.start(name, sum(file.size or 0 for file in files))

    def start(self, name: str, total: int | None, done: int = 0) -> None:  # noqa: ARG002
        """Begin one of the files."""
        self._check()

    def advance(self, name: str, count: int) -> None:  # noqa: ARG002 - counted under one name
        """Count bytes of any of the files."""
        self._check()
        self._progress.advance(self._name, count)

    def note(self, text: str) -> None:
        """Say a sentence."""
        self._check()
        self._progress.note(text)

    def _check(self) -> None:
        if not self._open:
            raise _StoppedError

    def finish_all(self) -> None:
        """End the bar, with all files there."""
        self._progress.finish(self._name)

    def close(self) -> None:
        """Stop whoever still counts."""
        self._open = False
