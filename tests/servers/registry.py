"""Docker Distribution, the reference registry: open, with passwords, or with tokens."""

import base64
import hashlib
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs, urljoin, urlsplit

import jwt
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.servers.base import HOST, free_port, need_program, running

USER, PASSWORD = "reader", "correct-horse"
MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
_LAYER = "application/vnd.ollama.image."
_SERVICE = "test-registry"
# bcrypt of PASSWORD, the one form that Distribution reads.
_HTPASSWD = f"{USER}:$2b$05$4qqcB0bDkNSHuDziZL4xsOT5LCkzCuRajGn1ZZgTPKdRKIDS.W3De\n"


class Registry:
    """A running registry; `url` is its address, `auth` what may push."""

    def __init__(self, url: str, auth: tuple[str, str] | None = None) -> None:
        self.url, self.auth = url, auth
        self._session = requests.Session()
        self._session.trust_env = False

    def push_blob(self, repository: str, content: bytes) -> str:
        """Store a blob and give its digest."""
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        begun = self._send("POST", f"/v2/{repository}/blobs/uploads/")
        where = urljoin(self.url, begun.headers["Location"])
        joint = "&" if urlsplit(where).query else "?"
        self._send("PUT", f"{where}{joint}digest={digest}", content)
        return digest

    def push(
        self, repository: str, tag: str, layers: list[tuple[str, bytes]], kind: str = _LAYER
    ) -> bytes:
        """Store a model and give its manifest; `layers` are (kind, content) in order."""
        config = json.dumps({"model_format": "gguf", "os": "linux"}).encode()
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": self._layer(
                repository, "application/vnd.docker.container.image.v1+json", config
            ),
            "layers": [self._layer(repository, kind + name, body) for name, body in layers],
        }
        content = json.dumps(manifest, separators=(",", ":")).encode()
        self.push_blob(repository, content)  # as Ollama's own registry has it
        self._send("PUT", f"/v2/{repository}/manifests/{tag}", content, MANIFEST_TYPE)
        return content

    def delete_blob(self, repository: str, content: bytes) -> None:
        """Take a blob away."""
        digest = hashlib.sha256(content).hexdigest()
        self._send("DELETE", f"/v2/{repository}/blobs/sha256:{digest}")

    def _layer(self, repository: str, media_type: str, content: bytes) -> dict[str, object]:
        digest = self.push_blob(repository, content)
        return {"mediaType": media_type, "digest": digest, "size": len(content)}

    def _send(
        self, method: str, path: str, body: bytes = b"", kind: str = "application/octet-stream"
    ) -> requests.Response:
        answer = self._session.request(
            method,
            urljoin(self.url, path),
            data=body,
            headers={"Content-Type": kind},
            auth=self.auth,
            timeout=60,
        )
        answer.raise_for_status()
        return answer


@contextmanager
def registry(folder: Path, auth: Mapping[str, object] | None = None) -> Iterator[Registry]:
    """Run a registry until the block ends; `auth` as in its configuration, None for open."""
    program = need_program("docker-registry", "docker-registry")
    url = f"http://{HOST}:{(port := free_port())}"
    config = {
        "version": 0.1,
        "log": {"accesslog": {"disabled": True}, "level": "warn"},
        "storage": {
            "filesystem": {"rootdirectory": str(folder / "data")},
            "delete": {"enabled": True},
        },
        "http": {"addr": f"{HOST}:{port}", "secret": "test"},
        **({"auth": auth} if auth else {}),
    }
    (folder / "config.yml").write_text(json.dumps(config))  # JSON is YAML
    command = [program, "serve", folder / "config.yml"]
    with running(command, f"{url}/v2/", folder / "registry.log"):
        yield Registry(url, (USER, PASSWORD) if auth and "htpasswd" in auth else None)


@contextmanager
def with_passwords(folder: Path) -> Iterator[Registry]:
    """Run a registry that wants `USER` and `PASSWORD`."""
    (folder / "htpasswd").write_text(_HTPASSWD)
    realm = {"realm": "models", "path": str(folder / "htpasswd")}
    with registry(folder, {"htpasswd": realm}) as running_:
        yield running_


@contextmanager
def with_tokens(folder: Path) -> Iterator[tuple[Registry, "TokenServer"]]:
    """Run an open registry's data behind a second one that wants tokens."""
    with TokenServer(folder) as tokens:
        settings = {
            "realm": tokens.url,
            "service": _SERVICE,
            "issuer": "test",
            "rootcertbundle": str(folder / "root.pem"),
        }
        with registry(folder, {"token": settings}) as running_:
            yield running_, tokens


class TokenServer:
    """Gives tokens that may pull, to anybody or to `USER`; keeps who asked for what."""

    def __init__(self, folder: Path) -> None:
        self.private = False
        self.asked: list[tuple[str | None, dict[str, list[str]]]] = []
        self._key = rsa.generate_private_key(65537, 2048)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder(name, name, self._key.public_key(), 1)
        builder = builder.not_valid_before(now - timedelta(days=1))
        authority = x509.BasicConstraints(ca=True, path_length=None)
        self._certificate = (
            builder.not_valid_after(now + timedelta(days=1))
            .add_extension(authority, critical=True)
            .sign(self._key, hashes.SHA256())
        )
        pem = self._certificate.public_bytes(serialization.Encoding.PEM)
        (folder / "root.pem").write_bytes(pem)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                query = parse_qs(urlsplit(self.path).query)
                given = self.headers.get("Authorization")
                outer.asked.append((given, query))
                right = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
                refused = given != right if outer.private or given else False
                body = b"{}" if refused else json.dumps({"token": outer._token(query)}).encode()
                self.send_response(401 if refused else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self._server = ThreadingHTTPServer((HOST, 0), Handler)
        self.url = f"http://{HOST}:{self._server.server_port}/token"

    def _token(self, query: Mapping[str, list[str]], *actions: str) -> str:
        kind, repository, asked = query["scope"][0].rsplit(":", 2)
        der = self._certificate.public_bytes(serialization.Encoding.DER)
        now = int(time.time())
        claims = {"iss": "test", "aud": _SERVICE, "sub": "", "jti": str(now)}
        times = {"iat": now, "nbf": now - 10, "exp": now + 300}
        access = [{"type": kind, "name": repository, "actions": asked.split(",")}]
        header = {"x5c": [base64.b64encode(der).decode()]}
        return jwt.encode({**claims, **times, "access": access}, self._key, "RS256", header)

    def push_auth(self, repository: str) -> requests.auth.AuthBase:
        """Give what may push into a repository."""
        token = self._token({"scope": [f"repository:{repository}:pull,push,delete"]})

        class Bearer(requests.auth.AuthBase):
            def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
                request.headers["Authorization"] = f"Bearer {token}"
                return request

        return Bearer()

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
