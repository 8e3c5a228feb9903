"""Reading the order of a builder: source, files, and everything that bears on how to fetch."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from common import persistent
from common.digest import from_sri
from common.files import RemoteFile, check_path
from common.progress import Lines
from fetchers.auth import read_auth
from fetchers.context import Context, Retries
from fetchers.partial import Partials

Order = Mapping[str, Any]
_MEGABYTE = 1_000_000


def read_file(data: Order) -> RemoteFile:
    """Read one file of an order."""
    sha256 = from_sri(data["sha256"])[1] if data["sha256"] else None
    return RemoteFile(check_path(data["path"]), data["size"], sha256, pin=data.get("pin"))


def read_context(order: Order, *, direct: bool) -> Context:
    """Make the context that an order describes.

    Args:
        order: as `lib/internal/fetch.nix` writes it.
        direct: see `Context`.
    """
    auth = read_auth(order["auth"], order["security"])
    environ = dict(os.environ) | auth.environment()
    # The clouds' own clients read the environment of the process.
    os.environ.update(auth.environment())
    progress = Lines()
    context = Context(
        environ=environ,
        retries=_retries(order),
        stall=order["stall"],
        progress=progress,
        direct=direct,
        log=progress.note,
        connections=order["connections"],
        mirrors=tuple(order["mirrors"]),
        auth=auth,
        shell=order["shell"],
    )
    return replace(context, partials=_partials(order, context))


def _retries(order: Order) -> Retries:
    download, failure = order["download"], order["failure"]
    attempts = download["maxResumeAttempts"]
    return Retries(
        failure["maxRetries"],
        failure["retryDelay"],
        rounds=attempts if failure.get("action") == "retry" else 0,
        refusals=attempts if download["resumeOnAuthFailure"] else 0,
    )


def _partials(order: Order, context: Context) -> Partials | None:
    download, failure = order["download"], order["failure"]
    persist = failure.get("action") == "persist"
    if not (persist or download.get("enableCheckpoints", True)):
        return None
    folder = Path(failure.get("persistPath", persistent.FOLDER))
    if not persistent.writable(folder):
        if persist or download.get("enableCheckpoints", False):
            context.log(persistent.lost("partial files", folder))
        return None
    return Partials(folder, download["checkpointIntervalMB"] * _MEGABYTE, keep=persist)
