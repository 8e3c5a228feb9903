"""Google Cloud Storage by gcp-storage-emulator, behind a proxy that adds what it leaves out.

The emulator knows no credentials, no generations and no pages; `Store` answers for those as
https://cloud.google.com/storage/docs/json_api/v1/objects describes, and all else is the emulator's.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import jwt
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.servers.base import HOST, free_port, need_python, running
from tests.servers.proxy import Answer, Proxy, Seen, proxied

PRIVATE = "private-"  # buckets whose names begin so want a token
PAGE = 1000
_EMAIL = "reader@project.iam.gserviceaccount.com"
_AUDIENCE = "https://oauth2.googleapis.com/token"  # what Google's library always signs for
_BOUNDARY = b"==between-the-parts=="


@dataclass
class Store:
    """A running emulator behind its proxy.

    Attributes:
        proxy: where clients go, and where faults are made.
        token: what opens private buckets.
    """

    proxy: Proxy
    token: str = "ya29.the-access-token"
    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))

    @property
    def url(self) -> str:
        """The address of the proxy."""
        return self.proxy.url

    def bucket(self, name: str, files: Mapping[str, bytes]) -> str:
        """Make a bucket that holds files, and give its name."""
        self._post("/storage/v1/b", json={"name": name})
        for key, content in files.items():
            self.put(name, key, content)
        return name

    def put(self, bucket: str, key: str, content: bytes) -> None:
        """Store an object, as a new generation."""
        # As Google's own client uploads; the emulator takes no empty body any other way.
        meta = json.dumps({"name": key}).encode()
        body = b"--%b\r\nContent-Type: application/json\r\n\r\n%b\r\n" % (_BOUNDARY, meta)
        body += b"--%b\r\nContent-Type: application/octet-stream\r\n\r\n" % _BOUNDARY
        self._post(
            f"/upload/storage/v1/b/{bucket}/o?uploadType=multipart",
            data=b"%b%b\r\n--%b--" % (body, content, _BOUNDARY),
            headers={"Content-Type": f'multipart/related; boundary="{_BOUNDARY.decode()}"'},
        )

    def delete(self, bucket: str, key: str) -> None:
        """Take an object away."""
        url = f"{self.proxy.backend}/storage/v1/b/{bucket}/o/{quote(key, safe='')}"
        requests.delete(url, timeout=30).raise_for_status()

    def _post(self, path: str, **settings: Any) -> None:
        answer = requests.post(f"{self.proxy.backend}{path}", timeout=30, **settings)
        answer.raise_for_status()

    def key_file(self, path: Path) -> Path:
        """Write the key of a service account that `token` is given to."""
        pem = self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()
        account = {"type": "service_account", "client_email": _EMAIL, "private_key_id": "1"}
        account |= {"token_uri": f"{self.url}/token", "private_key": pem, "client_id": "1"}
        path.write_text(json.dumps(account))
        return path

    def sign_in(self, seen: Seen) -> Answer:
        """Give the token for an assertion that the account signed; RFC 7523."""
        assertion = parse_qs(seen.body.decode())["assertion"][0]
        try:
            jwt.decode(
                assertion,
                self.key.public_key(),
                ["RS256"],
                audience=_AUDIENCE,
                leeway=60,
            )
        except jwt.InvalidTokenError:
            return _json(400, {"error": "invalid_grant", "error_description": "Bad signature"})
        return _json(200, {"access_token": self.token, "expires_in": 3600, "token_type": "Bearer"})

    def answer(self, seen: Seen) -> Answer | None:
        """Answer for credentials, generations and pages; None leaves it to the emulator."""
        path, query = urlsplit(seen.path).path, parse_qs(urlsplit(seen.path).query)
        bucket = path.partition("/b/")[2].partition("/")[0]
        given = seen.headers.get("Authorization")
        if bucket.startswith(PRIVATE) and given != f"Bearer {self.token}":
            reason = "Anonymous caller" if given is None else "Invalid Credentials"
            return _json(401, {"error": {"code": 401, "message": reason}})
        if "generation" in query and not self._is_live(path, query["generation"][0]):
            return _json(404, {"error": {"code": 404, "message": "No such object"}})
        return self._page(seen, query) if path.endswith("/o") else None

    def _is_live(self, path: str, generation: str) -> bool:
        url = self.proxy.backend + path.removeprefix("/download")
        answer = requests.get(url, timeout=30)
        return answer.ok and answer.json()["generation"] == generation

    def _page(self, seen: Seen, query: Mapping[str, list[str]]) -> Answer | None:
        answer = requests.get(self.proxy.backend + seen.path, timeout=30)
        if not answer.ok:
            return None
        items = sorted(answer.json().get("items", []), key=lambda item: item["name"])
        after = query.get("pageToken", [""])[0]
        rest = [item for item in items if item["name"] > after]
        count = min(int(query.get("maxResults", [PAGE])[0]), PAGE)
        more = {"nextPageToken": rest[count - 1]["name"]} if len(rest) > count else {}
        return _json(200, {"kind": "storage#objects", "items": rest[:count], **more})


def _json(status: int, data: Any) -> Answer:
    return Answer(status, {"Content-Type": "application/json"}, json.dumps(data).encode())


@contextmanager
def gcs(folder: Path, many: Mapping[str, int] | None = None) -> Iterator[Store]:
    """Run the emulator behind its proxy until the block ends.

    Args:
        folder: for its log.
        many: buckets it has from the start, with so many objects ``shards/0000.json`` and so on.
    """
    port = free_port()
    python = need_python("gcp-storage-emulator") / "python3"
    main = Path(__file__).with_name("gcs_main.py")
    command = [python, "-P", main, str(port), json.dumps(many or {})]
    url = f"http://{HOST}:{port}"
    with running(command, f"{url}/storage/v1/b", folder / "gcs.log"), proxied(url) as proxy:
        store = Store(proxy)
        proxy.otherwise(lambda seen: seen.path == "/token", store.sign_in)
        proxy.otherwise(lambda seen: seen.method == "GET", store.answer)
        yield store
