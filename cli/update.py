"""`lock update` and `lock diff`: what upstream has moved to since a model was locked."""

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from cli.changes import Changes
from cli.console import Console
from cli.download import new_context
from cli.locked import Entry, LockedFile
from cli.lockfile import add_lock_file, check_writable, edit, pick, read
from cli.parser import PROGRAM, Parser
from cli.pin import look_up, pin, prefer_safetensors
from cli.source import pinned
from common.errors import ModelError, NotFoundError
from fetchers.base import Snapshot, load

# Where a revision stands for its content; a version of an MLflow registry can be written over.
_CONTENT_ADDRESSED = ("huggingface", "git-lfs", "ollama")
# Where a pin names content; an MLflow pin names a place, which can be written over.
_PINNED_BY_CONTENT = frozenset({"azure", "gcs", "s3"})


def add(lock: Parser) -> None:
    """Add both verbs."""
    for name, summary, run in (
        ("update", "follow the named revisions, and write what moved", _update),
        ("diff", "print what update would change, and write nothing", _diff),
    ):
        verb = lock.add_verb(name, summary)
        verb.add_argument("names", metavar="NAME", nargs="*", help="models (default: all)")
        verb.add_argument("--json", action="store_true", help="print JSON")
        add_lock_file(verb)
        verb.set_defaults(run=run)


def _update(arguments: argparse.Namespace, console: Console) -> int:
    check_writable(arguments.lock_file)
    return _each(arguments, console, lambda changes: _write(arguments.lock_file, changes))


def _diff(arguments: argparse.Namespace, console: Console) -> int:
    return _each(arguments, console, lambda _: None)


def _write(path: Path, changes: Changes) -> None:
    with edit(path) as models:
        # Another process may have removed the model meanwhile; that decision stands.
        if changes.any and changes.name in models:
            models[changes.name] = changes.new


def _each(arguments: argparse.Namespace, console: Console, then: Callable[[Changes], None]) -> int:
    """Look at every model asked for; one that fails is told, and does not stop the others."""
    path, models = arguments.lock_file, read(arguments.lock_file)
    names = arguments.names or sorted(models)
    if not names:
        console.note(f"{path} locks nothing; try: {PROGRAM} lock add NAME REF")
    entries = {name: pick(models, name, path) for name in names}
    answer, status = {}, 0
    for name, entry in entries.items():
        try:
            changes = Changes(name, entry, _refresh(entry, console))
        except ModelError as error:
            console.error(f"{name}: {error}")
            status = max(status, error.exit_status)
            continue
        then(changes)
        answer[name] = changes.to_json()
        if not arguments.json:
            console.answer(changes.to_text())
    if arguments.json:
        console.answer_json(answer)
    return status


def _refresh(entry: Entry, console: Console) -> Entry:
    snapshot = prefer_safetensors(look_up(entry.source, console), console)
    paths = {file.path for file in snapshot.files}
    same = snapshot.revision == entry.revision and paths == set(entry.files)
    if same and entry.source.type in _CONTENT_ADDRESSED:
        return entry
    return pin(snapshot, console, _unchanged(entry, snapshot, console))


def _unchanged(entry: Entry, snapshot: Snapshot, console: Console) -> Entry | None:
    """Find the files that did not change, so that they need no download to be hashed again."""
    hidden = {file.path for file in snapshot.files if file.sha256 is None}
    same = _same_pins(entry, snapshot) or _same_blobs(entry, snapshot, console) if hidden else {}
    if not same:
        return None
    whole = all(path in same for path, file in entry.files.items() if not file.large)
    return replace(entry, files=same, small=entry.small if whole else None)


def _same_pins(entry: Entry, snapshot: Snapshot) -> dict[str, LockedFile]:
    """Compare what names a file's content in an object store: version, generation or ETag."""
    if entry.source.type not in _PINNED_BY_CONTENT:
        return {}
    pins = {file.path: file.pin for file in snapshot.files}
    return {
        path: file for path, file in entry.files.items() if file.pin and file.pin == pins.get(path)
    }


def _same_blobs(entry: Entry, snapshot: Snapshot, console: Console) -> dict[str, LockedFile]:
    """Compare git blob ids at both revisions."""
    if not entry.revision:
        return {}
    try:
        before = load(entry.source.type).resolve(
            pinned(entry.source, entry.revision), new_context(console)
        )
    except NotFoundError:
        return {}  # upstream rewrote its history
    ids = {file.path: file.git_sha1 for file in before.files if file.git_sha1}
    now = {file.path: file.git_sha1 for file in snapshot.files if file.sha256 is None}
    return {
        path: file
        for path, file in entry.files.items()
        if path in ids and ids[path] == now.get(path)
    }
