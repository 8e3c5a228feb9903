"""Azure Blob Storage: the blobs below a prefix, pinned by version, snapshot or ETag.

Spoken over plain HTTP; Microsoft's library only signs in as an identity, because its storage client
would bring its own retries and its own resumption. Content-MD5 is what the uploader said, and names
no content, so it is not used.
Source: https://learn.microsoft.com/en-us/rest/api/storageservices/blob-service-rest-api
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlencode
from xml.etree import ElementTree as ET

import requests

from common.errors import AuthError, ModelError, NotFoundError, TransferError
from common.files import RemoteFile
from common.reference import Source, show_reference
from fetchers.azure_auth import API_VERSION, REMEDY, Account, find_account
from fetchers.base import Digests, Snapshot
from fetchers.context import Context
from fetchers.http import UrlOpener, kept_session, send
from fetchers.objects import (
    Listed,
    Moved,
    PinnedOpener,
    choose,
    key_of,
    list_below,
    split_pin,
    steady,
    to_files,
)
from fetchers.opened import Opened
from fetchers.retry import retrying
from fetchers.transfer import receive

PAGE = 1000  # blobs
HEADS_AT_ONCE = 8
_VERSION = {"x-ms-version": API_VERSION}
_PIN_QUERY = {"version": "versionid", "snapshot": "snapshot"}
_GONE, _FAILED_CONDITION = 404, 412
_REFUSED = (401, 403, 409)  # 409: the account allows no public access at all
_NOT_THE_VERSION = (
    "these credentials may not read old versions, so blobs are pinned by ETag: once overwritten, "
    "they are gone"
)


@dataclass(frozen=True)
class _Container:
    """A container, and how to ask it."""

    account: Account
    name: str
    context: Context

    def url(self, key: str, query: Mapping[str, str]) -> str:
        path = f"/{quote(key, safe='/')}" if key else ""
        text = "&".join(filter(None, (urlencode(query, quote_via=quote), self.account.sas)))
        return f"{self.account.url}/{self.name}{path}{'?' if text else ''}{text}"

    def ask(
        self, shown: str, key: str, query: Mapping[str, str], method: str = "GET"
    ) -> requests.Response:
        """Send one request, repeated while it may pass."""
        return retrying(
            shown,
            self.context,
            lambda: send(
                *(kept_session(), self.url(key, query), self.context),
                headers=_VERSION,
                auth=self.account.auth,
                explain=_explainer(shown, self.account),
                method=method,
            ),
        )


def _container(source: Source, context: Context) -> _Container:
    return _Container(find_account(source.attrs, context), source.attrs["container"], context)


def resolve(source: Source, context: Context) -> Snapshot:
    """List the blobs below the prefix, and ask which versions they are.

    Raises:
        NotFoundError, AuthError, TransferError, UsageError.
    """
    name, container = show_reference(source), _container(source, context)

    def pages(prefix: str) -> Iterator[list[ET.Element]]:
        query = {"restype": "container", "comp": "list", "prefix": prefix}
        query |= {"include": "metadata,snapshots", "maxresults": str(PAGE)}
        while True:
            page = _parse(name, container.ask(name, "", query).content)
            yield page.findall("Blobs/Blob")
            marker = page.findtext("NextMarker")
            if not marker:
                return
            query["marker"] = marker

    def read(prefix: str) -> list[Listed]:
        return _listed(steady(name, lambda: map(_as_values, pages(prefix))))

    chosen = choose(source, list_below(source.attrs.get("prefix", ""), read))
    described, notes = _describe(container, chosen)
    return Snapshot(source, "", to_files(described), notes)


@dataclass(frozen=True)
class _Blob:
    key: str
    size: int | None
    etag: str
    snapshot: str
    folder: bool


def _parse(name: str, content: bytes) -> ET.Element:
    try:
        return ET.fromstring(content)  # noqa: S314 - expat refuses to blow entities up
    except ET.ParseError as error:
        raise TransferError(f"the listing of {name} cannot be read", str(error)) from error


def _as_values(page: list[ET.Element]) -> list[_Blob]:
    return [_blob(element) for element in page]


def _blob(element: ET.Element) -> _Blob:
    name = element.find("Name")
    text = (name.text if name is not None else None) or ""
    encoded = name is not None and name.get("Encoded") == "true"
    kind = element.findtext("Properties/ResourceType") or ""
    # A hierarchical account lists its directories as blobs.
    folder = kind == "directory" or element.findtext("Metadata/hdi_isfolder") == "true"
    size = element.findtext("Properties/Content-Length")
    # What is stored compressed is taken decompressed, so its size is not known.
    known = size and not element.findtext("Properties/Content-Encoding")
    etag = (element.findtext("Properties/Etag") or "").strip('"')
    key = unquote(text) if encoded else text
    return _Blob(
        key, int(size or 0) if known else None, etag, element.findtext("Snapshot") or "", folder
    )


def _listed(blobs: list[_Blob]) -> list[Listed]:
    """Give the blobs of now; one that has not changed since a snapshot is pinned by that."""
    same = {(blob.key, blob.etag): blob.snapshot for blob in blobs if blob.snapshot}
    found = []
    for blob in blobs:
        if blob.snapshot or blob.folder:
            continue
        snapshot = same.get((blob.key, blob.etag))
        pin = f"snapshot:{snapshot}" if snapshot else f"etag:{blob.etag}"
        found.append(Listed(blob.key, blob.size, pin))
    return found


def _describe(
    container: _Container, chosen: dict[str, Listed]
) -> tuple[dict[str, Listed], tuple[str, ...]]:
    """Add versions, which only a blob's own answer has; the first tells whether there are any."""
    paths = list(chosen)
    version = _version(container, chosen[paths[0]])
    if not version:
        return chosen, ()
    try:
        _version(container, chosen[paths[0]], versionid=version)
    except AuthError:
        return chosen, (_NOT_THE_VERSION,)

    def described(path: str) -> Listed:
        return replace(chosen[path], pin=f"version:{_version(container, chosen[path])}")

    with ThreadPoolExecutor(HEADS_AT_ONCE) as pool:
        return dict(zip(paths, pool.map(described, paths), strict=True)), ()


def _version(container: _Container, entry: Listed, **query: str) -> str:
    shown = f"{container.account.url}/{container.name}/{entry.key}"
    return container.ask(shown, entry.key, query, "HEAD").headers.get("x-ms-version-id", "")


def _explainer(name: str, account: Account, pin: str | None = None) -> Any:
    def explain(response: requests.Response) -> ModelError | None:
        status, code = response.status_code, response.headers.get("x-ms-error-code", "")
        got = f"HTTP {status} {code}".strip()
        if status == _FAILED_CONDITION or (status == _GONE and split_pin(pin)[0] in _PIN_QUERY):
            return Moved(name, pin, got)
        if status == _GONE and (account.signed or code != "ResourceNotFound"):
            return NotFoundError(f"{name} does not exist", got)
        if status not in (*_REFUSED, _GONE):
            return None
        if not account.signed:
            what = f"{name} is not public or not there, and no credentials were found"
            return AuthError(what, got, REMEDY)
        if account.expired:
            remedy = "export AZURE_STORAGE_SAS_TOKEN=… (a new one, with permissions r and l)"
            return AuthError(f"the SAS for {name} ended at {account.expired}", got, remedy)
        return AuthError(f"these credentials may not read {name}", got, REMEDY)

    return explain


def download(
    source: Source,
    revision: str,  # noqa: ARG001 - each blob has its own
    file: RemoteFile,
    target: Path,
    context: Context,
) -> Digests:
    """Fetch one blob; see `fetchers.base.Fetcher`."""
    container = _container(source, context)
    key = key_of(source.attrs.get("prefix", ""), file.path)
    origin = f"az://{source.attrs['account']}/{container.name}/{key}"
    kind, value = split_pin(file.pin)
    query = {_PIN_QUERY[kind]: value} if kind in _PIN_QUERY else {}
    match = f'"{value}"' if kind == "etag" else None
    explain = _explainer(origin, container.account, file.pin)
    pinned = _BlobOpener(container, container.url(key, query), match, explain)
    explain = _explainer(origin, container.account)
    current = _BlobOpener(container, container.url(key, {}), None, explain)
    return receive(file, target, PinnedOpener(file, pinned, current), context, origin=origin)


class _BlobOpener:
    """Opens a blob with If-Match, which Azure has instead of If-Range; see `Ranged`."""

    def __init__(self, container: _Container, url: str, match: str | None, explain: Any) -> None:
        self._container, self._url = container, url
        self._match, self._explain = match, explain
        self._session = kept_session()

    def __call__(self, offset: int, validator: str | None) -> Opened:
        return self._if(self._match or (validator if offset else None))(offset, None)

    def between(self, start: int, end: int) -> Opened:
        return self._if(self._match).between(start, end)

    def _if(self, etag: str | None) -> UrlOpener:
        return UrlOpener(
            *(self._url, self._container.context),
            session=self._session,
            auth=self._container.account.auth,
            headers=_VERSION | ({"If-Match": etag} if etag else {}),
            explain=self._explain,
        )
