"""Models of an Ollama registry, or of any container registry that keeps them.

A manifest lists every file with its sha256, so resolving downloads no weights, and a blob's address
is its digest. Source: https://distribution.github.io/distribution/spec/api/
"""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import requests

from common.digest import to_sri
from common.errors import AuthError, IntegrityError, ModelError, NotFoundError
from common.files import RemoteFile, select
from common.ollama import MANIFEST, Blob, ModelName, parse_name, read_manifest
from common.reference import Source, show_reference
from fetchers.base import Digests, Snapshot
from fetchers.context import Context
from fetchers.http import UrlOpener, new_session, send
from fetchers.mismatch import ACCEPT, changed
from fetchers.opened import Opened
from fetchers.registry import RegistryAuth
from fetchers.retry import retrying
from fetchers.transfer import receive

ACCEPTED = (
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
)
# Ollama's registry takes a digest where a tag belongs for a bad name.
_GONE = (400, 404, 405)
_REFUSED = (401, 403)
_SIGN_IN = "export OLLAMA_REGISTRY_USERNAME=… OLLAMA_REGISTRY_PASSWORD=…"
P = TypeVar("P")
T = TypeVar("T")


def resolve(source: Source, context: Context) -> Snapshot:
    """Read the manifest; its digest is the revision.

    Raises:
        NotFoundError, AuthError, TransferError, UsageError; ModelError for what is no manifest;
        IntegrityError when it is not the one the source names by digest.
    """
    name = parse_name(source.attrs["model"])
    content = _manifest(source, name, context)
    blobs = {blob.path: blob for blob in read_manifest(content)}
    attrs = source.attrs
    wanted = select(blobs, attrs.get("files", ()), attrs.get("exclude", ()))
    if not wanted:
        got = f"{list(attrs.get('files', ()))} without {list(attrs.get('exclude', ()))}"
        remedy = f"patterns for what it has: {', '.join(sorted(blobs))}"
        raise NotFoundError(f"{show_reference(source)} has no file that matches", got, remedy)
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    return Snapshot(source, digest, tuple(_file(blobs[path]) for path in wanted))


def _file(blob: Blob) -> RemoteFile:
    return RemoteFile(blob.path, blob.size, blob.sha256)


def _manifest(source: Source, name: ModelName, context: Context) -> bytes:
    where, session = show_reference(source), new_session()
    auth = RegistryAuth(name.address, context)

    def ask(url: str) -> bytes:
        # NB: Ollama's own registry says neither a type nor a length, and answers no HEAD.
        return send(
            *(session, url, context),
            headers={"Accept": ", ".join(ACCEPTED)},
            auth=auth,
            explain=lambda response: _explain(response, where),
        ).content

    urls = [f"{name.address}/v2/{name.repository}/manifests/{name.tag}"]
    if name.digest:
        urls = _manifest_urls(name, name.digest)
    content = _either(urls, lambda url: retrying(where, context, lambda: ask(url)))
    got = f"sha256:{hashlib.sha256(content).hexdigest()}"
    if name.digest and got != name.digest:
        raise IntegrityError(f"the manifest of {where} has another digest", got, ACCEPT)
    return content


def _manifest_urls(name: ModelName, digest: str) -> list[str]:
    """Give where a manifest's bytes are: apart in Distribution, a blob in Ollama's registry."""
    base = f"{name.address}/v2/{name.repository}"
    return [f"{base}/manifests/{digest}", f"{base}/blobs/{digest}"]


def _either(places: list[P], ask: Callable[[P], T]) -> T:
    for place in places[:-1]:
        with suppress(NotFoundError):
            return ask(place)
    return ask(places[-1])


def _explain(response: requests.Response, where: str) -> ModelError | None:
    got = f"HTTP {response.status_code}"
    if response.status_code in _GONE:
        remedy = "a name and tag as the registry's page shows them"
        return NotFoundError(f"{where} does not exist, or is private", got, remedy)
    if response.status_code in _REFUSED:
        return AuthError(f"the registry refuses access to {where}", got, _SIGN_IN)
    return None


def download(
    source: Source,
    revision: str,  # noqa: ARG001 - a blob's own digest names it
    file: RemoteFile,
    target: Path,
    context: Context,
) -> Digests:
    """Fetch one blob by its digest; see `fetchers.base.Fetcher`."""
    name, where = parse_name(source.attrs["model"]), show_reference(source)
    file = file if file.sha256 else _listed(source, file.path, context)
    digest = f"sha256:{file.sha256}"
    urls = [f"{name.address}/v2/{name.repository}/blobs/{digest}"]
    if file.path == MANIFEST:
        urls = _manifest_urls(name, digest)
    auth = RegistryAuth(name.address, context)
    openers = [
        UrlOpener(
            url,
            context,
            auth=auth,
            headers={"Accept": ", ".join((*ACCEPTED, "*/*"))},
            explain=lambda response: _explain(response, f"{digest} of {where}"),
        )
        for url in urls
    ]
    try:
        return receive(file, target, _Places(openers), context, origin=where)
    except NotFoundError as error:
        raise _moved(source, file, error, context) from error


class _Places:
    """Opens what one of several addresses has; see `fetchers.opened.Ranged`."""

    def __init__(self, openers: list[UrlOpener]) -> None:
        self._openers = openers

    def __call__(self, offset: int, validator: str | None) -> Opened:
        return _either(self._openers, lambda opener: opener(offset, validator))

    def between(self, start: int, end: int) -> Opened:
        return _either(self._openers, lambda opener: opener.between(start, end))


def _listed(source: Source, path: str, context: Context) -> RemoteFile:
    """Ask what a file is now; only where nothing was pinned yet."""
    everything = Source(source.type, {"model": source.attrs["model"]})
    files = resolve(everything, context).files
    found = next((file for file in files if file.path == path), None)
    if found is None:
        remedy = f"one of: {', '.join(file.path for file in files)}"
        raise NotFoundError(f"{show_reference(source)} has no file {path!r}", None, remedy)
    return found


def _moved(source: Source, file: RemoteFile, error: ModelError, context: Context) -> ModelError:
    """Say what a tag has become whose old blob is gone."""
    try:
        now = _listed(source, file.path, context)
    except ModelError:
        return error
    if now.sha256 is None or now.sha256 == file.sha256:
        return error
    expected, got = to_sri(file.sha256 or ""), to_sri(now.sha256)
    return changed(file, show_reference(source), "sha256", expected, got)
