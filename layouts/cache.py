"""Several models as one Hugging Face cache, in which equal files are one file.

Every content lies once in ``blobs/`` of the output, by its sha256; the entries' own ``blobs/`` lead
there. Source: https://huggingface.co/docs/huggingface_hub/guides/manage-cache
"""

import json
import shutil
from collections.abc import Iterable
from pathlib import Path

from common.errors import ModelError
from common.files import LARGE_BYTES, walk
from layouts import metadata
from layouts.place import link

HUB, BLOBS, REFS, SNAPSHOTS, TREES = "hub", "blobs", "refs", "snapshots", "trees"
REPORTS = "reports"  # beside the hub


def merge(out: Path, entries: Iterable[Path]) -> None:
    """Write a cache with every entry below `out`.

    Args:
        out: a directory that is there already, empty.
        entries: the ``hub/<entry>`` of outputs of ours. One that is not there yet, because its
            model is fetched later, becomes a link.

    Raises:
        ModelError: two entries disagree on what a name or a commit is.
    """
    (out / HUB).mkdir()
    for entry in entries:
        if entry.is_dir():
            _add(out, entry)
        else:
            _later(out / HUB / entry.name, entry)


def _add(out: Path, entry: Path) -> None:
    target = out / HUB / entry.name
    if target.is_symlink():
        _later(target, entry)
    for _, blob in _files(entry / BLOBS):
        _blob(out, target, blob)
    for path, file in _files(entry / SNAPSHOTS):
        _snapshot_file(target / SNAPSHOTS / path, target / BLOBS, file)
    for name, file in _files(entry / REFS):
        _ref(target / REFS / name, file, entry)
    for name, file in _files(entry / TREES):
        _tree(target / TREES / name, file)
    _report(out, entry)


def _files(folder: Path) -> list[tuple[str, Path]]:
    return list(walk(folder)) if folder.is_dir() else []


def _blob(out: Path, target: Path, blob: Path) -> None:
    shared, own = out / BLOBS / blob.name, target / BLOBS / blob.name
    if not shared.is_symlink() and not shared.exists():
        shared.parent.mkdir(exist_ok=True)
        real = blob.resolve(strict=True)
        if real.stat().st_size >= LARGE_BYTES:
            shared.symlink_to(real)
        else:
            shutil.copyfile(real, shared)
    if not own.is_symlink():
        link(own, shared)


def _snapshot_file(place: Path, blobs: Path, file: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.is_symlink() or place.exists():
        if place.read_bytes() == file.read_bytes():
            return
        what = "two models have different files at the same commit of the same repository"
        raise ModelError(what, f"{place.parent.name}/{place.name}", "lock both of them anew")
    if file.is_symlink():
        link(place, blobs / file.readlink().name)
    else:
        shutil.copyfile(file, place)


def _ref(place: Path, file: Path, entry: Path) -> None:
    commit = file.read_text("utf-8")
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.exists() and (other := place.read_text("utf-8")) != commit:
        raise ModelError(
            f"two revisions of {entry.name} are both called {file.name!r}",
            f"{other} and {commit}",
            f'integration.huggingface.refs = [ "{commit[:7]}" ];   # in one of the two',
        )
    place.write_text(commit, "utf-8")


def _tree(place: Path, file: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    listing = json.loads(file.read_text("utf-8"))
    if place.exists():
        listing["files"] |= json.loads(place.read_text("utf-8"))["files"]
    place.write_text(json.dumps(listing, indent=1, sort_keys=True), "utf-8")


def _report(out: Path, entry: Path) -> None:
    """Keep what is known of the model: where it came from, and what checked it."""
    known = entry.parents[1] / metadata.FILE
    if known.is_file():
        for snapshot in sorted((entry / SNAPSHOTS).iterdir()):
            place = out / HUB / entry.name / SNAPSHOTS / snapshot.name
            folder = _reports(place)
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(known, folder / f"{len(reports_of(place))}.json")


def reports_of(snapshot: Path) -> list[Path]:
    """Give the metadata of a snapshot of a merged cache, of every model that it was made from."""
    folder = _reports(snapshot)
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _reports(snapshot: Path) -> Path:
    entry = snapshot.parents[1]
    return entry.parents[1] / REPORTS / f"{entry.name}@{snapshot.name}"


def _later(place: Path, entry: Path) -> None:
    if place.is_symlink() or place.exists():
        what = "a model that is fetched later cannot share its entry with another revision"
        raise ModelError(what, entry.name, "lazy = false;")
    place.symlink_to(entry)
