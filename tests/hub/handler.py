"""What both origins share: the log, JSON answers, refusals, and faults that replace an answer."""

import json
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import unquote, urlsplit

from tests.hub.faults import ANSWERS, Fault
from tests.hub.log import HEADERS, Request

if TYPE_CHECKING:
    from tests.hub.server import Hub


class RefusedError(Exception):
    """Answer an error, in the form of the real hub."""

    def __init__(self, status: int, message: str, code: str = "") -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code


class Handler(BaseHTTPRequestHandler):
    """One connection to one of the two origins; `route` is theirs."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    origin: ClassVar[str]
    hub: "Hub"
    record: Request

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        present = {name: self.headers[name] for name in HEADERS if name in self.headers}
        self.record = Request(self.origin, self.command, url.path, url.query, present)
        if not url.path.startswith("/__"):
            self.hub.log(self.record)
        try:
            self.route(url.path, url.query)
        except RefusedError as refusal:
            self.refuse(refusal)
        except OSError:
            self.close_connection = True

    do_HEAD = do_POST = do_GET  # noqa: N815 - names the base class looks for

    def route(self, path: str, query: str) -> None:
        raise NotImplementedError

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Stay silent: the log is a value."""

    def send_response(self, code: int, message: str | None = None) -> None:
        self.record.status = code  # before the client can see it, so that tests can look at once
        super().send_response(code, message)

    def refuse(self, refusal: RefusedError) -> None:
        headers = {"X-Error-Message": ascii(refusal.message)[1:-1]}
        if refusal.code:
            headers["X-Error-Code"] = refusal.code
        self.reply(refusal.status, {"error": refusal.message}, headers)

    def reply(self, status: int, data: Any, headers: Mapping[str, str] | None = None) -> None:
        """Answer JSON."""
        body = json.dumps(data).encode()
        self.head(status, {"Content-Type": "application/json", **(headers or {})}, len(body))
        if self.command != "HEAD":
            self.wfile.write(body)

    def head(self, status: int, headers: Mapping[str, str], length: int) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def struck(self, file: str = "") -> bool:
        """Answer with a fault, if one is set for this request."""
        self.record.file = file
        names = (unquote(self.record.path), *([file] if file else []))
        for fault in self.hub.faults.claim(ANSWERS, self.origin, *names):
            self.record.faults.append(fault.kind)
            self._answer(fault)
            return True
        return False

    def token(self) -> str | None:
        """Give the bearer token, None when there is none."""
        return self.headers.get("Authorization", "").removeprefix("Bearer ") or None

    def _answer(self, fault: Fault) -> None:
        match fault.kind:
            case "loop":
                self.head(302, {"Location": self.path}, 0)
            case "echo":
                seen = self.headers.get("Authorization", "")
                self.reply(fault.status, {"error": f"upstream said no to Authorization: {seen}"})
            case _:
                self.reply(fault.status, {"error": "as asked for"}, fault.answer_headers())
