"""Arguments: argparse, with errors in this project's shape and a guess at what was meant."""

import argparse
import difflib
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

from common import VERSION
from common.errors import UsageError

PROGRAM = "nix-ai-model"


class Parser(argparse.ArgumentParser):
    """A parser that raises `UsageError` and remembers its options, to suggest the nearest."""

    def __init__(self, **settings: Any) -> None:
        self.options: list[str] = []
        self.verbs: dict[str, Parser] = {}
        self._choices: Any = None
        super().__init__(allow_abbrev=False, **settings)

    def add_argument(self, *names: Any, **settings: Any) -> argparse.Action:
        """Add an argument, remembering the names of an option."""
        self.options += [name for name in names if name.startswith("--")]
        return super().add_argument(*names, **settings)

    def add_verb(self, name: str, summary: str, **settings: Any) -> "Parser":
        """Add a verb; `summary` is its line in the help of this parser."""
        if self._choices is None:
            self._choices = self.add_subparsers(metavar="VERB", parser_class=Parser)
        text = settings.pop("description", f"{summary[0].upper()}{summary[1:]}.")
        verb: Parser = self._choices.add_parser(name, help=summary, description=text, **settings)
        verb.set_defaults(parser=verb)
        verb.add_argument("--debug", action="store_true", help="show the traceback of a failure")
        self.verbs[name] = verb
        return verb

    def error(self, message: str) -> NoReturn:
        """Refuse a call.

        Raises:
            UsageError: always.
        """
        raise UsageError(message, None, f"{self.prog} --help")


def new_parser() -> Parser:
    """Make the parser of the command itself, without its verbs."""
    parser = Parser(
        prog=PROGRAM,
        description="AI models in Nix: find hashes, keep the lock file, inspect, scan and verify.",
        epilog="exit status: 0 done, 1 failed, 2 wrong usage, 3 refused as unsafe",
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {VERSION}")
    return parser


def parse(parser: Parser, words: Sequence[str]) -> argparse.Namespace:
    """Read the words of a call.

    Raises:
        UsageError: for an unknown verb or option (with the nearest known one), a missing or an
            ill-formed argument.
    """
    _check_verb(parser, words)
    arguments, unknown = parser.parse_known_args(words)
    if unknown:
        chosen: Parser = arguments.parser
        option = unknown[0].partition("=")[0]
        raise UsageError(
            "unknown option" if option.startswith("-") else "one argument too many",
            f"{option!r}{did_you_mean(option, chosen.options)}",
            f"{chosen.prog} --help",
        )
    return arguments


def _check_verb(parser: Parser, words: Sequence[str]) -> None:
    word = words[0] if words else None
    if word in parser.verbs:
        _check_verb(parser.verbs[str(word)], words[1:])
    elif parser.verbs and word not in ("-h", "--help", "--version"):
        got = f"{word!r}{did_you_mean(word, parser.verbs)}" if word else "none"
        raise UsageError("expected a verb", got, f"{parser.prog} --help")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Give ``; did you mean 'x'?`` for the nearest known word, or nothing."""
    near = difflib.get_close_matches(word, list(known), 1)
    return f"; did you mean {near[0]!r}?" if near else ""
