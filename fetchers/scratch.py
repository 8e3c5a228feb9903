"""Temporary directories that several downloads of one process share, gone when it ends."""

import atexit
import tempfile
import threading
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")


class Scratch(Generic[T]):
    """Values that are made once a process, each in a directory of its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[Hashable, T] = {}

    def get(self, key: Hashable, make: Callable[[Path], T]) -> T:
        """Give the value of a key; others wait while the first caller makes it.

        Args:
            key: what the value depends on.
            make: is given an empty directory that stays until the process ends.
        """
        with self._lock:
            if key not in self._values:
                folder = tempfile.TemporaryDirectory(
                    prefix="nix-ai-models-", ignore_cleanup_errors=True
                )
                try:
                    self._values[key] = make(Path(folder.name))
                except BaseException:
                    folder.cleanup()
                    raise
                atexit.register(folder.cleanup)
            return self._values[key]
