"""`gc`: models in the store that nothing keeps, and what interrupted downloads left."""

import argparse
import json
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from cli import nix_store
from cli.console import Console
from cli.fetch import cache_folder
from cli.parser import Parser
from common.progress import show_bytes
from layouts.metadata import FILE as META_FILE

OLD_DAYS = 14  # a partial file that nobody has gone on with for so long is litter
_DAY = 86400


@dataclass(frozen=True)
class Unused:
    """Something to delete: a store path or a partial file."""

    path: str
    size: int
    what: str


def add(verbs: Parser) -> None:
    """Add the verb."""
    verb = verbs.add_verb(
        "gc",
        "delete models and partial downloads that nothing uses",
        description="List the models in the Nix store that no garbage collector root keeps, with "
        "their files, and partial downloads that are old; delete them with --delete. Whatever "
        "else is in the store is left alone.",
    )
    verb.add_argument("--delete", action="store_true", help="delete what is listed, after asking")
    verb.add_argument("--yes", action="store_true", help="do not ask")
    verb.add_argument("--cache-dir", metavar="DIR", type=Path, help="where partial files are")
    verb.add_argument("--older-than", metavar="DAYS", type=int, default=OLD_DAYS,
                      help=f"of partial files ({OLD_DAYS})")  # fmt: skip
    verb.add_argument("--json", action="store_true", help="print JSON")
    verb.set_defaults(run=run)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Run the verb."""
    cache = arguments.cache_dir or cache_folder()
    models, partial = _models(), _partial(cache, arguments.older_than)
    found = models + partial
    if arguments.json:
        console.answer_json({"unused": [vars(one) for one in found]})
    else:
        for one in found:
            console.answer(f"{show_bytes(one.size):>12}  {one.what}  {one.path}")
        total = show_bytes(sum(one.size for one in found))
        console.answer(f"{total} in {len(found)} paths that nothing uses")
    if found and arguments.delete and (arguments.yes or _agreed()):
        nix_store.delete(one.path for one in models)
        for one in partial:
            _remove(Path(one.path))
    return 0


def _agreed() -> bool:
    if not sys.stdin.isatty():
        return False
    sys.stderr.write("delete them? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _models() -> list[Unused]:
    """Find dead outputs of ours, and the dead files that they and only they link to."""
    dead = set(nix_store.call("nix-store", "--gc", "--print-dead").stdout.split())
    found: dict[str, Unused] = {}
    for path in sorted(dead):
        real = nix_store.real(path)
        if not (real / META_FILE).is_file():
            continue
        name = json.loads((real / META_FILE).read_text("utf-8"))["name"]
        parts = set(nix_store.call("nix-store", "--query", "--requisites", path).stdout.split())
        # The output has copies of its small files; they are the one part it does not link to.
        small = f"-{Path(path).name.partition('-')[2]}-small"
        for part in sorted(dead):
            if part in parts or part.endswith(small):
                found[part] = Unused(part, _size(nix_store.real(part)), f"model {name}")
    return list(found.values())


def _size(path: Path) -> int:
    files = [path] if path.is_file() else [child for child in path.rglob("*") if child.is_file()]
    return sum(file.lstat().st_size for file in files if not file.is_symlink())


def _partial(cache: Path, days: int) -> list[Unused]:
    before = time.time() - days * _DAY
    found = sorted(cache.iterdir()) if cache.is_dir() else []
    return [
        Unused(str(path), path.stat().st_size, "partial download")
        for path in found
        if path.stat().st_mtime <= before
    ]


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
