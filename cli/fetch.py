"""`fetch NAME-or-REF…`: downloads as the user, with the user's token, and adds to the store."""

import argparse
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cli import nix_store
from cli.console import Console, count
from cli.download import new_context
from cli.fetching import Fetching
from cli.locked import Entry
from cli.lockfile import add_lock_file, pick, read
from cli.mismatch import ACTIONS, settle
from cli.on_hand import OnHand
from cli.pace import Pace, parse_rate
from cli.parser import PROGRAM, Parser
from cli.pin import look_up, pin, prefer_safetensors
from cli.source import add_options, default_name, is_reference, read_source
from cli.wanted import wanted
from common.errors import IntegrityError, UsageError
from common.progress import show_bytes
from fetchers.auth import Auth, Refresh
from fetchers.context import Context, Retries

JOBS = 8
RETRIES = Retries.times


def add(verbs: Parser) -> None:
    """Add the verb."""
    verb = verbs.add_verb(
        "fetch",
        "download as yourself and add to the Nix store",
        description="Download models with your own credentials, resuming what an earlier run left, "
        "and add every file to the Nix store by its hash. A build then downloads nothing.",
    )
    verb.add_argument(
        "models", metavar="NAME-or-REF", nargs="*", help="locked models (default: all), references"
    )
    verb.add_argument("--json", action="store_true", help="print JSON")
    add_lock_file(verb)
    add_transfer_options(verb)
    add_gc_root(verb)
    verb.add_argument(
        "--on-hash-mismatch",
        choices=ACTIONS,
        default="fail",
        help="when upstream's bytes are not the locked ones (%(choices)s; default %(default)s)",
    )
    verb.add_argument("--yes", action="store_true", help="update the lock without asking")
    add_options(verb)
    verb.set_defaults(run=run)


def add_gc_root(verb: Parser) -> None:
    """Add the option that keeps what was fetched."""
    verb.add_argument(
        "--gc-root",
        metavar="DIR",
        type=Path,
        help="put links there that keep it from the garbage collector",
    )


def add_transfer_options(verb: Parser) -> None:
    """Add the options about how bytes come, and with whose credentials."""
    group = verb.add_argument_group("transfer")
    for words, settings in (
        (("--jobs",), {"type": positive, "default": JOBS, "help": f"connections at once ({JOBS})"}),
        (("--limit-rate",), {"metavar": "RATE", "help": "bytes a second, for example 10M"}),
        (("--retries",), {"type": int, "default": RETRIES, "help": f"of a request ({RETRIES})"}),
        (
            ("--from",),
            {
                "metavar": "DIR",
                "dest": "folders",
                "type": Path,
                "action": "append",
                "default": [],
                "help": "take files from here: a Hugging Face cache, a mirror, any folder",
            },
        ),
        (
            ("--mirror",),
            {
                "metavar": "URL",
                "dest": "mirrors",
                "action": "append",
                "default": [],
                "help": "ask this content mirror first",
            },
        ),
        (
            ("--cache-dir",),
            {"metavar": "DIR", "type": Path, "help": "for partial files ($XDG_CACHE_HOME/…)"},
        ),
        (("--no-substitute",), {"action": "store_true", "help": "do not ask binary caches"}),
        (("--token-env",), {"metavar": "NAME", "help": "variable that holds the token"}),
        (("--token-file",), {"metavar": "PATH", "help": "file that holds the token"}),
        (
            ("--token-command",),
            {"metavar": "COMMAND", "help": "shell text that prints a token, also when one expires"},
        ),
    ):
        group.add_argument(*words, **settings)
        verb.options += words


def positive(text: str) -> int:
    """Read a number above 0."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return int(text)


@dataclass(frozen=True)
class Transfers:
    """How all models of one run are fetched."""

    context: Context
    cache: Path
    jobs: int
    on_hand: OnHand
    pace: Pace
    substitute: bool


def read_transfers(arguments: argparse.Namespace, console: Console) -> Transfers:
    """Read the options of `add_transfer_options`.

    Raises:
        UsageError, NotFoundError: an option names what cannot be.
    """
    rate = parse_rate(arguments.limit_rate) if arguments.limit_rate else None
    auth = Auth(
        variable=arguments.token_env or "",
        files=(arguments.token_file,) if arguments.token_file else (),
        refresh=Refresh(arguments.token_command or ""),
    )
    context = replace(
        new_context(console),
        auth=auth,
        retries=Retries(arguments.retries),
        mirrors=tuple(arguments.mirrors),
    )
    return Transfers(
        context,
        arguments.cache_dir or cache_folder(),
        arguments.jobs,
        OnHand(arguments.folders),
        Pace(rate),
        not arguments.no_substitute,
    )


def cache_folder() -> Path:
    """Give the directory in which partial files survive."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "nix-ai-models" / "partial"


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Run the verb.

    Raises:
        AuthError, TransferError, IntegrityError, DiskError, NotFoundError, UsageError.
    """
    entries = _entries(arguments, console)
    fetch_all(entries, read_transfers(arguments, console), arguments, console)
    return 0


def fetch_all(
    entries: dict[str, Entry],
    transfers: Transfers,
    arguments: argparse.Namespace,
    console: Console,
) -> None:
    """Fetch models one after the other, and print what happened.

    Raises:
        AuthError, TransferError, IntegrityError, DiskError, NotFoundError, UsageError.
    """
    answer: dict[str, Any] = {}
    for name, entry in entries.items():
        answer[name] = _settled(name, entry, transfers, arguments, console)
        if not arguments.json:
            console.answer(_sentence(name, answer[name]))
    if arguments.json:
        console.answer_json({"models": answer})


def _settled(
    name: str,
    entry: Entry,
    transfers: Transfers,
    arguments: argparse.Namespace,
    console: Console,
) -> dict[str, Any]:
    """Fetch one model, doing with a wrong hash what the user asked for."""
    try:
        told = fetch(name, entry, transfers, console)
    except IntegrityError as error:
        if "on_hash_mismatch" not in arguments:
            raise
        entry = settle(error, name, entry, arguments, console)
        told = fetch(name, entry, transfers, console)
    if arguments.gc_root:
        _keep(name, entry, arguments.gc_root)
    return told


def _entries(arguments: argparse.Namespace, console: Console) -> dict[str, Entry]:
    models = read(arguments.lock_file)
    chosen = arguments.models or sorted(models)
    if not chosen:
        raise UsageError("no model is named or locked", None, f"{PROGRAM} lock add NAME REF")
    entries = {}
    for text in chosen:
        if text not in models and is_reference(text):
            source = read_source(text, arguments)
            snapshot = prefer_safetensors(look_up(source, console), console)
            entries[default_name(source)] = pin(snapshot, console)
        else:
            entries[text] = pick(models, text, arguments.lock_file)
    return entries


def fetch(name: str, entry: Entry, transfers: Transfers, console: Console) -> dict[str, Any]:
    """Bring one model into the store; give what happened to each file."""
    want = wanted(name, entry)
    missing = nix_store.invalid(want.store_paths)
    if missing and transfers.substitute:
        nix_store.substitute(missing)
        missing = nix_store.invalid(missing)
    work = Fetching(
        want,
        transfers.context,
        transfers.cache,
        jobs=transfers.jobs,
        on_hand=transfers.on_hand,
        pace=transfers.pace,
    )
    if missing:
        todo = sum(file.size for path, file in entry.files.items() if want.place(path) in missing)
        console.note(f"{name}: {show_bytes(todo)} of {show_bytes(entry.size)} are to come")
        work.run(missing)
    files = {
        path: {
            "path": want.location(path),
            "size": file.size,
            "from": work.origins.get(path, "store"),
        }
        for path, file in entry.files.items()
    }
    return {"files": files, "totalSize": entry.size}


def _sentence(name: str, told: dict[str, Any]) -> str:
    files = told["files"].values()
    parts = []
    for origin, words in (("download", "downloaded"), ("disk", "taken from disk")):
        size = sum(file["size"] for file in files if file["from"] == origin)
        if size:
            parts.append(f"{show_bytes(size)} {words}")
    how = ", ".join(parts) or "nothing was missing"
    whole = f"{count(len(files), 'file')}, {show_bytes(told['totalSize'])}"
    return f"{name}: {whole} in the store; {how}"


def _keep(name: str, entry: Entry, folder: Path) -> None:
    for path in sorted(wanted(name, entry).store_paths):
        nix_store.add_root(path, folder / name / Path(path).name)
