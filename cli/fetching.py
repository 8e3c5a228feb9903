"""Bringing the files of a model into the store: side by side, resumed, each freed when it is in."""

import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from cli import nix_store
from cli.download import OneBar
from cli.locked import LockedFile
from cli.on_hand import OnHand
from cli.pace import Pace
from cli.wanted import Single, Tree, Wanted, remote
from common.digest import file_sha256, nar_sha256
from common.errors import DiskError, IntegrityError
from common.files import store_name
from common.progress import show_bytes
from fetchers.base import load
from fetchers.context import Context
from fetchers.partial import DISK_BLOCK, Partials, open_alone, prepare

ADDED_AT_ONCE = min(4, max(2, (os.cpu_count() or 2) // 2))  # each keeps a core busy
FILES_AT_ONCE = ADDED_AT_ONCE + 1  # large ones; each needs its space twice until it is in the store
SMALL_AT_ONCE = 8


class Fetching:
    """The work for one model.

    Args:
        wanted: what has to be in the store.
        context: of the requests; gets a directory for partial files and a number of connections.
        cache: directory for partial files.
        jobs: connections at once.
        on_hand: files that need no download.
        pace: stopped when the work is interrupted.
    """

    def __init__(
        self,
        wanted: Wanted,
        context: Context,
        cache: Path,
        *,
        jobs: int,
        on_hand: OnHand,
        pace: Pace,
    ) -> None:
        self._wanted, self._cache, self._jobs = wanted, cache, jobs
        self._on_hand, self._pace = on_hand, pace
        self._partials = Partials(cache)
        self._context = replace(context, partials=self._partials, pace=pace)
        self._adding = threading.Semaphore(ADDED_AT_ONCE)
        self._fetcher = load(wanted.entry.source.type)
        self.origins: dict[str, str] = {}  # by path: cache, disk, or download

    def run(self, missing: set[str]) -> None:
        """Bring everything that is missing.

        Args:
            missing: store paths.

        Raises:
            DiskError: before the first byte, when the space does not suffice.
            AuthError, TransferError, IntegrityError: the first failure, after the other files of
                the model had their turn.
        """
        prepare(self._cache)
        singles = [one for one in self._wanted.singles if one.store_path in missing]
        singles = list({one.store_path: one for one in singles}.values())
        tree = self._wanted.tree
        tree = tree if tree and tree.store_path in missing else None
        check_space(self._cache, singles, tree, self._partials)
        connections = max(1, self._jobs // max(1, min(len(singles), FILES_AT_ONCE)))
        self._context = replace(self._context, connections=connections)
        if tree:
            self._bring_tree(tree)
        self._side_by_side(self._bring, sorted(singles, key=lambda one: -one.file.size))

    def _side_by_side(self, bring: Callable[[Single], None], singles: list[Single]) -> None:
        pool = ThreadPoolExecutor(min(FILES_AT_ONCE, max(1, self._jobs)))
        waiting: list[Future[None]] = [pool.submit(bring, single) for single in singles]
        try:
            failures = [done.exception() for done in as_completed(waiting)]
        except BaseException:
            self._pace.stop()
            raise
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        for failure in failures:
            if failure is not None:
                raise failure

    # --- a file of its own

    def _bring(self, single: Single) -> None:
        with self._turn(single):
            if not nix_store.invalid([single.store_path]):
                return  # another process brought it meanwhile
            folder = self._cache / f"{single.file.sha256}.ready"
            folder.mkdir(exist_ok=True)
            place = folder / store_name(single.path)
            # NB: Nix hashes what it takes, so hashing it here as well would only cost time. When
            # it was the wrong content, the second try hashes, and so can say what is wrong.
            for hashed_later in (True, False):
                origin = self._make(single, place, hashed_later=hashed_later)
                with self._adding:
                    added = nix_store.add_file(place)
                place.unlink()
                if added == single.store_path:
                    break
                nix_store.delete([added])
            folder.rmdir()
        self.origins[single.path] = origin

    def _make(self, single: Single, place: Path, *, hashed_later: bool) -> str:
        """Put the file at a place with its store name; say where it came from."""
        if place.is_file() and file_sha256(place) == single.file.sha256:
            return "cache"  # whole already, when an earlier run was killed
        place.unlink(missing_ok=True)
        found = self._on_hand.find(single.file.sha256, single.file.size, place.name)
        if found:
            _link_or_copy(found, place)
            return "disk"
        context = replace(self._context, hashed_later=hashed_later)
        source, revision = self._wanted.entry.source, self._wanted.entry.revision
        file = remote(single.path, single.file)
        self._fetcher.download(source, revision, file, place, context)
        return "download"

    @contextmanager
    def _turn(self, single: Single) -> Iterator[None]:
        lock = self._cache / f"{single.file.sha256}.lock"
        note = f"{single.path}: another process is fetching it; waiting for that"
        descriptor = open_alone(lock, lambda: self._context.progress.note(note))
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)
            os.close(descriptor)

    # --- the tree of small files

    def _bring_tree(self, tree: Tree) -> None:
        with tempfile.TemporaryDirectory(dir=self._cache, prefix="small-") as folder:
            place = Path(folder) / tree.name
            missing = [
                path for path in sorted(tree.files) if not self._from_disk(tree, path, place)
            ]
            self._download_small({path: tree.files[path] for path in missing}, place)
            digest = nar_sha256(place)
            if digest != tree.hash:
                what = (
                    f"the small files of {self._wanted.name} make another tree than the lock says"
                )
                raise IntegrityError(what, digest, f"nix-ai-model lock update {self._wanted.name}")
            nix_store.add_tree(place)

    def _from_disk(self, tree: Tree, path: str, place: Path) -> bool:
        file = tree.files[path]
        found = self._on_hand.find(file.sha256, file.size, Path(path).name)
        if not found:
            return False
        target = place / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(found, target)
        self.origins[path] = "disk"
        return True

    def _download_small(self, files: dict[str, LockedFile], place: Path) -> None:
        if not files:
            return
        source, revision = self._wanted.entry.source, self._wanted.entry.revision
        remotes = [remote(path, file) for path, file in files.items()]
        bar = OneBar(self._context.progress, f"{len(files)} small files", remotes)
        context = replace(self._context, progress=bar, partials=None)
        try:
            with ThreadPoolExecutor(min(SMALL_AT_ONCE, self._jobs)) as pool:
                work = [
                    pool.submit(
                        self._fetcher.download, source, revision, file, place / file.path, context
                    )
                    for file in remotes
                ]
                for done in work:
                    done.result()
            bar.finish_all()
        finally:
            bar.close()
        self.origins |= dict.fromkeys(files, "download")


def check_space(
    cache: Path, singles: Sequence[Single], tree: Tree | None, partials: Partials
) -> None:
    """See that the disks can take what is going to come.

    A large file is there twice while it is being added: as it came, and in the store.

    Raises:
        DiskError: with what is needed and what is free.
    """
    sizes = sorted((one.file.size for one in singles), reverse=True)
    small = sum(file.size for file in tree.files.values()) if tree else 0
    there = sum(_occupied(partials.paths(one.file.sha256)[0]) for one in singles)
    passing = max(0, sum(sizes[:FILES_AT_ONCE]) + small - there)
    store = nix_store.place()
    if store.stat().st_dev == cache.stat().st_dev:
        _check_free(store, sum(sizes) + small + passing)
    else:
        _check_free(store, sum(sizes) + small)
        _check_free(cache, passing)


def _check_free(place: Path, need: int) -> None:
    free = shutil.disk_usage(place).free
    if need > free:
        raise DiskError(
            f"the disk of {place} lacks the space: {show_bytes(need)} are needed",
            f"{show_bytes(free)} free",
            "nix-collect-garbage, or --cache-dir on another disk",
        )


def _occupied(partial: Path) -> int:
    return partial.stat().st_blocks * DISK_BLOCK if partial.exists() else 0


def _link_or_copy(found: Path, place: Path) -> None:
    """Give a file another name without copying it, where the disk and its owner allow that."""
    real = found.resolve()
    if not real.stat().st_mode & 0o111:  # NB: a flat hash says nothing of the bit, but Nix would
        try:
            os.link(real, place)
        except OSError:
            pass  # another disk, or fs.protected_hardlinks
        else:
            return
    shutil.copyfile(real, place)
