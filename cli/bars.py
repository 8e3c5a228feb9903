"""Progress on a terminal: a bar a file; needs rich, which is why it is a module of its own."""

import sys
import threading

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from common.secrets import mask


class Bars:
    """A bar for every file that is moving, gone when it is done."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tasks: dict[str, TaskID] = {}
        self._bars = Progress(
            # NB: a file's name may look like rich's markup.
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(binary_units=True),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=Console(file=sys.stderr),
            transient=True,
        )

    def close(self) -> None:
        """Take every bar away and show the cursor again."""
        self._bars.stop()

    def start(self, name: str, total: int | None, done: int = 0) -> None:
        """Show a bar for a file of `total` bytes."""
        with self._lock:
            if not self._tasks:
                self._bars.start()
            self._tasks[name] = self._bars.add_task(mask(name), total=total, completed=done)

    def advance(self, name: str, count: int) -> None:
        """Move the file's bar by `count` bytes."""
        self._bars.advance(self._tasks[name], count)

    def restart(self, name: str, done: int) -> None:
        """Put the file's bar back to `done` bytes."""
        self._bars.reset(self._tasks[name], completed=done)

    def finish(self, name: str) -> None:
        """Take the file's bar away."""
        with self._lock:
            self._bars.remove_task(self._tasks.pop(name))
            if not self._tasks:
                self._bars.stop()

    def note(self, text: str) -> None:
        """Print a line above the bars."""
        self._bars.console.print(
            mask(text), markup=False, emoji=False, highlight=False, soft_wrap=True
        )
