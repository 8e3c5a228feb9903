"""What may stand between a client and a hub: a forward proxy, and TLS."""

import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

HOST = "127.0.0.1"
CHUNK = 64 << 10


class _Stay(HTTPRedirectHandler):
    """Hands a redirect to the client instead of following it."""

    def redirect_request(self, *_: object) -> None:
        return None


class Proxy:
    """A running forward proxy: its address, and the addresses that clients asked it for."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.address = f"http://{HOST}:{server.server_port}"
        self.asked: list[str] = []


@contextmanager
def forward_proxy(names: dict[str, str]) -> Iterator[Proxy]:
    """Run a proxy that alone knows where some names lead.

    Args:
        names: ``scheme://host:port`` that clients are told, and where it really is.
    """
    opener = build_opener(ProxyHandler({}), _Stay())

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            proxy.asked.append(self.path)
            parts = urlsplit(self.path)
            origin = f"{parts.scheme}://{parts.netloc}"
            url = self.path.replace(origin, names.get(origin, origin), 1)
            asked = Request(url, headers=dict(self.headers.items()))
            try:
                answer = opener.open(asked, timeout=30)
            except HTTPError as error:
                answer = error
            with answer:
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    if name.lower() not in ("connection", "server", "date"):
                        self.send_header(name, value)
                self.send_header("Connection", "close")
                self.end_headers()
                with suppress(OSError):
                    self.wfile.write(answer.read())

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer((HOST, 0), Handler)
    proxy = Proxy(server)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Make a self-signed certificate for ``localhost``; gives it and its key."""
    certificate, key = folder / "localhost.crt", folder / "localhost.key"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    return certificate, key


@contextmanager
def tls(endpoint: str, certificate: Path, key: Path) -> Iterator[str]:
    """Offer a plain address over TLS; gives the address as ``https://localhost:PORT``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    where = urlsplit(endpoint)
    listener = socket.create_server((HOST, 0))

    def serve(raw: socket.socket) -> None:
        with (
            suppress(OSError),
            context.wrap_socket(raw, server_side=True) as client,
            socket.create_connection((where.hostname, where.port)) as hub,
        ):
            threading.Thread(target=relay, args=(client, hub), daemon=True).start()
            relay(hub, client)

    def accept() -> None:
        with suppress(OSError):
            while True:
                raw, _ = listener.accept()
                threading.Thread(target=serve, args=(raw,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"https://localhost:{listener.getsockname()[1]}"
    finally:
        listener.close()


def relay(source: socket.socket, target: socket.socket) -> None:
    """Pass bytes on until one side ends."""
    with suppress(OSError):
        while data := source.recv(CHUNK):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
