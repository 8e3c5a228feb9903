"""The command: parses, runs one verb, and turns every failure into one `error:` line."""

import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Sequence

from cli import info, list as list_, lock, prefetch, scan, to_nix, verify
from cli.console import Console
from cli.parser import PROGRAM, Parser, new_parser, parse
from common.errors import ModelError

VERBS = (prefetch, lock, list_, info, verify, scan, to_nix)  # in the order of the help
INTERRUPTED = 128 + signal.SIGINT  # exit status, as shells give it


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
    console = Console()
    try:
        arguments = parse(build_parser(), words)
        status: int = arguments.run(arguments, console)
        sys.stdout.flush()
    except BrokenPipeError:
        return _reader_left()
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the last line of defence
        if "--debug" in words:
            traceback.print_exc()
        return _explain(error, console)
    return status


def _reader_left() -> int:
    """Keep Python from flushing into the closed pipe at exit (docs of `signal`, SIGPIPE)."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1


def _explain(error: BaseException, console: Console) -> int:
    if isinstance(error, KeyboardInterrupt):
        console.error("interrupted; nothing was left half-written")
        return INTERRUPTED
    if isinstance(error, ModelError):
        console.error(str(error))
        return error.exit_status
    if isinstance(error, ModuleNotFoundError) and error.name:
        console.error(_missing(error.name))
    elif isinstance(error, OSError):
        console.error(f"{error.strerror or error}, got {error.filename}")
    else:
        text = f"this is a defect of {PROGRAM}, got {type(error).__name__}: {error}"
        console.error(f"{text}\ntry: the same call with --debug, and report what it prints")
    return 1


def _missing(package: str) -> str:
    return (
        f"this Python lacks the package {package!r}, got {sys.executable}\n"
        f"try: nix run .#{PROGRAM}, or `make venv`, or NIX_AI_MODELS_PYTHON=/path/to/python3"
    )
