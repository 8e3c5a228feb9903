"""Progress: what is told while bytes move, and the plain-line form that build logs show."""

import sys
import time
from typing import IO, Protocol

from common.secrets import mask

LINE_SECONDS = 3.0
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_STEP = 1024
_MINUTE = 60
_HOUR = 3600


class Progress(Protocol):
    """Somebody who wants to know how far a transfer is."""

    def start(self, name: str, total: int | None, done: int = 0) -> None:
        """Begin a file of `total` bytes, of which `done` are there already."""

    def advance(self, name: str, count: int) -> None:
        """Take note of `count` more bytes."""

    def restart(self, name: str, done: int) -> None:
        """Set the count of a file whose transfer begins anew or is resumed at `done`."""

    def finish(self, name: str) -> None:
        """End a file."""

    def note(self, text: str) -> None:
        """Say a sentence, such as a wait before a retry."""


class Silent:
    """Tells nobody."""

    def start(self, name: str, total: int | None, done: int = 0) -> None:
        """Do nothing."""

    def advance(self, name: str, count: int) -> None:
        """Do nothing."""

    def restart(self, name: str, done: int) -> None:
        """Do nothing."""

    def finish(self, name: str) -> None:
        """Do nothing."""

    def note(self, text: str) -> None:
        """Do nothing."""


class Lines:
    """One line every few seconds, for logs: file, bytes, rate, time left."""

    def __init__(self, stream: IO[str] | None = None, every: float = LINE_SECONDS) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._every = every
        self._files: dict[str, _File] = {}

    def start(self, name: str, total: int | None, done: int = 0) -> None:
        """Begin a file; nothing is printed for one that ends quickly but its last line."""
        self._files[name] = _File(total, done, time.monotonic())

    def advance(self, name: str, count: int) -> None:
        """Count bytes, and print a line when the last one is old enough."""
        file = self._files[name]
        file.done += count
        now = time.monotonic()
        if now - file.told >= self._every:
            file.told = now
            self.note(f"{name}: {file.describe(now)}")

    def restart(self, name: str, done: int) -> None:
        """Go on counting from `done`."""
        file = self._files[name]
        file.done = file.first = done
        file.begun = time.monotonic()

    def finish(self, name: str) -> None:
        """Print the file's last line."""
        file = self._files.pop(name)
        self.note(f"{name}: {file.describe(time.monotonic())}, done")

    def note(self, text: str) -> None:
        """Print a line at once, with every secret masked."""
        print(mask(text), file=self._stream, flush=True)


class _File:
    def __init__(self, total: int | None, done: int, now: float) -> None:
        self.total, self.done, self.first = total, done, done
        self.begun = self.told = now

    def describe(self, now: float) -> str:
        rate = (self.done - self.first) / max(now - self.begun, 1e-3)
        text = f"{show_bytes(self.done)}"
        if self.total is not None:
            percent = 100 * self.done // self.total if self.total else 100
            text += f" of {show_bytes(self.total)} ({percent} %)"
        text += f", {show_bytes(int(rate))}/s"
        if self.total and rate and self.total > self.done:
            text += f", {show_seconds((self.total - self.done) / rate)} left"
        return text


def show_bytes(count: int) -> str:
    """Write a number of bytes for people, in binary units."""
    value = float(count)
    for unit in _UNITS[:-1]:
        if value < _STEP:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= _STEP
    return f"{value:.1f} {_UNITS[-1]}"


def show_seconds(seconds: float) -> str:
    """Write a duration for people: ``42 s``, ``3 min 05 s``, ``2 h 10 min``."""
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE:02} s"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02} min"
