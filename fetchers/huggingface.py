"""The Hugging Face Hub: models, datasets and spaces, at a branch, tag, commit or pull request.

Source: https://huggingface.co/docs/hub/api
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import requests

from common.errors import AuthError, ModelError, NotFoundError, TransferError
from common.files import RemoteFile, check_path, select
from common.reference import Source, check_hub_id, show_reference
from common.secrets import public_url
from fetchers.base import Digests, Snapshot
from fetchers.context import Context
from fetchers.credentials import bearer, hub_token, remedy_for
from fetchers.http import url_opener
from fetchers.transfer import receive

ENDPOINT = "https://huggingface.co"
COMMIT = re.compile(r"[0-9a-f]{40}")
_PREFIX = {"model": "", "dataset": "datasets/", "space": "spaces/"}
_REFUSED = (401, 403)
_GONE = 404
T = TypeVar("T")


def endpoints(attrs: Mapping[str, Any], context: Context) -> list[str]:
    """Give the hub's addresses, to be tried in order: the source's own, else ``HF_ENDPOINT``'s."""
    named = attrs.get("endpoint") or context.variable("HF_ENDPOINT") or ENDPOINT
    several = [named] if isinstance(named, str) else list(named)
    return [address.rstrip("/") for address in several]


def _first(addresses: list[str], ask: Callable[[str], T], context: Context) -> T:
    """Ask one address after the other until one has an answer; the last one's failure counts."""
    for address in addresses[:-1]:
        try:
            return ask(address)
        except (AuthError, NotFoundError, TransferError) as error:
            context.progress.note(f"{public_url(address)}: {error.what}; trying the next endpoint")
    return ask(addresses[-1])


def resolve(source: Source, context: Context) -> Snapshot:
    """Ask the hub for the commit of the source's revision and for its files.

    Raises:
        NotFoundError: no such repository or revision, or no file matches the globs.
        AuthError: the repository is gated or private and the token does not open it.
        TransferError: the hub does not answer.
    """
    # Imported here: a build that only downloads needs none of huggingface_hub's 60 MB.
    from fetchers import hub_api  # noqa: PLC0415

    attrs = source.attrs
    check_hub_id(attrs["repo"])
    revision, listed = _first(
        endpoints(attrs, context), lambda hub: hub_api.snapshot(source, hub, context), context
    )
    for file in listed:
        check_path(file.path)
    wanted = select(
        (file.path for file in listed), attrs.get("files", ()), attrs.get("exclude", ())
    )
    if not wanted:
        raise _nothing(source, listed)
    by_path = {file.path: file for file in listed}
    return Snapshot(source, revision, tuple(by_path[path] for path in wanted))


def _nothing(source: Source, listed: tuple[RemoteFile, ...]) -> NotFoundError:
    name = show_reference(source)
    if not listed:
        return NotFoundError(
            f"{name} has no files", None, "another revision, or another repository"
        )
    some = ", ".join(sorted(file.path for file in listed)[:5])
    return NotFoundError(
        f"{name} has no file that matches `files`",
        f"{list(source.attrs.get('files', ()))} without {list(source.attrs.get('exclude', ()))}",
        f"patterns for what it has: {some}",
    )


def file_url(source: Source, revision: str, path: str, hub: str) -> str:
    """Give the address of one file at one revision of a hub."""
    attrs = source.attrs
    base = f"{hub}/{_PREFIX[attrs.get('kind', 'model')]}{attrs['repo']}"
    return f"{base}/resolve/{quote(revision, safe='')}/{quote(path, safe='/')}"


def download(
    source: Source, revision: str, file: RemoteFile, target: Path, context: Context
) -> Digests:
    """Fetch one file by a plain GET on ``resolve``; see `fetchers.base.Fetcher`."""
    token = hub_token(context)

    def explain(response: requests.Response) -> ModelError | None:
        return _explain(response, source, revision, file.path, context)

    def ask(hub: str) -> Digests:
        url = file_url(source, revision, file.path, hub)
        opener = url_opener(url, context, auth=bearer(token), explain=explain)
        return receive(file, target, opener, context, origin=public_url(url))

    return _first(endpoints(source.attrs, context), ask, context)


def _explain(
    response: requests.Response, source: Source, revision: str, path: str, context: Context
) -> ModelError | None:
    code = response.headers.get("X-Error-Code", "")
    if response.status_code not in (*_REFUSED, _GONE):
        return None
    name = show_reference(source)
    if code == "EntryNotFound":
        return NotFoundError(f"{name} has no file {path!r} at revision {revision}")
    if code == "RevisionNotFound":
        return NotFoundError(f"{name} has no revision {revision!r}", None, 'revision = "main";')
    return refused(source, code, response.status_code, context)


def refused(source: Source, code: str, status: int | str, context: Context) -> ModelError:
    """Word a refusal of a whole repository: gated, private, missing, or a bad token.

    Args:
        source: of type ``huggingface``.
        code: the hub's ``X-Error-Code``; may be empty.
        status: of HTTP.
        context: tells where a token was looked for, and what its user wants to be told.
    """
    name, repo = show_reference(source), source.attrs["repo"]
    page = f"{ENDPOINT}/{_PREFIX[source.attrs.get('kind', 'model')]}{repo}"
    token = hub_token(context)
    got = f"HTTP {status} {f'with the token of {token.origin}' if token else 'without a token'}"
    if code == "GatedRepo":
        steps = f"1. accept the licence at {page}\n     2. {remedy_for(context)}"
        why = "this token does not open it" if token else "no token was found"
        return AuthError(f"{name} is gated, and {why}", got, _help(context, steps))
    if status == _GONE or code == "RepoNotFound":
        remedy = f"the id as shown at {ENDPOINT}; for a private repository: {remedy_for(context)}"
        return NotFoundError(f"{name} does not exist, or is private", got, remedy)
    return AuthError(f"the hub refuses access to {name}", got, _help(context, remedy_for(context)))


def _help(context: Context, usual: str) -> str:
    return context.auth.help.strip() or usual
