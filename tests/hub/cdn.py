"""The second origin, where LFS content lies behind addresses that are signed and expire."""

import hashlib
import hmac
import time
from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, unquote, urlencode

from tests.hub.handler import RefusedError
from tests.hub.repos import File
from tests.hub.serving import FileHandler

_KEY = b"signs addresses that live as long as a test"


def _sign(*parts: str) -> str:
    return hmac.new(_KEY, "\n".join(parts).encode(), "sha256").hexdigest()


def _account(token: str | None) -> str:
    return f"K{_sign(token or '')[:12].upper()}"


def signed_path(path: str, seconds: float, token: str | None) -> str:
    """Give path and query of a file, good for `seconds` and as long as the token is."""
    quoted, expires, account = quote(f"/{path}"), str(int(time.time() + seconds)), _account(token)
    name = quote(path.rpartition("/")[2])
    query = {
        "response-content-disposition": f"inline; filename*=UTF-8''{name}",
        "Expires": expires,
        "Key-Pair-Id": account,
        "Signature": _sign(quoted, expires, account),
    }
    return f"{quoted}?{urlencode(query)}"


def content_etag(file: File) -> str:
    """Give the ETag of the storage, which (as with multipart uploads) is not the hub's."""
    return f'"{hashlib.md5(file.sha256.encode()).hexdigest()}-{file.size // (8 << 20) + 1}"'


class CdnHandler(FileHandler):
    origin = "cdn"

    def route(self, path: str, query: str) -> None:
        if "Authorization" in self.headers:
            self.record.failure = "sent Authorization to another origin"
        file = self._find(path)
        if self.struck(file.path if file else ""):
            return
        if file is None or not self._signed(path, dict(parse_qsl(query))):
            raise RefusedError(403, "Access denied or Request has expired")
        self.serve(file, content_etag(file), {})

    def holder(self) -> str | None:
        account = dict(parse_qsl(self.record.query)).get("Key-Pair-Id")
        return next((token for token in self.hub.tokens if _account(token) == account), None)

    def _signed(self, path: str, query: Mapping[str, str]) -> bool:
        expires, account = query.get("Expires", "0"), query.get("Key-Pair-Id", "")
        good = hmac.compare_digest(query.get("Signature", ""), _sign(path, expires, account))
        spent = self.hub.faults.refuses(self.holder(), count=False)
        return good and not spent and float(expires) >= time.time()

    def _find(self, path: str) -> File | None:
        kind, _, rest = unquote(path).strip("/").partition("/")
        for repo in self.hub.repos:
            if f"{repo.kind}s" == kind and rest.startswith(f"{repo.id}/"):
                sha, _, name = rest.removeprefix(f"{repo.id}/").partition("/")
                commit = repo.commit(sha)
                if commit:
                    return commit.files.get(name)
        return None
