"""Git LFS without its program: pointers, where the server is, and one file by the batch API.

Sources: https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md (pointers),
https://github.com/git-lfs/git-lfs/blob/main/docs/api/batch.md and server-discovery.md
"""

import json
import re
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urljoin, urlsplit

import requests
from requests.auth import AuthBase, HTTPBasicAuth

from common.errors import AuthError, ModelError, NotFoundError, TransferError
from common.files import RemoteFile
from common.secrets import mask, public_url, remember
from fetchers.context import Context
from fetchers.credentials import git_login
from fetchers.http import new_session, send, url_opener
from fetchers.transfer import Opened, Opener

MEDIA_TYPE = "application/vnd.git-lfs+json"
SSH_SECONDS = 60
_WORDS = 300  # characters of a server's own message that an error repeats
_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n(?:ext-.*\n)*"
    rb"oid sha256:([0-9a-f]{64})\nsize (\d+)\n"
)
_HOST = re.compile(r"(?:[A-Za-z0-9_][^@/:\s]*@)?[A-Za-z0-9_][A-Za-z0-9_.-]*")
_REFUSED = (401, 403)
_GONE = (404, 410)


def read_pointer(content: bytes) -> tuple[str, int] | None:
    """Give sha256 (hex) and size of what a pointer stands for; None for anything else."""
    found = _POINTER.fullmatch(content)
    return (found[1].decode(), int(found[2])) if found else None


def endpoint_of(url: str, config: Mapping[str, str]) -> str:
    """Give the address of a repository's LFS server.

    Args:
        url: of the repository.
        config: of its ``.lfsconfig``, which may name another server.
    """
    named = config.get("lfs.url") or config.get("remote.origin.lfsurl")
    # A repository from elsewhere may not make us read this machine's files, or log in by ssh.
    same_kind = not is_http(url) and is_file(named or "") == is_file(url)
    if named and (is_http(named) or same_kind):
        return named.rstrip("/")
    return default_endpoint(url)


def default_endpoint(url: str) -> str:
    """Give the address of the LFS server where nothing else is said."""
    if not is_http(url):
        return url
    base = url.rstrip("/")
    return f"{base}{'' if base.endswith('.git') else '.git'}/info/lfs"


def is_http(url: str) -> bool:
    """Whether an address is http or https."""
    return url.startswith(("http://", "https://"))


def is_file(url: str) -> bool:
    """Whether an address is a path of this machine."""
    return url.startswith(("file://", "/"))


class _Given(AuthBase):
    """Keeps the headers that a server gave for one request; without it netrc would replace them."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


def opener(endpoint: str, url: str, file: RemoteFile, context: Context) -> Opener:
    """Make an opener for a file with sha256 and size, for `fetchers.transfer.receive`.

    Args:
        endpoint: from `endpoint_of`.
        url: of the repository, whose credentials a server on the same host is given.
        file: what is wanted.
        context: see `Context`.
    """
    if is_file(endpoint):
        return _local(Path(unquote(endpoint.removeprefix("file://"))), file)

    def open_at(offset: int, validator: str | None) -> Opened:
        # Asked anew every time, because what the server gives is valid for minutes.
        server, headers = _server(endpoint, context)
        auth: AuthBase | None = _Given() if headers else _login(server, url, context)
        answer = _batch(server, headers, auth, file, context)
        action = answer["actions"]["download"]
        href = urljoin(f"{server}/", action["href"])
        own = _headers(action)
        for _, value in parse_qsl(urlsplit(href).query):
            remember(value)
        given = answer.get("authenticated") or any(key.lower() == "authorization" for key in own)
        same = urlsplit(href).netloc == urlsplit(server).netloc
        after = _Given() if given else auth if same else None
        return url_opener(href, context, headers=own, auth=after)(offset, validator)

    return open_at


def _login(server: str, url: str, context: Context) -> AuthBase | None:
    same = is_http(url) and urlsplit(server).hostname == urlsplit(url).hostname
    login = git_login(server, context, own=same)
    return HTTPBasicAuth(login[0], login[1].reveal()) if login else None


def _server(endpoint: str, context: Context) -> tuple[str, dict[str, str]]:
    """Give the http address and headers of a server; one behind ssh is asked for them."""
    if is_http(endpoint):
        return endpoint, {}
    host, port, path = _ssh_parts(endpoint)
    words = shlex.split(context.variable("GIT_SSH_COMMAND") or "ssh")
    words += [*(["-p", port] if port else []), host]
    words.append(f"git-lfs-authenticate {shlex.quote(path)} download")
    try:
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=dict(context.environ),
            timeout=SSH_SECONDS,
            check=True,
        )
        answer = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        told = getattr(error, "stderr", None) or str(error).encode()
        words_ = mask(told.decode("utf-8", "replace").strip())[:_WORDS]
        raise AuthError(f"{host} does not say where its LFS server is", words_) from error
    href = answer.get("href") or default_endpoint(f"https://{host.rpartition('@')[2]}/{path}")
    return str(href).rstrip("/"), _headers(answer)


def _headers(answer: Mapping[str, Any]) -> dict[str, str]:
    headers = {str(key): str(value) for key, value in (answer.get("header") or {}).items()}
    for value in headers.values():
        remember(value)
    return headers


def _ssh_parts(endpoint: str) -> tuple[str, str, str]:
    parts = urlsplit(endpoint)
    if parts.scheme == "ssh":
        user = f"{parts.username}@" if parts.username else ""
        found = (f"{user}{parts.hostname or ''}", str(parts.port or ""), parts.path.lstrip("/"))
    else:
        host, _, path = endpoint.partition(":")
        found = (host, "", path)
    # NB: ssh would take a name that begins with a dash for an option, and options run programs.
    if not _HOST.fullmatch(found[0]):
        raise TransferError("this LFS server cannot be reached", repr(public_url(endpoint)))
    return found


def _batch(
    server: str,
    headers: Mapping[str, str],
    auth: AuthBase | None,
    file: RemoteFile,
    context: Context,
) -> dict[str, Any]:
    wanted = {"oid": file.sha256, "size": file.size}
    body = {
        "operation": "download",
        "transfers": ["basic"],
        "objects": [wanted],
        "hash_algo": "sha256",
    }
    kinds = {"Accept": MEDIA_TYPE, "Content-Type": MEDIA_TYPE}
    with send(
        new_session(),
        f"{server}/objects/batch",
        context,
        method="POST",
        headers={**headers, **kinds},
        auth=auth,
        json=body,
        explain=lambda response: _explain(response, server, file),
    ) as response:
        try:
            answer: dict[str, Any] = response.json()["objects"][0]
        except (ValueError, LookupError, TypeError) as error:
            what = f"{public_url(server)} does not speak Git LFS"
            raise TransferError(what, "an answer without objects") from error
    if failure := answer.get("error"):
        raise _object_error(file, server, failure)
    if "href" not in answer.get("actions", {}).get("download", {}):
        raise _object_error(file, server, {"code": 404, "message": "no download is offered"})
    return answer


def _explain(response: requests.Response, server: str, file: RemoteFile) -> ModelError | None:
    where = public_url(server)
    if response.status_code in _REFUSED:
        remedy = "export GIT_USERNAME=… GIT_PASSWORD=…, or a netrc entry for its host"
        return AuthError(
            f"the LFS server {where} refuses access", f"HTTP {response.status_code}", remedy
        )
    if response.status_code in _GONE and "json" in response.headers.get("Content-Type", ""):
        words = {"code": response.status_code, "message": " ".join(response.text.split())[:_WORDS]}
        return _object_error(file, server, words)
    if response.status_code in _GONE:
        return NotFoundError(f"there is no LFS server at {where}", f"HTTP {response.status_code}")
    return None


def _object_error(file: RemoteFile, server: str, failure: Mapping[str, Any]) -> ModelError:
    got = f"{failure.get('code')}: {mask(str(failure.get('message', '')))}"
    where = public_url(server)
    if failure.get("code") in _REFUSED:
        return AuthError(f"the LFS server {where} does not give {file.path}", got)
    return NotFoundError(f"the LFS server {where} does not have {file.path}", got)


def _local(repository: Path, file: RemoteFile) -> Opener:
    oid = str(file.sha256)
    inside = Path("lfs", "objects", oid[:2], oid[2:4], oid)
    places = [repository / inside, repository / ".git" / inside]
    local = next((place for place in places if place.is_file()), None)
    if local is None:
        raise NotFoundError(f"the repository does not have {file.path}", f"no file {places[0]}")

    def open_at(offset: int, validator: str | None) -> Opened:  # noqa: ARG001 - the opener's form
        stream = local.open("rb", buffering=0)
        stream.seek(offset)
        total = local.stat().st_size
        return Opened(offset, total, None, lambda count: stream.read(count) or b"", stream.close)

    return open_at
