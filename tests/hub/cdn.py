"""The second origin, where LFS content lies behind addresses that are signed and expire."""

import hashlib
import hmac
import time
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlencode

from tests.hub.handler import Handler, RefusedError
from tests.hub.repos import File

_KEY = b"signs addresses that live as long as a test"


def _signature(path: str, expires: str) -> str:
    return hmac.new(_KEY, f"{path}\n{expires}".encode(), "sha256").hexdigest()


def signed_path(kind: str, id_: str, sha: str, file: File, seconds: float) -> str:
    """Give path and query of a file, good for `seconds`."""
    path = quote(f"/{kind}s/{id_}/{sha}/{file.path}")
    expires = str(int(time.time() + seconds))
    name = quote(file.path.rpartition("/")[2])
    query: dict[str, Any] = {
        "response-content-disposition": f"inline; filename*=UTF-8''{name}",
        "Expires": expires,
        "Key-Pair-Id": "KTEST",
        "Signature": _signature(path, expires),
    }
    return f"{path}?{urlencode(query)}"


def content_etag(file: File) -> str:
    """Give the ETag of the storage, which (as with multipart uploads) is not the hub's."""
    return f'"{hashlib.md5(file.sha256.encode()).hexdigest()}-{file.size // (8 << 20) + 1}"'


class CdnHandler(Handler):
    origin = "cdn"

    def route(self, path: str, query: str) -> None:
        if "Authorization" in self.headers:
            self.record.failure = "sent Authorization to another origin"
        given = {name: values[0] for name, values in parse_qs(query).items()}
        file = self._find(path)
        if self.struck(file.path if file else ""):
            return
        expires = given.get("Expires", "0")
        signed = hmac.compare_digest(given.get("Signature", ""), _signature(path, expires))
        if file is None or not signed or float(expires) < time.time():
            raise RefusedError(403, "Access denied or Request has expired")
        self.serve(file, content_etag(file), {})

    def _find(self, path: str) -> File | None:
        kind, _, rest = unquote(path).strip("/").partition("/")
        for repo in self.hub.repos:
            if f"{repo.kind}s" == kind and rest.startswith(f"{repo.id}/"):
                sha, _, name = rest.removeprefix(f"{repo.id}/").partition("/")
                commit = repo.commit(sha)
                if commit:
                    return commit.files.get(name)
        return None
