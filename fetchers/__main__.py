"""The builder of the fixed-output derivations: ``python -m fetchers``, told what to do by a file.

Nix passes the path of a JSON *order* in ``orderPath`` and the output in ``out``. An order holds the
source, its revision, and either ``file`` (one flat output), ``files`` (a tree of exactly these) or
neither (the whole source: the only case that asks upstream for a listing).
"""

import json
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from common.entry import run
from common.errors import ModelError, NotFoundError
from common.files import RemoteFile, check_path, select
from common.reference import Source, show_reference
from fetchers.base import load
from fetchers.command import notify, plain
from fetchers.context import Context
from fetchers.order import Order, read_context, read_file
from fetchers.scopes import check_scopes


def main() -> int:
    """Carry out the order named by the environment."""
    _unset_empty()
    order = json.loads(Path(os.environ["orderPath"]).read_text("utf-8"))  # noqa: SIM112 - Nix's
    out = Path(os.environ["out"])  # noqa: SIM112 - Nix's own name
    # Nix discards the output of a builder that fails, so a single file needs no temporary name.
    context = read_context(order, direct="file" in order)
    try:
        check_scopes(Source.from_json(order["source"]), context)
        if "file" in order:
            _one(order, out, context)
        else:
            _tree(order, out, context)
    except ModelError as error:
        _notify(order, error, context)
        raise
    return 0


def _unset_empty() -> None:
    # NB: what nobody set arrives empty, and an empty `http_proxy` would hide `HTTP_PROXY`.
    for name in [name for name, value in os.environ.items() if not value]:
        del os.environ[name]


def _notify(order: Order, error: ModelError, context: Context) -> None:
    text = order["failure"].get("notifyCommand")
    if not text:
        return
    isolated = order["security"].get("isolateCredentialsFromHooks", True)
    message = {
        "MODEL_NAME": order["name"],
        "MODEL_SOURCE": show_reference(Source.from_json(order["source"])),
        "MODEL_ERROR": str(error),
    }
    environ = plain(context.environ) if isolated else context.environ
    problem = notify(text, context.shell, environ, message)
    if problem:
        context.log(f"warning: `onDownloadFailure.notifyCommand` failed: {problem}")


def _one(order: Order, out: Path, context: Context) -> None:
    source = Source.from_json(order["source"])
    file = read_file(order["file"])
    load(source.type).download(source, order["revision"], file, out, context)


def _tree(order: Order, out: Path, context: Context) -> None:
    source = Source.from_json(order["source"])
    fetcher = load(source.type)
    revision, files = order["revision"], [read_file(file) for file in order.get("files", ())]
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


def _groups(order: Order, files: list[RemoteFile]) -> Iterator[tuple[list[RemoteFile], int]]:
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
