"""How fast bytes may come, and how a transfer is ended from outside."""

import re
import threading
import time

from common.errors import ModelError, UsageError

_RATE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(i?)B?(?:/s)?", re.IGNORECASE)
_POWER = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_LONGEST_NAP = 0.5  # seconds, so that an interruption is noticed soon


def parse_rate(text: str) -> int:
    """Read a rate as bytes a second: ``500K``, ``10M``, ``1.5GiB``.

    Raises:
        UsageError: when it is none, or nothing.
    """
    found = _RATE.fullmatch(text.strip())
    if not found or float(found[1]) == 0:
        raise UsageError("this is no rate", repr(text), "--limit-rate 10M")
    step = 1000 if not found[3] else 1024
    return int(float(found[1]) * step ** _POWER[found[2].lower()])


class Pace:
    """Told of every count of bytes; waits so that all transfers together keep to the rate.

    Args:
        rate: bytes a second; None without limit.
    """

    def __init__(self, rate: int | None) -> None:
        self._rate = rate
        self._lock = threading.Lock()
        self._free_at = 0.0
        self._stopped = threading.Event()

    def stop(self) -> None:
        """End every transfer at its next bytes."""
        self._stopped.set()

    def __call__(self, count: int) -> None:
        """Wait for the time that these bytes take.

        Raises:
            ModelError: after `stop`.
        """
        until = self._reserve(count) if self._rate else 0.0
        while True:
            if self._stopped.is_set():
                raise ModelError("interrupted")
            left = until - time.monotonic()
            if left <= 0:
                return
            self._stopped.wait(min(left, _LONGEST_NAP))

    def _reserve(self, count: int) -> float:
        with self._lock:
            self._free_at = max(self._free_at, time.monotonic()) + count / (self._rate or 1)
            return self._free_at
