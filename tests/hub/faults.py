"""What can be made to go wrong, where, and how often."""

import threading
from dataclasses import dataclass, field
from email.utils import formatdate
from fnmatch import fnmatchcase
from time import time

# Answers that replace the real one, on any request that matches.
ANSWERS = {
    "status": "answer `status` with `headers` (and `retry_after`)",
    "echo": "answer `status` with the request's Authorization header in the body",
    "loop": "redirect to the very same address",
}
# Changes to the answer that carries a file; a HEAD shows them and uses none of them up.
BODIES = {
    "cut": "close cleanly after `after` bytes of the body",
    "reset": "TCP reset after `after` bytes of the body",
    "stall": "send nothing for `seconds` after `after` bytes of the body, then close",
    "flip": "invert the byte at `offset` of the file",
    "length": "state a Content-Length that is wrong by `delta`",
    "no-range": "ignore Range: always 200",
    "change": "other content (every byte inverted) under another ETag",
    "bare-etag": "send the ETag without quotes",
    "slow": "send `rate` bytes a second",
}
# What depends on the token alone; `path`, `origin`, `times` and `skip` do not matter.
TOKENS = {"expire": "`token` is good for `after` bytes of files or `requests` requests, then 401"}
ENDINGS = ("cut", "reset", "stall")


@dataclass
class Fault:
    """One fault.

    Attributes:
        kind: a key of `ANSWERS`, `BODIES` or `TOKENS`.
        path: glob (``*`` crosses ``/``) over the file's path in its repository, and over the
            request's path.
        origin: ``hub``, ``cdn``, or None for both.
        times: requests it strikes; None for ever.
        skip: matching requests it lets pass first.
        after: bytes of the body (not of the file: a resumed request counts from 0).
        retry_after: seconds, put into `headers` in the form `retry_form` says: ``seconds``,
            ``date`` or ``ratelimit``.
    """

    kind: str
    path: str = "*"
    origin: str | None = None
    times: int | None = 1
    skip: int = 0
    after: int | None = None
    requests: int | None = None
    status: int = 503
    headers: dict[str, str] = field(default_factory=dict)
    retry_after: int | None = None
    retry_form: str = "seconds"
    seconds: float = 3600.0
    offset: int = 0
    delta: int = 0
    rate: int = 0
    token: str | None = None

    def __post_init__(self) -> None:
        known = [*ANSWERS, *BODIES, *TOKENS]
        if self.kind not in known:
            raise ValueError(f"no fault is called {self.kind!r}, one of {known}")
        if self.kind in ENDINGS and self.after is None:
            self.after = 0

    def matches(self, origin: str, *paths: str) -> bool:
        here = self.origin in (None, origin)
        return here and any(fnmatchcase(path, self.path) for path in paths)

    def expires(self, token: str | None) -> bool:
        return self.kind == "expire" and token is not None and token == self.token

    def answer_headers(self) -> dict[str, str]:
        if self.retry_after is None:
            return self.headers
        forms = {
            "seconds": ("Retry-After", str(self.retry_after)),
            "date": ("Retry-After", formatdate(time() + self.retry_after, usegmt=True)),
            "ratelimit": ("ratelimit", f'"resolvers";r=0;t={self.retry_after}'),
        }
        name, value = forms[self.retry_form]
        return {**self.headers, name: value}


class Faults:
    """The faults that are set, shared by all connections."""

    def __init__(self) -> None:
        self._set: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> Fault:
        with self._lock:
            self._set.append(fault)
        return fault

    def clear(self) -> None:
        with self._lock:
            self._set.clear()

    def claim(
        self, stage: dict[str, str], origin: str, *paths: str, use_up: bool = True
    ) -> list[Fault]:
        """Give the faults of a stage that strike this request, one of a kind, and count them."""
        struck: dict[str, Fault] = {}
        with self._lock:
            for fault in self._set:
                if fault.kind not in stage or not fault.matches(origin, *paths):
                    continue
                if fault.skip and use_up:
                    fault.skip -= 1
                elif not fault.skip and fault.times != 0 and fault.kind not in struck:
                    struck[fault.kind] = fault
                    if use_up and fault.times is not None:
                        fault.times -= 1
        return list(struck.values())

    def refuses(self, token: str | None, *, count: bool) -> bool:
        """Tell whether a token has expired, and count a request made with it."""
        with self._lock:
            expiring = [fault for fault in self._set if fault.expires(token)]
            spent = any(0 in (fault.after, fault.requests) for fault in expiring)
            for fault in expiring if count and not spent else ():
                fault.requests = None if fault.requests is None else fault.requests - 1
        return spent

    def spend(self, token: str | None, size: int) -> int:
        """Take up to `size` bytes from what a token may still read; gives what it got."""
        with self._lock:
            for fault in (fault for fault in self._set if fault.expires(token)):
                if fault.after is not None:
                    size = min(size, fault.after)
                    fault.after -= size
        return size
