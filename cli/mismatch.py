"""What to do when upstream's bytes are not the ones that are locked (`--on-hash-mismatch`)."""

import argparse
import sys

from cli.changes import Changes
from cli.console import Console
from cli.locked import Entry
from cli.lockfile import edit
from cli.pin import look_up, pin
from common.errors import IntegrityError

ACTIONS = ("fail", "warn", "update-hash")


def settle(
    error: IntegrityError,
    name: str,
    entry: Entry,
    arguments: argparse.Namespace,
    console: Console,
) -> Entry:
    """Give the entry to go on with.

    Args:
        error: the mismatch.
        name: of the model.
        entry: its lock.
        arguments: with `on_hash_mismatch`, `yes`, `lock_file`.
        console: shows what changed, and asks.

    Raises:
        IntegrityError: the same, when it is to fail, or the user does not agree.
    """
    if arguments.on_hash_mismatch == "fail":
        raise error
    console.note(f"warning: {error}")
    new = pin(look_up(entry.source, console), console)
    if new.same_content(entry):
        raise error  # upstream still says what is locked: the bytes were damaged on their way
    if arguments.on_hash_mismatch == "warn":
        console.note(
            f"warning: {name} is fetched as it is now; a build refuses it until it is locked"
        )
        return new
    console.note(Changes(name, entry, new).to_text())
    if not (arguments.yes or _agreed(arguments)):
        raise error
    with edit(arguments.lock_file) as models:
        models[name] = new
    return new


def _agreed(arguments: argparse.Namespace) -> bool:
    if not sys.stdin.isatty():
        return False
    sys.stderr.write(f"write these hashes into {arguments.lock_file}? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")
