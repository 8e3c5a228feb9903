"""Google Cloud Storage: the objects below a prefix, each pinned by its generation.

Spoken over plain HTTP; Google's library only finds and renews credentials, because its storage
client would bring its own retries, its own resumption and forty more packages. md5 and crc32c say
that a transfer went well, which TLS does too; they name no content, so they are not used.
Source: https://cloud.google.com/storage/docs/json_api/v1
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import requests

from common.errors import AuthError, ModelError, NotFoundError
from common.files import RemoteFile
from common.reference import Source, show_reference
from fetchers.base import Digests, Snapshot
from fetchers.context import Context
from fetchers.google_credentials import google_auth
from fetchers.http import UrlOpener, kept_session, send, server_words
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

ENDPOINT = "https://storage.googleapis.com"
PAGE = 1000  # objects, the most there are in one
_FIELDS = "nextPageToken,items(name,size,generation,contentEncoding)"
_GONE = 404
_REFUSED = (401, 403)
_CREDENTIALS = (
    "export GOOGLE_APPLICATION_CREDENTIALS=/path/to/key.json, or CLOUDSDK_AUTH_ACCESS_TOKEN="
    "$(gcloud auth print-access-token)"
)


def resolve(source: Source, context: Context) -> Snapshot:
    """List the objects below the prefix with their generations.

    Raises:
        NotFoundError, AuthError, TransferError, UsageError.
    """
    attrs, name = source.attrs, show_reference(source)
    auth = google_auth(attrs, context)
    base = f"{_endpoint(attrs, context)}/storage/v1/b/{quote(attrs['bucket'], safe='')}/o"

    def ask(query: Mapping[str, str]) -> Any:
        url = f"{base}?{urlencode({**query, **_payer(attrs)}, quote_via=quote)}"
        explain = _explainer(name, signed=auth is not None)
        return send(kept_session(), url, context, auth=auth, explain=explain).json()

    def pages(prefix: str) -> Iterator[list[Listed]]:
        query = {"prefix": prefix, "maxResults": str(PAGE), "fields": _FIELDS}
        while True:
            page = retrying(name, context, lambda: ask(query))
            yield [_listed(entry) for entry in page.get("items", ())]
            if not page.get("nextPageToken"):
                return
            query["pageToken"] = page["nextPageToken"]

    listed = list_below(attrs.get("prefix", ""), lambda prefix: steady(name, lambda: pages(prefix)))
    return Snapshot(source, "", to_files(choose(source, listed)))


def _endpoint(attrs: Mapping[str, Any], context: Context) -> str:
    # STORAGE_EMULATOR_HOST is what Google's own clients read; it may lack a scheme.
    text = attrs.get("endpoint") or context.variable("STORAGE_EMULATOR_HOST") or ENDPOINT
    return (text if "://" in text else f"http://{text}").rstrip("/")


def _payer(attrs: Mapping[str, Any]) -> dict[str, str]:
    return {"userProject": attrs["userProject"]} if "userProject" in attrs else {}


def _listed(entry: Mapping[str, Any]) -> Listed:
    # What is stored compressed is sent decompressed, so its size is not known.
    size = None if entry.get("contentEncoding") == "gzip" else int(entry["size"])
    return Listed(entry["name"], size, f"generation:{entry['generation']}")


def _explainer(name: str, *, signed: bool, moved: str | None = None) -> Any:
    def explain(response: requests.Response) -> ModelError | None:
        got = f"HTTP {response.status_code}"
        if response.status_code == _GONE:
            return (
                Moved(name, moved, got) if moved else NotFoundError(f"{name} does not exist", got)
            )
        if response.status_code not in _REFUSED:
            return None
        if not signed:
            return AuthError(
                f"{name} is not public, and no credentials were found", got, _CREDENTIALS
            )
        words = f"{got}{server_words(response)}"
        return AuthError(f"these credentials may not read {name}", words, _CREDENTIALS)

    return explain


def download(
    source: Source,
    revision: str,  # noqa: ARG001 - each object has its own
    file: RemoteFile,
    target: Path,
    context: Context,
) -> Digests:
    """Fetch one object; see `fetchers.base.Fetcher`."""
    attrs = source.attrs
    key = key_of(attrs.get("prefix", ""), file.path)
    origin = f"gs://{attrs['bucket']}/{key}"
    bucket, name = (quote(part, safe="") for part in (attrs["bucket"], key))
    base = f"{_endpoint(attrs, context)}/download/storage/v1/b/{bucket}/o/{name}"
    auth = google_auth(attrs, context)
    kind, generation = split_pin(file.pin)

    def opener(query: Mapping[str, str], moved: str | None) -> UrlOpener:
        url = f"{base}?{urlencode({'alt': 'media', **query, **_payer(attrs)})}"
        explain = _explainer(origin, signed=auth is not None, moved=moved)
        return UrlOpener(url, context, session=kept_session(), auth=auth, explain=explain)

    current = opener({}, None)
    if kind != "generation":
        return receive(file, target, current, context, origin=origin)
    pinned = _Unchanging(opener({"generation": generation}, file.pin), generation)
    return receive(file, target, PinnedOpener(file, pinned, current), context, origin=origin)


class _Unchanging:
    """Lets a transfer of what can never change be resumed, whatever validators the server gives."""

    def __init__(self, opener: UrlOpener, name: str) -> None:
        self._opener, self._name = opener, name

    def __call__(self, offset: int, validator: str | None) -> Opened:  # noqa: ARG002 - see above
        return replace(self._opener(offset, None), validator=self._name)

    def between(self, start: int, end: int) -> Opened:
        return self._opener.between(start, end)
