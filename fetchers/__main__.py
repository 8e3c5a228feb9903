"""The builder of the fixed-output derivations: ``python -m fetchers``, told what to do by a file.

Nix passes the path of a JSON *order* in ``orderPath`` and the output in ``out``. An order holds the
source, its revision, and either ``file`` (one flat output), ``files`` (a tree of exactly these) or
neither (the whole source: the only case that asks upstream for a listing).
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from common.digest import from_sri
from common.entry import run
from common.errors import NotFoundError
from common.files import RemoteFile, check_path, select
from common.progress import Lines
from common.reference import Source
from fetchers.base import load
from fetchers.context import Context, Retries


def main() -> int:
    """Carry out the order named by the environment."""
    order = json.loads(Path(os.environ["orderPath"]).read_text("utf-8"))  # noqa: SIM112 - Nix's
    out = Path(os.environ["out"])  # noqa: SIM112 - Nix's own name
    if "file" in order:
        _one(order, out)
    else:
        _tree(order, out)
    return 0


def _context(order: Mapping[str, Any], *, direct: bool) -> Context:
    retries = Retries(order["retries"]["times"], order["retries"]["delay"])
    return Context(retries=retries, stall=order["stall"], progress=Lines(), direct=direct)


def _file(data: Mapping[str, Any]) -> RemoteFile:
    sha256 = from_sri(data["sha256"])[1] if data["sha256"] else None
    return RemoteFile(check_path(data["path"]), data["size"], sha256, pin=data.get("pin"))


def _one(order: Mapping[str, Any], out: Path) -> None:
    # Nix discards the output of a builder that fails, so it needs no temporary name.
    context = _context(order, direct=True)
    source = Source.from_json(order["source"])
    file = _file(order["file"])
    load(source.type).download(source, order["revision"], file, out, context)


def _tree(order: Mapping[str, Any], out: Path) -> None:
    context = _context(order, direct=False)
    source = Source.from_json(order["source"])
    fetcher = load(source.type)
    revision, files = order["revision"], [_file(file) for file in order.get("files", ())]
    if "files" not in order:
        snapshot = fetcher.resolve(source, context)
        revision, files = snapshot.revision, list(snapshot.files)
        for file in files:
            check_path(file.path)
    out.mkdir()

    def fetch(file: RemoteFile) -> None:
        fetcher.download(source, revision, file, out / file.path, context)

    for group, jobs in _groups(order, files):
        with ThreadPoolExecutor(jobs) as pool:
            for done in [pool.submit(fetch, file) for file in group]:
                done.result()


def _groups(
    order: Mapping[str, Any], files: list[RemoteFile]
) -> Iterator[tuple[list[RemoteFile], int]]:
    """Give the files that are fetched side by side, and how many at a time: shards come last."""
    shards = order["shards"]
    if shards is None:
        yield files, order["jobs"]
        return
    names = set(select((file.path for file in files), (shards["pattern"],), ()))
    if not names:
        raise NotFoundError("no file matches `sharding.pattern`", repr(shards["pattern"]))
    yield [file for file in files if file.path not in names], order["jobs"]
    yield [file for file in files if file.path in names], shards["jobs"]


if __name__ == "__main__":
    sys.exit(run(main))
