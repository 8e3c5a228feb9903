"""Serving a file: HEAD and GET, ranges, and the faults of its body."""

import time
from collections.abc import Mapping
from urllib.parse import unquote

from tests.hub.body import Sending, Span, UnsatisfiableError, arm_reset, parse_range
from tests.hub.faults import BODIES, ENDINGS, Fault
from tests.hub.handler import Handler, RefusedError
from tests.hub.repos import File, Sparse

RESET_PAUSE = 0.05  # seconds for the client to read what came before the reset


class FileHandler(Handler):
    """A connection that can carry a file."""

    def holder(self) -> str | None:
        """Give the token on whose account bytes are read."""
        return self.token()

    def serve(self, file: File, etag: str, headers: Mapping[str, str]) -> None:
        """Answer HEAD or GET of a file, ranges and faults included."""
        get = self.command == "GET"
        if get and isinstance(file.content, Sparse):
            self.record.failure = f"asked for the bytes of sparse {file.path}"
            raise RefusedError(500, self.record.failure)
        names = (unquote(self.record.path), file.path)
        claimed = self.hub.faults.claim(BODIES, self.origin, *names, use_up=get)
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
        sent = span or Span(0, file.size)
        delta = faults["length"].delta if "length" in faults else 0
        length = sent.end - sent.start
        self.head(206 if span else 200, {**headers, **extra}, length + delta)
        if self.command == "GET":
            self._send_body(file, sent, faults, broken=delta != 0)

    def _send_body(self, file: File, span: Span, faults: dict[str, Fault], *, broken: bool) -> None:
        length = span.end - span.start
        ends = [fault for fault in faults.values() if fault.kind in ENDINGS]
        stop = min([length, *(fault.after or 0 for fault in ends)])
        allowed = self.hub.faults.spend(self.holder(), stop)
        part = Span(span.start, span.start + allowed)
        self._sending(part, faults).send(self.connection, file.content)
        if allowed < length or broken:
            self._break_off([fault for fault in ends if fault.after == allowed])

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

    def _break_off(self, ends: list[Fault]) -> None:
        self.close_connection = True
        for fault in ends:
            if fault.kind == "stall":
                self.hub.closing.wait(fault.seconds)
            elif fault.kind == "reset":
                time.sleep(RESET_PAUSE)
                arm_reset(self.connection)
