"""A Hugging Face cache entry, with the model's files at their own paths beside it.

Source: https://huggingface.co/docs/huggingface_hub/guides/manage-cache
"""

import json
from dataclasses import dataclass
from pathlib import Path

from layouts.place import Item, copy, git_blob_id, link, put

TREE_FORMAT = 1  # of trees/<commit>.json, as huggingface_hub 2 reads it
_CODE = ".py"


@dataclass(frozen=True)
class Entry:
    """What a cache entry is called.

    Attributes:
        repo: id, with or without an owner.
        kind: ``model``, ``dataset`` or ``space``.
        revision: 40 hex digits, the name of the snapshot.
        refs: names that point to the snapshot, such as ``main``.
        complete: whether to list the files, which tells clients that nothing is missing.
    """

    repo: str
    kind: str
    revision: str
    refs: tuple[str, ...] = ("main",)
    complete: bool = True

    @property
    def directory(self) -> str:
        """Name of the entry's directory in a cache."""
        return f"{self.kind}s--{self.repo.replace('/', '--')}"


def write(out: Path, items: tuple[Item, ...], entry: Entry) -> Path:
    """Write ``hub/<entry>`` below `out`, and links from the model's own paths into it.

    Returns:
        The path of the cache entry.
    """
    root = out / "hub" / entry.directory
    snapshot = root / "snapshots" / entry.revision
    snapshot.mkdir(parents=True)
    blobs: set[str] = set()
    for item in items:
        blob = root / "blobs" / item.sha256
        if item.sha256 not in blobs:
            put(item, blob)
            blobs.add(item.sha256)
        for place in (snapshot / item.path, out / item.path):
            _file(item, place, blob)
    _refs(root, entry)
    if entry.complete:
        _tree(root, items, entry)
    _shortcuts(out, root)
    return root


def _file(item: Item, place: Path, blob: Path) -> None:
    # NB: code is looked up beside the resolved file, so a module that is a link into blobs/ does
    # not find its neighbours (https://github.com/huggingface/transformers/issues/34855).
    if item.path.endswith(_CODE) and not item.linked:
        copy(item, place)
    else:
        link(place, blob)


def _refs(root: Path, entry: Entry) -> None:
    for name in entry.refs:
        ref = root / "refs" / name
        ref.parent.mkdir(parents=True, exist_ok=True)
        # NB: without a newline, or the client takes it for a part of the commit.
        ref.write_text(entry.revision, "utf-8")


def _tree(root: Path, items: tuple[Item, ...], entry: Entry) -> None:
    files: dict[str, dict[str, object]] = {}
    for item in items:
        large = {"lfs_sha256": item.sha256, "lfs_size": item.size} if item.linked else {}
        files[item.path] = {"size": item.size, "blob_id": git_blob_id(item)} | large
    (root / "trees").mkdir()
    listing = {"format_version": TREE_FORMAT, "files": files}
    (root / "trees" / f"{entry.revision}.json").write_text(
        json.dumps(listing, indent=1, sort_keys=True), "utf-8"
    )


def _shortcuts(out: Path, root: Path) -> None:
    for name in ("blobs", "refs", "snapshots"):
        # A model may have a directory of that name itself; its own files come first.
        if not (out / name).exists() and (root / name).exists():
            link(out / name, root / name)
