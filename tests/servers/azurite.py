"""Azure Blob Storage by Microsoft's Azurite, behind a proxy that adds what it leaves out.

Azurite keeps no versions, and takes an identity's tokens only over TLS; `Store` answers for those.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import requests

from fetchers.azure_auth import API_VERSION, _SharedKey
from tests.servers.base import HOST, free_port, need_node, need_program, running
from tests.servers.proxy import Answer, Proxy, Seen, proxied

VERSION = "3.35.0"  # later ones want a newer Node than Debian has
ACCOUNT = "mymodels"
KEY = base64.b64encode(b"not a secret of anybody's account").decode()
VERSIONED = "versioned"  # containers whose names begin so keep versions
MSI = "/msi/token"


@dataclass
class Store:
    """A running Azurite behind its proxy.

    Attributes:
        proxy: where clients go, and where faults are made.
        token: what an identity gets, and may read everything with.
        old: content by (container, key, version).
    """

    proxy: Proxy
    token: str = "eyJ.an-identitys.token"
    old: dict[tuple[str, str, str], bytes] = field(default_factory=dict)
    session: requests.Session = field(default_factory=requests.Session)

    @property
    def url(self) -> str:
        """The address of the account, through the proxy."""
        return f"{self.proxy.url}/{ACCOUNT}"

    def container(self, name: str, files: Mapping[str, bytes], *, public: bool = False) -> str:
        """Make a container that holds blobs, and give its name."""
        headers = {"x-ms-blob-public-access": "container"} if public else {}
        self._send("PUT", f"/{name}?restype=container", headers=headers)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda file: self.put(name, *file), files.items()))
        return name

    def put(
        self, container: str, key: str, content: bytes, more: Mapping[str, str] | None = None
    ) -> str:
        """Store a blob, with more headers if any, and give its ETag."""
        headers = {"x-ms-blob-type": "BlockBlob", "Content-Type": "application/octet-stream"}
        headers |= more or {}
        answer = self._send("PUT", _path(container, key), headers=headers, data=content)
        etag = answer.headers["ETag"].strip('"')
        self.old[container, key, etag] = content
        return etag

    def delete(self, container: str, key: str) -> None:
        """Take a blob away."""
        self._send("DELETE", _path(container, key))

    def snapshot(self, container: str, key: str) -> str:
        """Keep the blob as it is under a time, and give that."""
        answer = self._send("PUT", f"{_path(container, key)}?comp=snapshot")
        return answer.headers["x-ms-snapshot"]

    def connection_string(self, key: str = KEY) -> str:
        """Give what the portal calls so."""
        return f"AccountName={ACCOUNT};AccountKey={key};BlobEndpoint={self.url};"

    def sas(self, container: str, *, hours: float = 1, permissions: str = "rl") -> str:
        """Sign access to a container.

        Source: https://learn.microsoft.com/en-us/rest/api/storageservices/create-service-sas
        """
        end = (datetime.now(UTC) + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")
        resource = f"/blob/{ACCOUNT}/{container}"
        signed = [permissions, "", end, resource, "", "", "", API_VERSION, "c", *[""] * 7]
        digest = hmac.new(base64.b64decode(KEY), "\n".join(signed).encode(), hashlib.sha256)
        query = {"sp": permissions, "se": end, "sv": API_VERSION, "sr": "c"}
        return urlencode(query | {"sig": base64.b64encode(digest.digest()).decode()})

    def _send(self, method: str, path: str, **settings) -> requests.Response:
        settings["headers"] = {"x-ms-version": API_VERSION} | settings.get("headers", {})
        url = f"{self.proxy.backend}/{ACCOUNT}{path}"
        answer = self.session.request(
            method, url, auth=_SharedKey(ACCOUNT, KEY), timeout=60, **settings
        )
        answer.raise_for_status()
        return answer

    def sign_in(self, seen: Seen) -> Answer:
        """Give a token as App Service gives it to a managed identity."""
        data = {"access_token": self.token, "token_type": "Bearer", "resource": "storage"}
        data["expires_on"] = str(int(datetime.now(UTC).timestamp()) + 90_000)
        return Answer(200, {"Content-Type": "application/json"}, json.dumps(data).encode())

    def answer(self, seen: Seen) -> Answer | None:
        """Answer for identities and versions; None leaves it to Azurite."""
        given = seen.headers.get("Authorization", "")
        if given.startswith("Bearer "):
            right = given == f"Bearer {self.token}"
            return self._as_owner(seen) if right else _refusal(401, "InvalidAuthenticationInfo")
        return self._versions(seen)

    def _as_owner(self, seen: Seen) -> Answer:
        path = seen.path.removeprefix(f"/{ACCOUNT}")
        wanted = {
            name: value for name, value in seen.headers.items() if name in ("If-Match", "Range")
        }
        answer = self._send(seen.method, path, headers=wanted)
        return Answer(answer.status_code, {"ETag": answer.headers.get("ETag", "")}, answer.content)

    def _versions(self, seen: Seen) -> Answer | None:
        parts = urlsplit(seen.path)
        _, _, container, *rest = parts.path.split("/")
        if not container.startswith(VERSIONED) or not rest:
            return None
        key, version = "/".join(rest), parse_qs(parts.query).get("versionid", [""])[0]
        if not version:
            head = self._send("HEAD", f"/{container}/{key}") if seen.method == "HEAD" else None
            headers = {"x-ms-version-id": head.headers["ETag"].strip('"')} if head else {}
            return Answer(200, headers) if head else None
        content = self.old.get((container, requests.utils.unquote(key), version))
        return _refusal(404, "BlobNotFound") if content is None else Answer(200, {}, content)


def _path(container: str, key: str) -> str:
    return f"/{container}/{quote(key, safe='/')}"


def _refusal(status: int, code: str) -> Answer:
    return Answer(status, {"x-ms-error-code": code})


@contextmanager
def azurite(folder: Path) -> Iterator[Store]:
    """Run Azurite behind its proxy until the block ends."""
    node, port = need_program("node", "nodejs"), free_port()
    main = need_node("azurite", VERSION) / "dist/src/blob/main.js"
    command = [node, main, "--blobHost", HOST, "--blobPort", str(port)]
    command += ["--silent", "--disableTelemetry", "--skipApiVersionCheck", "--inMemoryPersistence"]
    url = f"http://{HOST}:{port}"
    accounts = {"AZURITE_ACCOUNTS": f"{ACCOUNT}:{KEY}"}
    with running(command, url, folder / "azurite.log", environ=accounts), proxied(url) as proxy:
        store = Store(proxy)
        proxy.otherwise(lambda seen: seen.path.startswith(MSI), store.sign_in)
        proxy.otherwise(lambda seen: seen.method in ("GET", "HEAD"), store.answer)
        yield store
