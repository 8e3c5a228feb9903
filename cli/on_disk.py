"""Models that lie on this machine: what a directory is, and where Nix put a locked model."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cli.locked import Entry
from common.digest import fixed_output_path, from_sri
from common.errors import ModelError, NotFoundError, UsageError
from common.files import check_path, store_name, walk
from common.findings import CheckResult, Finding
from common.reference import HUB_KINDS, Source, check_hub_id, parse_reference
from layouts.cache import reports_of
from layouts.metadata import FILE as META_FILE
from layouts.metadata import SCHEMA_VERSION

_CACHE_ENTRY = re.compile(r"(models|datasets|spaces)--(.+)")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_STORE_HASH = 33  # characters before the name of a store path: the hash and a dash


@dataclass(frozen=True)
class Found:
    """A model on disk.

    Attributes:
        root: directory that holds its files at their paths (or the one file).
        source: where it came from; None where nothing says so.
        revision: the commit it is at; empty where nothing says so.
        meta: our own metadata; None where it is no output of ours.
    """

    root: Path
    source: Source | None = None
    revision: str = ""
    meta: Mapping[str, Any] | None = None

    def files(self) -> dict[str, Path]:
        """Give its files by path: those of the metadata, else all there are.

        Raises:
            ModelError: a link leads nowhere.
        """
        if self.meta is not None:
            return {
                check_path(file["path"]): self.root / file["path"] for file in self.meta["files"]
            }
        if self.root.is_file():
            return {self.root.name: self.root}
        files = {path: local for path, local in walk(self.root) if not local.is_dir()}
        for path, local in files.items():
            if not local.exists():
                raise ModelError("a link of this model leads nowhere", str(local), f"rm {local}")
            check_path(path)
        return files

    def hashes(self) -> dict[str, tuple[str, int]]:
        """Give what the metadata says of each file: sha256 (hex) and size."""
        files = self.meta["files"] if self.meta else ()
        return {file["path"]: (from_sri(file["sha256"])[1], file["size"]) for file in files}


def identify(path: Path) -> Found:
    """Find out what lies at a path: an output of ours, a Hugging Face cache entry, or just files.

    Raises:
        NotFoundError: nothing is there.
        UsageError: a cache entry that holds several snapshots.
        ModelError: metadata that cannot be read.
    """
    if not path.exists():
        raise NotFoundError("there is no such file or directory", str(path), f"ls {path.parent}")
    if (path / META_FILE).is_file():
        return _ours(path, _read_meta(path / META_FILE))
    whole = path.absolute()
    if _CACHE_ENTRY.fullmatch(whole.name) and (whole / "snapshots").is_dir():
        return _cache_entry(whole, _snapshot_of(whole))
    entry = whole.parent.parent
    if _COMMIT.fullmatch(whole.name) and _CACHE_ENTRY.fullmatch(entry.name):
        return _cache_entry(entry, whole.name)
    return Found(path)


def _ours(path: Path, meta: Mapping[str, Any]) -> Found:
    source = parse_reference(meta["source"]) if meta.get("source") else None
    return Found(path, source, meta.get("revision") or "", meta)


def _read_meta(path: Path) -> Mapping[str, Any]:
    try:
        meta = json.loads(path.read_text("utf-8"))
        version = meta["schemaVersion"]
        [(file["path"], file["size"], from_sri(file["sha256"])) for file in meta["files"]]
        [CheckResult.from_json(check) for check in checks_of(meta)]
        [Finding.from_json(finding) for finding in meta.get("findings", ())]
    except (ValueError, KeyError, TypeError, UsageError) as error:
        what = "this metadata cannot be read, so it was not written by this program"
        raise ModelError(what, str(path), "rebuild the model") from error
    if version != SCHEMA_VERSION:
        what = f"metadata of another version than {SCHEMA_VERSION}"
        raise ModelError(what, f"{version} in {path}", "a newer nix-ai-model")
    return dict(meta)


def checks_of(meta: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Give what checked a model, the user's own programs after ours."""
    return [*meta.get("validators", ()), *meta.get("postDownloadResults", ())]


def _cache_entry(entry: Path, commit: str) -> Found:
    kinds, repo = _CACHE_ENTRY.fullmatch(entry.name).groups()  # type: ignore[union-attr]
    refs = {path: local.read_text("utf-8").strip() for path, local in walk(entry / "refs")}
    names = sorted((path for path, at in refs.items() if at == commit), key=lambda n: n != "main")
    attrs = {
        "repo": check_hub_id(repo.replace("--", "/", 1)),
        "revision": names[0] if names else commit,
    }
    kind = HUB_KINDS[kinds]
    source = Source("huggingface", attrs | ({} if kind == "model" else {"kind": kind}))
    root = entry / "snapshots" / commit
    reports = reports_of(root)
    # Of several, none speaks for the whole snapshot.
    return reported(root, reports[0]) if len(reports) == 1 else Found(root, source, commit)


def reported(snapshot: Path, report: Path) -> Found:
    """Give a model of a merged cache by its metadata there."""
    return _ours(snapshot, _read_meta(report))


def _snapshot_of(entry: Path) -> str:
    main = entry / "refs" / "main"
    commit = main.read_text("utf-8").strip() if main.is_file() else ""
    snapshots = sorted(child.name for child in (entry / "snapshots").iterdir())
    if commit in snapshots:
        return commit
    if len(snapshots) != 1:
        what = f"{entry.name} holds {len(snapshots)} snapshots and no `main`"
        remedy = f"{entry}/snapshots/{snapshots[0] if snapshots else 'COMMIT'}"
        raise UsageError(what, ", ".join(snapshots) or "none", remedy)
    return snapshots[0]


def store() -> Path:
    """Give the store directory of this machine's Nix."""
    return Path(os.environ.get("NIX_STORE_DIR") or "/nix/store")


def built(name: str, entry: Entry) -> Iterator[Found]:
    """Find the outputs of Nix that hold what is locked, but for files that were left out."""
    locked = {path: file.sha256 for path, file in entry.files.items()}
    for path in _store_paths(store()).get(name, ()):
        if (path / META_FILE).is_file():
            found = _ours(path, _read_meta(path / META_FILE))
            left_out = (found.meta or {}).get("ignoredFiles", ())
            wanted = {path: sha256 for path, sha256 in locked.items() if path not in left_out}
            if {file: sha256 for file, (sha256, _) in found.hashes().items()} == wanted:
                yield found


@cache
def _store_paths(folder: Path) -> Mapping[str, list[Path]]:
    """Give the paths of a store by name, read once: stores have 100,000 of them."""
    paths: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        paths.setdefault(path.name[_STORE_HASH:], []).append(path)
    return paths


def fetched(name: str, entry: Entry) -> dict[str, Path]:
    """Find the locked files that are in the store already, built or not, by their hash alone."""
    folder = str(store())
    small = (
        Path(fixed_output_path(f"{name}-small", entry.small, recursive=True, store=folder))
        if entry.small
        else None
    )
    places = {}
    for path, file in entry.files.items():
        if small is None or file.large:
            place = Path(fixed_output_path(store_name(path), file.sha256, store=folder))
        else:
            place = small / path
        if place.is_file():
            places[path] = place
    return places
