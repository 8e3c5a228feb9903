"""`mirror export` and `mirror import`: models as a plain directory, for machines without a network.

The directory has every file at ``sha256/<hex>``, which is what Nix's ``hashed-mirrors`` and our own
builders ask for, and a lock file that says which files are which model.
"""

import argparse
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from cli import nix_store
from cli.console import Console
from cli.fetch import (
    Transfers,
    add_gc_root,
    add_transfer_options,
    fetch_all,
    read_transfers,
)
from cli.locked import Entry, LockedFile
from cli.lockfile import DEFAULT, add_lock_file, edit, pick, read
from cli.parser import PROGRAM, Parser
from cli.wanted import remote, wanted
from common.digest import file_sha256
from common.errors import UsageError
from common.files import atomic_write
from common.progress import show_bytes
from fetchers.base import load
from fetchers.partial import Partials, prepare

CONTENT = "sha256"


def add(verbs: Parser) -> None:
    """Add both verbs."""
    mirror = verbs.add_verb("mirror", "carry models to machines without a network")
    out = mirror.add_verb(
        "export",
        "write models as a plain directory",
        description="Write the files of locked models to DIR/sha256/<hex>, with a lock file beside "
        "them: for Nix's hashed-mirrors, for `fetch --from`, and for any web server.",
    )
    out.add_argument("folder", metavar="DIR", type=Path)
    out.add_argument("models", metavar="NAME", nargs="*", help="locked models (default: all)")
    out.add_argument("--json", action="store_true", help="print JSON")
    add_lock_file(out)
    add_transfer_options(out)
    out.set_defaults(run=_export)
    into = mirror.add_verb(
        "import",
        "add the models of such a directory to the Nix store",
        description="Add the models of an exported directory to the Nix store, without a network.",
    )
    into.add_argument("folder", metavar="DIR", type=Path)
    into.add_argument("models", metavar="NAME", nargs="*", help="of its models (default: all)")
    into.add_argument("--json", action="store_true", help="print JSON")
    add_gc_root(into)
    add_transfer_options(into)
    into.set_defaults(run=_import)


def _import(arguments: argparse.Namespace, console: Console) -> int:
    lock = arguments.folder / DEFAULT
    models = read(lock)
    if not models or not (arguments.folder / CONTENT).is_dir():
        what = f"this directory is no exported mirror: {DEFAULT} or {CONTENT}/ is missing"
        raise UsageError(what, str(arguments.folder), f"{PROGRAM} mirror export DIR NAME")
    names = arguments.models or sorted(models)
    entries = {name: pick(models, name, lock) for name in names}
    arguments.folders = [arguments.folder, *arguments.folders]
    transfers = replace(read_transfers(arguments, console), substitute=False)
    fetch_all(entries, transfers, arguments, console)
    return 0


def _export(arguments: argparse.Namespace, console: Console) -> int:
    models = read(arguments.lock_file)
    names = arguments.models or sorted(models)
    entries = {name: pick(models, name, arguments.lock_file) for name in names}
    if not entries:
        raise UsageError("no model is named or locked", None, f"{PROGRAM} lock add NAME REF")
    transfers = read_transfers(arguments, console)
    prepare(arguments.folder / CONTENT)
    answer: dict[str, Any] = {}
    for name, entry in entries.items():
        _Export(name, entry, arguments.folder / CONTENT, transfers).run()
        answer[name] = {"files": len(entry.files), "totalSize": entry.size}
    with edit(arguments.folder / DEFAULT) as exported:
        exported.update(entries)
    if arguments.json:
        console.answer_json({"directory": str(arguments.folder), "models": answer})
        return 0
    for name, entry in entries.items():
        size = show_bytes(entry.size)
        console.answer(f"{name}: {len(entry.files)} files, {size}, in {arguments.folder}")
    return 0


class _Export:
    """Puts the files of one model into a mirror: from the store, from disk, or from upstream."""

    def __init__(self, name: str, entry: Entry, folder: Path, transfers: Transfers) -> None:
        self._want, self._entry, self._folder = wanted(name, entry), entry, folder
        self._transfers = transfers
        # Nix is not needed for this: a machine with a network and without Nix can export, too.
        paths = self._want.store_paths
        self._valid = paths - nix_store.invalid(paths) if nix_store.present() else set()

    def run(self) -> None:
        prepare(self._transfers.cache)
        for path, file in sorted(self._entry.files.items()):
            target = self._folder / file.sha256
            if not (target.is_file() and file_sha256(target) == file.sha256):
                self._put(path, file, target)

    def _put(self, path: str, file: LockedFile, target: Path) -> None:
        found = self._transfers.on_hand.find(file.sha256, file.size, Path(path).name)
        if found is None and self._want.place(path) in self._valid:
            found = nix_store.real(self._want.location(path))
        if found is not None:
            with found.open("rb") as source, atomic_write(target) as sink:
                shutil.copyfileobj(source, sink, 1 << 20)
            return
        context = replace(
            self._transfers.context,
            partials=Partials(self._transfers.cache),
            connections=self._transfers.jobs,
            pace=self._transfers.pace,
        )
        source_, revision = self._entry.source, self._entry.revision
        load(source_.type).download(source_, revision, remote(path, file), target, context)
