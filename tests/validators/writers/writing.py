"""Writing benign models by the real libraries, in a process that has them: a folder a model."""

import sys
from collections.abc import Callable
from pathlib import Path

Write = Callable[[Path], object]


class Models:
    """Models by name, each with the function that writes it into a folder."""

    def __init__(self) -> None:
        self._writers: dict[str, Write] = {}

    def add(self, name: str, write: Write) -> None:
        """Take a model."""
        assert name not in self._writers, name
        self._writers[name] = write

    def named(self, name: str) -> Callable[[Write], Write]:
        """Take the function below as a model."""

        def register(write: Write) -> Write:
            self.add(name, write)
            return write

        return register

    def main(self) -> None:
        """Write all of them below the directory that the command line names."""
        for name, write in self._writers.items():
            folder = Path(sys.argv[1], name)
            folder.mkdir(parents=True)
            write(folder)
