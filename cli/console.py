"""What the command says: the answer on stdout, everything else on stderr, secrets on neither."""

import os
import sys
from contextlib import ExitStack, closing
from typing import Any
from unicodedata import combining, east_asian_width

from common.files import dump_json
from common.plain import json_text, one_line, plain
from common.progress import Lines, Progress
from common.secrets import mask


def clean(text: str) -> str:
    """Mask every secret of a text, and write its control characters out in hex."""
    return plain(mask(text))


class Console:
    """The two streams of the command, and the progress that suits the second."""

    def __init__(self) -> None:
        self._ending = ExitStack()
        self.progress = _progress(self._ending)

    def close(self) -> None:
        """Give the terminal back as it was, whatever was still being shown."""
        self._ending.close()

    def answer(self, text: str) -> None:
        """Print a part of the answer."""
        print(clean(text))

    def answer_json(self, data: Any) -> None:
        """Print the whole answer as JSON, control characters in JSON's own form."""
        print(json_text(mask(dump_json(data))), end="")

    @property
    def width(self) -> int | None:
        """Columns that the answer may take; None where nobody reads it on a screen."""
        given = os.environ.get("COLUMNS", "")
        if given.isdecimal() and int(given):
            return int(given)
        return os.get_terminal_size(sys.stdout.fileno()).columns if sys.stdout.isatty() else None

    def note(self, text: str) -> None:
        """Tell the user something that is not the answer."""
        self.progress.note(clean(text))

    def error(self, text: str) -> None:
        """Print a failure: one ``error:`` line, then ``try:`` where there is a remedy."""
        print(clean(f"error: {text}"), file=sys.stderr)


def _progress(ending: ExitStack) -> Progress:
    if not sys.stderr.isatty():
        return Lines()
    try:
        from cli.bars import Bars  # noqa: PLC0415 - rich is slow to import, and optional
    except ModuleNotFoundError:
        return Lines()
    return ending.enter_context(closing(Bars()))


def count(number: int, noun: str) -> str:
    """Write a number of things."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def table(rows: list[list[str]], indent: str = "") -> str:
    """Align rows of cells in columns two spaces apart."""
    shown = [[one_line(mask(cell)) for cell in row] for row in rows]
    widths = [max(map(cells, column)) for column in zip(*shown, strict=True)]
    return "\n".join((indent + "  ".join(map(_pad, row, widths))).rstrip() for row in shown)


def cells(text: str) -> int:
    """Give the columns that a text takes on a terminal: two for East Asian characters."""
    if text.isascii():
        return len(text)
    return sum(2 if east_asian_width(each) in "WF" else not combining(each) for each in text)


def _pad(text: str, width: int) -> str:
    return text + " " * (width - cells(text))
