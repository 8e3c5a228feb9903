"""What both origins share: the log, refusals, faults, and serving a file over HTTP/1.1."""

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import unquote, urlsplit

from tests.hub import faults as fault_kinds
from tests.hub.body import Sending, Span, UnsatisfiableError, arm_reset, parse_range
from tests.hub.faults import Fault
from tests.hub.repos import File, Sparse

if TYPE_CHECKING:
    from tests.hub.server import Hub

LOGGED_HEADERS = (
    "authorization",
    "range",
    "if-range",
    "if-none-match",
    "accept-encoding",
    "cookie",
)
RESET_PAUSE = 0.05  # seconds for the client to read what came before the reset


@dataclass
class Request:
    """A request as the hub saw it.

    Attributes:
        path: without the query, still quoted.
        headers: of interest, lower-case names.
        file: path in the repository, when the request is for a file.
        sent: bytes of a file's body (or of a fault's answer: 0).
        faults: kinds that struck it.
        failure: what no client of ours may do, and this request did.
    """

    origin: str
    method: str
    path: str
    query: str
    headers: dict[str, str]
    file: str = ""
    status: int = 0
    sent: int = 0
    faults: list[str] = field(default_factory=list)
    failure: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


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
        present = {name: self.headers[name] for name in LOGGED_HEADERS if name in self.headers}
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
        headers = {"X-Error-Message": refusal.message}
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

    # --- faults that replace the answer

    def struck(self, file: str = "") -> bool:
        """Answer with a fault, if one is set for this request."""
        self.record.file = file
        names = (unquote(self.record.path), *([file] if file else []))
        for fault in self.hub.faults.claim(fault_kinds.ANSWERS, self.origin, *names):
            if fault.kind != "expire" or self._expired(fault):
                self.record.faults.append(fault.kind)
                self._answer(fault)
                return True
        return False

    def token(self) -> str | None:
        """Give the bearer token, None when there is none."""
        return self.headers.get("Authorization", "").removeprefix("Bearer ") or None

    def _expired(self, fault: Fault) -> bool:
        if self.origin == "cdn":  # no token comes here: the signature dies with the token
            return fault.after == 0
        mine = self.token() is not None and fault.token in (None, self.token())
        return mine and self.hub.faults.count_request(fault)

    def _answer(self, fault: Fault) -> None:
        match fault.kind:
            case "expire":
                status = 403 if self.origin == "cdn" else 401
                self.refuse(RefusedError(status, "Invalid credentials in Authorization header"))
            case "loop":
                self.head(302, {"Location": self.path}, 0)
            case "echo":
                seen = self.headers.get("Authorization", "")
                self.reply(fault.status, {"error": f"upstream said no to Authorization: {seen}"})
            case _:
                self.reply(fault.status, {"error": "as asked for"}, fault.answer_headers())

    # --- a file

    def serve(self, file: File, etag: str, headers: Mapping[str, str]) -> None:
        """Answer HEAD or GET of a file, ranges and faults included."""
        get = self.command == "GET"
        if get and isinstance(file.content, Sparse):
            self.record.failure = f"asked for the bytes of sparse {file.path}"
            raise RefusedError(500, self.record.failure)
        names = (unquote(self.record.path), file.path)
        claimed = self.hub.faults.claim(fault_kinds.BODIES, self.origin, *names, use_up=get)
        faults = {fault.kind: fault for fault in claimed}
        self.record.faults += faults
        etag = f'"changed-{etag[1:-1]}"' if "change" in faults else etag
        headers = {**headers, "ETag": etag.strip('"') if "bare-etag" in faults else etag}
        try:
            span = None if "no-range" in faults else self._span(file.size, headers["ETag"])
        except UnsatisfiableError:
            self.head(416, {"Content-Range": f"bytes */{file.size}"}, 0)
            return
        self._send_file(file, span, headers, faults)

    def _span(self, size: int, etag: str) -> Span | None:
        if self.headers.get("If-Range", etag) != etag or "Range" not in self.headers:
            return None
        return parse_range(self.headers["Range"], size)

    def _send_file(
        self, file: File, span: Span | None, headers: Mapping[str, str], faults: dict[str, Fault]
    ) -> None:
        extra = {"Content-Type": "application/octet-stream"}
        if "no-range" not in faults:
            extra["Accept-Ranges"] = "bytes"
        if span:
            extra["Content-Range"] = f"bytes {span.start}-{span.end - 1}/{file.size}"
        whole = span or Span(0, file.size)
        delta = faults["length"].delta if "length" in faults else 0
        length = whole.end - whole.start
        self.head(206 if span else 200, {**headers, **extra}, length + delta)
        if self.command == "HEAD":
            return
        end = min(
            (fault for fault in faults.values() if fault.after is not None),
            key=_after,
            default=None,
        )
        stop = length if end is None else min(length, _after(end))
        allowed = self._allowed(file, stop)
        self._sending(Span(whole.start, whole.start + allowed), faults).send(
            self.connection, file.content
        )
        if allowed < length or delta:
            self._break_off(end if end and allowed == stop else None)

    def _allowed(self, file: File, size: int) -> int:
        """Take the bytes from what an expiring token may still read."""
        names = (unquote(self.record.path), file.path)
        expiring = {"expire": fault_kinds.ANSWERS["expire"]}
        for fault in self.hub.faults.claim(expiring, self.origin, *names):
            size = self.hub.faults.spend(fault, size)
        return size

    def _sending(self, span: Span, faults: dict[str, Fault]) -> Sending:
        return Sending(
            span,
            invert="change" in faults,
            flips=frozenset({faults["flip"].offset} if "flip" in faults else ()),
            rate=faults["slow"].rate if "slow" in faults else self.hub.rate,
            count=self._count,
        )

    def _count(self, size: int) -> None:
        self.record.sent += size

    def _break_off(self, fault: Fault | None) -> None:
        self.close_connection = True
        if fault and fault.kind == "stall":
            self.hub.closing.wait(fault.seconds)
        if fault and fault.kind == "reset":
            time.sleep(RESET_PAUSE)
            arm_reset(self.connection)


def _after(fault: Fault) -> int:
    return fault.after or 0
