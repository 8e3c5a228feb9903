"""The command: parses, runs one verb, and gives its exit status."""

import signal
import sys
from collections.abc import Sequence

from cli import (
    bom,
    doctor,
    fetch,
    gc,
    info,
    link,
    lock,
    mirror,
    prefetch,
    scan,
    sign,
    to_nix,
    verify,
)
from cli import list as list_
from cli.console import Console
from cli.parser import PROGRAM, Parser, new_parser, parse
from common import entry
from common.errors import DiskError, ModelError
from fetchers.base import MODULES

VERBS = (
    prefetch,
    lock,
    fetch,
    mirror,
    list_,
    info,
    verify,
    scan,
    to_nix,
    bom,
    sign,
    link,
    gc,
    doctor,
)  # in the order of the help


def build_parser() -> Parser:
    """Make the parser with every verb; the documentation is generated from it."""
    parser = new_parser()
    for verb in VERBS:
        verb.add(parser)
    return parser


def main(words: Sequence[str]) -> int:
    """Run the command; gives the exit status: 0 done, 1 failed, 2 wrong usage, 3 unsafe."""
    # So that being told to stop removes temporary files, as ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    return entry.run(lambda: _run(words), debug="--debug" in words)


def _run(words: Sequence[str]) -> int:
    arguments = parse(build_parser(), words)
    console = Console()
    try:
        status: int = arguments.run(arguments, console)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except ModuleNotFoundError as error:
        if error.name in MODULES.values():
            what = "this version cannot fetch from such a source"
            raise ModelError(what, None, "huggingface:ORG/NAME, or file:PATH") from error
        what = f"this Python lacks the package {error.name!r}"
        remedy = f"nix run .#{PROGRAM}, or scripts/setup, or NIX_AI_MODELS_PYTHON=/path/to/python3"
        raise ModelError(what, sys.executable, remedy) from error
    except OSError as error:
        raise DiskError(f"cannot use {error.filename}", error.strerror or error) from error
    finally:
        console.close()
    return status
