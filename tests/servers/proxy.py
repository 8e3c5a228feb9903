"""A proxy between a client and a real server: it forwards all, and breaks what it is told to."""

import http.client
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from tests.servers.base import HOST

_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}


@dataclass(frozen=True)
class Seen:
    """A request as it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""


Matches = Callable[[Seen], bool]
# Gives the answer it wants to send instead, or None to go on.
Act = Callable[[Seen], "Answer | None"]


@dataclass(frozen=True)
class Answer:
    """What is sent instead of the server's answer.

    `cut` ends the server's own after some bytes; `sized` tells whether the length is said.
    """

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut: int | None = None
    sized: bool = True


class Proxy:
    """See the module; `url` is its address, `seen` every request so far."""

    def __init__(self, backend: str, url: str) -> None:
        self.backend, self.url = backend, url
        self.seen: list[Seen] = []
        self._faults: list[list] = []
        self._rules: list[tuple[Matches, Act]] = []
        self._lock = threading.Lock()

    def on(self, matches: Matches, act: Act, times: int = 1) -> None:
        """Let the next `times` requests that match be acted upon."""
        self._faults.append([matches, act, times])

    def otherwise(self, matches: Matches, act: Act) -> None:
        """Always act upon requests that match, unless a fault already does."""
        self._rules.append((matches, act))

    def cut(self, matches: Matches, after: int, times: int = 1) -> None:
        """End the body of an answer after some bytes, and the connection with it."""
        self.on(matches, lambda _: Answer(cut=after), times)

    def refuse(self, matches: Matches, status: int, times: int = 1, **answer) -> None:
        """Answer with a status of one's own."""
        self.on(matches, lambda _: Answer(status, **answer), times)

    def first(self, matches: Matches, do: Callable[[], object], times: int = 1) -> None:
        """Do something before a request goes on."""
        self.on(matches, lambda _: do() and None, times)

    def reset(self) -> None:
        """Forget what was seen, and every fault."""
        self.seen, self._faults = [], []

    def gets(self, part: str) -> list[Seen]:
        """Give the GET requests whose path holds a text."""
        return [seen for seen in self.seen if seen.method == "GET" and part in seen.path]

    def decide(self, seen: Seen) -> Answer | None:
        """Give what the faults want for a request."""
        with self._lock:
            self.seen.append(seen)
            due = next((rule for rule in self._faults if rule[2] and rule[0](seen)), None)
            if due is not None:
                due[2] -= 1
        answer = due[1](seen) if due else None
        acts = (act(seen) for matches, act in self._rules if matches(seen))
        return answer or next((given for given in acts if given), None)


@contextmanager
def proxied(backend: str) -> Iterator[Proxy]:
    """Run a proxy in front of a server at `backend` until the block ends."""
    server = ThreadingHTTPServer((HOST, 0), _Handler)
    server.daemon_threads = True
    server.proxy = Proxy(backend, f"http://{HOST}:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server.proxy
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def _any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        answer = self.server.proxy.decide(Seen(self.command, self.path, self.headers, body))
        if answer and answer.cut is None:
            self._send(answer.status, answer.headers, answer.body, sized=answer.sized)
            return
        self._forward(body, answer.cut if answer else None)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _any  # noqa: N815 - http.server's names

    def _forward(self, body: bytes, cut: int | None) -> None:
        there = urlsplit(self.server.proxy.backend)
        connection = http.client.HTTPConnection(there.hostname, there.port, timeout=60)
        # NB: the client's own Host goes on: signatures cover it.
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        content = answer.read()
        headers = {k: v for k, v in answer.getheaders() if k.lower() not in _HOP_BY_HOP}
        if self.command == "HEAD" and (length := answer.getheader("Content-Length")):
            headers["Content-Length"] = length
        connection.close()
        self._send(answer.status, headers, content, cut)

    def _send(
        self,
        status: int,
        headers: Mapping[str, str],
        body: bytes,
        cut: int | None = None,
        *,
        sized: bool = True,
    ) -> None:
        self.close_connection = self.close_connection or cut is not None or not sized
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if self.command != "HEAD" and sized:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body if cut is None else body[:cut])
