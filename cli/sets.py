"""The models of a path: one model, those of a Hugging Face cache, or those a manifest leads to."""

from pathlib import Path

from cli import manifest
from cli.on_disk import Found, identify, reported
from common.errors import ModelError
from common.reference import HUB_KINDS
from layouts.cache import reports_of
from layouts.metadata import FILE as META_FILE

_HUB = "hub"


def models_at(path: Path) -> list[Found]:
    """Find the models of a path.

    Raises:
        NotFoundError: nothing is there.
        ModelError: something that cannot be read, or that leads nowhere.
        UsageError: a cache entry that holds several snapshots and no `main`.
    """
    if path.is_file() and path.suffix == ".json" and _is_manifest(path):
        read = manifest.read(path)
        return _of_each([Path(link.target) for link in read.links])
    if path.is_dir() and not (path / META_FILE).is_file():
        for folder in (path / _HUB, path):
            if snapshots := _snapshots(folder):
                return [model for snapshot in snapshots for model in _of_cache(snapshot)]
    return [_whole(path)]


def _snapshots(cache: Path) -> list[Path]:
    """Give the snapshots of a cache, every revision of every repository."""
    names = [f"{kind}--*/snapshots/*" for kind in HUB_KINDS]
    return sorted(found for name in names for found in cache.glob(name) if found.is_dir())


def _of_cache(snapshot: Path) -> list[Found]:
    reports = reports_of(snapshot)
    return [reported(snapshot, report) for report in reports] or [_whole(snapshot)]


def _of_each(paths: list[Path]) -> list[Found]:
    found = [model for path in dict.fromkeys(paths) for model in models_at(path)]
    return [model for place, model in enumerate(found) if model not in found[:place]]


def _whole(path: Path) -> Found:
    """Identify what lies at a path, or the output of ours that a place within it belongs to."""
    for parent in path.absolute().parents:
        if (parent / META_FILE).is_file():
            return identify(parent)
    return identify(path)


def _is_manifest(path: Path) -> bool:
    try:
        manifest.read(path)
    except ModelError:
        return False
    return True
