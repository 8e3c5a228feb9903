"""The two servers of a hub, and the handle on them that tests hold."""

import socket
import sys
import threading
from collections.abc import Iterable, Mapping
from http.server import ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from tests.hub.body import is_armed
from tests.hub.cdn import CdnHandler, signed_path
from tests.hub.faults import Fault, Faults
from tests.hub.handler import Handler
from tests.hub.log import Request
from tests.hub.origin import HubHandler
from tests.hub.repos import Commit, File, Repo

HOST = "127.0.0.1"
# NB: another name and not only another port: huggingface_hub 1.x takes a redirect to any port of
# the same host for one that stays on the hub, and would follow it with its token.
CDN_HOST = "localhost"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def shutdown_request(self, request: Any) -> None:
        # NB: the ordinary shutdown would send a FIN before the reset.
        if isinstance(request, socket.socket) and is_armed(request):
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Let a client hang up without a traceback; anything else is a bug of ours to see."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class Hub:
    """A hub and its CDN on free ports of the loopback, running between `with` and its end.

    Args:
        repos: what it serves.
        tokens: role by token (``read``, ``write``, ``fineGrained``, or the whole ``accessToken``
            of whoami-v2); the tokens that repositories grant are added as ``read``. Others are 401.
        port: of the hub, 0 for a free one.
        page_size: entries of a listing's page.
        rate: bytes a second for each body, 0 without limit.
        expires: seconds that an address of the CDN is good for.
    """

    def __init__(
        self,
        repos: Iterable[Repo] = (),
        *,
        tokens: Mapping[str, Any] | None = None,
        port: int = 0,
        page_size: int = 1000,
        rate: int = 0,
        expires: float = 3600,
    ) -> None:
        self.repos: list[Repo] = []
        self.tokens = dict(tokens or {})
        for repo in repos:
            self.put(repo)
        self.page_size, self.rate, self.expires = page_size, rate, expires
        self.faults = Faults()
        self.closing = threading.Event()
        self._log: list[Request] = []
        self._servers = [self._server(HubHandler, port), self._server(CdnHandler, 0)]
        hub, cdn = self._servers
        self.endpoint = f"http://{HOST}:{hub.server_port}"
        self.cdn = f"http://{CDN_HOST}:{cdn.server_port}"

    def _server(self, handler: type[Handler], port: int) -> _Server:
        return _Server((HOST, port), type(handler.__name__, (handler,), {"hub": self}))

    def __enter__(self) -> Self:
        for server in self._servers:
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.closing.set()
        for server in self._servers:
            server.shutdown()
            server.server_close()

    @property
    def requests(self) -> list[Request]:
        """What was asked so far, in the order it came."""
        return list(self._log)

    @property
    def failures(self) -> list[str]:
        """What no client may do: ask for sparse bytes, send Authorization to the CDN."""
        return [request.failure for request in self._log if request.failure]

    def log(self, request: Request) -> None:
        self._log.append(request)

    def fault(self, kind: str, **options: Any) -> Fault:
        """Set a fault; options are the attributes of `tests.hub.faults.Fault`."""
        return self.faults.add(Fault(kind, **options))

    def clear(self) -> None:
        """Forget all faults and all requests."""
        self.faults.clear()
        self._log.clear()

    def put(self, repo: Repo) -> None:
        """Add a repository, or replace the one of its kind and id."""
        _ = repo.commits  # hashes everything now, not while the first request waits
        others = [old for old in self.repos if (old.kind, old.id) != (repo.kind, repo.id)]
        self.repos = [*others, repo]
        self.tokens |= {token: "read" for token in repo.tokens if token not in self.tokens}

    def find(self, kind: str, id_: str) -> Repo | None:
        wanted = [repo for repo in self.repos if repo.kind == kind]
        here = (repo for repo in wanted if repo.id == id_)
        return next(here, None) or next((r for r in wanted if id_ in r.moved_from), None)

    def sign(self, repo: Repo, commit: Commit, file: File, token: str | None = None) -> str:
        """Give an address of the CDN, signed for the holder of a token."""
        path = f"{repo.kind}s/{repo.id}/{commit.sha}/{file.path}"
        return self.cdn + signed_path(path, self.expires, token)
