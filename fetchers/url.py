"""Addresses: one or many http(s) URLs, each a file of the model; mirrors; archives on request.

An address pins nothing, so content does: by the sha256 beside each, a lock, or the tree's hash.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from email.message import Message
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

import requests

from common.digest import from_sri
from common.errors import ModelError, NotFoundError, UsageError
from common.files import RemoteFile, check_path, select
from common.reference import Source
from common.secrets import public_url, remember
from fetchers.base import Digests, Snapshot
from fetchers.context import Context
from fetchers.credentials import bearer, url_token
from fetchers.http import new_session, send, url_opener
from fetchers.mirrors import first_that_answers
from fetchers.retry import Interrupted, retrying
from fetchers.transfer import receive

_EXTENDED_NAME = re.compile(r"(?i)filename\*=[^;]+")
PROBES = 8  # addresses asked at once for name and size


@dataclass(frozen=True)
class Address:
    """One element of a source's ``urls``.

    Attributes:
        url: where it is.
        name: path of the file in the model; None to take it from upstream.
        sha256: lower-case hex; None where the source does not say it.
        mirrors: addresses of the same content, in the order in which they are tried.
    """

    url: str
    name: str | None
    sha256: str | None
    mirrors: tuple[str, ...]

    @property
    def last_part(self) -> str:
        """The decoded last part of the URL's path; empty where that ends in ``/``."""
        return unquote(urlsplit(self.url).path.rpartition("/")[2])

    @property
    def candidates(self) -> tuple[str, ...]:
        """Every address, the first one first."""
        return (self.url, *self.mirrors)


def addresses(source: Source) -> tuple[Address, ...]:
    """Read the ``urls`` of a source.

    Raises:
        UsageError: a URL is none, or holds a password; a hash is none.
    """
    return tuple(_address(entry) for entry in source.attrs["urls"])


def _address(entry: Mapping[str, Any]) -> Address:
    mirrors = tuple(entry.get("mirrors", ()))
    for url in (entry["url"], *mirrors):
        _check_url(url)
    sha256 = from_sri(entry["sha256"])[1] if entry.get("sha256") else None
    return Address(entry["url"], entry.get("name"), sha256, mirrors)


def _check_url(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(
            "this is no http or https address", repr(public_url(url)), "https://HOST/PATH"
        )
    if parts.password:
        remember(parts.password)
        remedy = f"the address without it, and in ~/.netrc: machine {parts.hostname} login …"
        raise UsageError("an address holds a password", public_url(url), remedy)


def resolve(source: Source, context: Context) -> Snapshot:
    """Ask every address for the size and, where it is not known, the name of its file.

    Archives that are to be unpacked are downloaded for that.

    Raises:
        NotFoundError, AuthError, TransferError: an address and all of its mirrors fail.
        UsageError: a name is missing or given twice; an archive is hostile.
    """
    if source.attrs.get("unpack"):
        from fetchers import url_archive  # noqa: PLC0415 - it builds on this module

        files: Sequence[RemoteFile] = url_archive.listing(source, context)
    else:
        with ThreadPoolExecutor(PROBES) as pool:
            files = list(pool.map(lambda one: _probe(one, context), addresses(source)))
    _refuse_twins([file.path for file in files])
    by_path = {file.path: file for file in files}
    attrs = source.attrs
    wanted = select(by_path, attrs.get("files", ()), attrs.get("exclude", ()))
    if not wanted:
        some = ", ".join(sorted(by_path)[:5])
        raise NotFoundError(
            "no file of these addresses is wanted by `files`", None, f"globs for {some}"
        )
    return Snapshot(source, "", tuple(by_path[path] for path in wanted))


def _refuse_twins(paths: Sequence[str]) -> None:
    twins = sorted(path for path, count in Counter(paths).items() if count > 1)
    if twins:
        what = "two addresses give a file of the same name"
        raise UsageError(what, repr(twins[0]), 'urls = [ { url = "…"; name = "OTHER-NAME"; } … ];')


def _probe(address: Address, context: Context) -> RemoteFile:
    with retrying(
        public_url(address.url), context, lambda: _first_answer(address, context)
    ) as answer:
        length = answer.headers.get("Content-Length", "")
        encoded = answer.headers.get("Content-Encoding", "identity") != "identity"
        disposition = answer.headers.get("Content-Disposition", "")
    size = int(length) if length.isdecimal() and not encoded else None
    name = address.name or _name(address, disposition)
    # The name that only the server knows leads a build back to its address.
    pin = None if name in (address.name, address.last_part) else address.url
    return RemoteFile(check_path(name), size, address.sha256, pin=pin)


def _name(address: Address, disposition: str) -> str:
    """Choose a name: a hash beside the URL promises the URL's own, as Nix cannot ask the server."""
    last = address.last_part
    if last and (address.sha256 or PurePosixPath(last).suffix):
        return last
    name = disposition_name(disposition) or last
    if not name:
        remedy = f'{{ url = "{public_url(address.url)}"; name = "model.safetensors"; }}'
        raise UsageError("an address gives its file no name", public_url(address.url), remedy)
    return name


def disposition_name(header: str) -> str:
    """Read the file name of a ``Content-Disposition``, without any directory; empty without one.

    Source: https://www.rfc-editor.org/rfc/rfc6266
    """
    message = Message()
    # The extended form wins over the plain one, wherever it stands.
    extended = _EXTENDED_NAME.search(header)
    message["Content-Disposition"] = f"inline; {extended[0]}" if extended else header
    name = message.get_filename() or ""
    # Servers send bare UTF-8 although a header is Latin-1.
    with suppress(UnicodeError):
        name = name.encode("latin-1").decode("utf-8")
    return name.replace("\\", "/").rpartition("/")[2].strip()


def _first_answer(address: Address, context: Context) -> requests.Response:
    failures: list[Exception] = []
    for url in address.candidates:
        try:
            auth = bearer(url_token(context)) if url == address.url else None
            # GET and not HEAD: signed addresses allow one method.
            return send(new_session(), url, context, auth=auth, stream=True)
        except (ModelError, Interrupted) as error:
            failures.append(error)
    raise next((one for one in failures if isinstance(one, Interrupted)), failures[0])


def download(
    source: Source,
    revision: str,  # noqa: ARG001 - an address has none
    file: RemoteFile,
    target: Path,
    context: Context,
) -> Digests:
    """Download one file from its address or a mirror; see `fetchers.base.Fetcher`."""
    if source.attrs.get("unpack"):
        from fetchers import url_archive  # noqa: PLC0415 - it builds on this module

        return url_archive.take(source, file, target, context)
    return fetch(_address_of(source, file), file, target, context)


def fetch(address: Address, file: RemoteFile, target: Path, context: Context) -> Digests:
    """Download the content of an address to `target`, verified against `file`."""
    # NB: the token is for the address itself; netrc serves mirrors, host by host.
    openers = {
        public_url(url): url_opener(
            url, context, auth=bearer(url_token(context)) if url == address.url else None
        )
        for url in address.candidates
    }
    opener = first_that_answers(file, openers, context)
    return receive(file, target, opener, context, origin=" or ".join(openers))


def _address_of(source: Source, file: RemoteFile) -> Address:
    known = addresses(source)
    for address in known:
        named = file.pin is None and file.path == (address.name or address.last_part)
        if named or file.pin == address.url or len(known) == 1:
            return address
    names = ", ".join(one.name or one.last_part for one in known)
    remedy = f"one of {names}, or give an address `name`"
    raise UsageError("none of the addresses gives this file", repr(file.path), remedy)
