"""What the command says: the answer on stdout, everything else on stderr, secrets on neither."""

import re
import sys
from contextlib import ExitStack, closing
from typing import Any

from common.files import dump_json
from common.progress import Lines, Progress
from common.secrets import mask

# NB: names and findings come from strangers; an escape sequence could rewrite the terminal.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def clean(text: str) -> str:
    """Mask every secret of a text, and write its control characters out in hex."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", mask(text))


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
        text = mask(dump_json(data))
        print(_CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text), end="")

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
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        (indent + "  ".join(map(str.ljust, map(clean, row), widths))).rstrip() for row in rows
    )
