"""Repeating what failed for the moment: doubling waits, `Retry-After`, a visible countdown."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

from common.errors import AuthError, TransferError
from common.progress import show_seconds
from fetchers.context import Context

COUNTDOWN_SECONDS = 5.0  # how often a wait says how long it still is
LONGEST_ASKED_SECONDS = 900.0  # a server may ask for this much patience, the hub's window thrice
TRANSIENT_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})

PROGRESS_BYTES = 16 << 20  # a transfer that got this much further has its retries back

T = TypeVar("T")


class Interrupted(Exception):  # noqa: N818 - it ends an attempt, not the transfer
    """An attempt failed in a way that may pass.

    Args:
        reason: what happened, for the log.
        wait: seconds the server asked for, if it did.
    """

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.wait = wait


class Attempts:
    """Decides after each failure of one transfer whether it goes on."""

    def __init__(self, name: str, context: Context) -> None:
        self._name, self._context = name, context
        self._patience = Patience(name, context)
        self._refusals = 0

    @contextmanager
    def attempt(self, done: Callable[[], int]) -> Iterator[None]:
        """Run a block that may fail for the moment; such a failure is waited for and swallowed.

        A refusal is swallowed when there is another token to try.

        Args:
            done: gives the bytes that are there; enough new ones bring back all patience.

        Raises:
            TransferError, AuthError: when it was one failure or refusal too many.
        """
        mark, generation = done(), self._context.wallet.generation
        try:
            yield
        except Interrupted as interruption:
            self._progressed(done() - mark)
            self._patience.after(interruption)
        except AuthError:
            self._progressed(done() - mark)
            if self._refusals >= self._context.retries.refusals:
                raise
            if not self._context.wallet.renew(generation):
                raise
            self._refusals += 1
            self._context.progress.note(f"{self._name}: access refused; going on with a new token")

    def _progressed(self, count: int) -> None:
        if count >= PROGRESS_BYTES:
            self._refusals = 0
            self._patience.progressed()


class Patience:
    """Counts the failures of one transfer and waits after each."""

    def __init__(self, name: str, context: Context) -> None:
        self._name = name
        self._context = context
        self._failures = self._rounds = 0

    def progressed(self) -> None:
        """Start counting anew, because what was missing is getting less."""
        self._failures = self._rounds = 0

    def after(self, interruption: Interrupted) -> None:
        """Wait as long as this failure wants.

        Raises:
            TransferError: when it was the last one, or the server asks for too long a wait.
        """
        retries = self._context.retries
        if self._failures >= retries.times and self._rounds < retries.rounds:
            wait = min(retries.delay * 2 ** (retries.times + 1), retries.longest)
            self._rounds, self._failures = self._rounds + 1, 0
            self._sleep(wait, f"{self._name}: {interruption.reason}; beginning again in")
            return
        if self._failures >= retries.times:
            count = f"{retries.times + 1} attempts" if retries.times else "one attempt"
            raise TransferError(f"{self._name}: gave up after {count}", interruption.reason)
        wait = interruption.wait
        if wait is None:
            wait = min(retries.delay * 2**self._failures, retries.longest)
        elif wait > LONGEST_ASKED_SECONDS:
            asked = f"{interruption.reason}; it asks to wait {show_seconds(wait)}"
            raise TransferError(f"{self._name}: the server is too busy", asked, "again later")
        self._failures += 1
        number = f"{self._failures} of {retries.times}"
        self._sleep(wait, f"{self._name}: {interruption.reason}; attempt {number} again in")

    def _sleep(self, seconds: float, text: str) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._context.progress.note(f"{text} {show_seconds(left)}")
            self._context.pace(0)
            time.sleep(min(left, COUNTDOWN_SECONDS))


def retrying(name: str, context: Context, attempt: Callable[[], T]) -> T:
    """Call `attempt` until it does not raise `Interrupted`.

    Raises:
        TransferError: when the context's retries are used up.
    """
    patience = Patience(name, context)
    while True:
        try:
            return attempt()
        except Interrupted as interruption:
            patience.after(interruption)


def asked_wait(headers: Mapping[str, str]) -> float | None:
    """Read the wait a response asks for, in seconds.

    Understands ``Retry-After`` as seconds and as a date
    (https://www.rfc-editor.org/rfc/rfc9110#field.retry-after) and the hub's ``ratelimit``
    header, whose ``t`` is the time to the next window.
    """
    value = headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return float(value)
    if value:
        return _until(value)
    for part in headers.get("ratelimit", "").split(";"):
        key, _, number = part.strip().partition("=")
        if key == "t" and number.isdecimal():
            return float(number)
    return None


def _until(date: str) -> float | None:
    try:
        moment = parsedate_to_datetime(date)
    except ValueError:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.now(UTC)).total_seconds())
