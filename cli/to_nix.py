"""`to-nix DIR`: Nix code for a model that is on disk already, without downloading it again."""

import argparse
import shutil
import tempfile
from pathlib import Path

from cli.console import Console
from cli.expression import call_with_lock
from cli.locked import Entry, LockedFile, check_name, now
from cli.lockfile import to_json
from cli.on_disk import Found, identify
from cli.parser import Parser
from cli.source import default_name, pinned
from common.digest import file_sha256, nar_sha256
from common.errors import NotFoundError
from common.files import LARGE_BYTES
from common.reference import Source, show_reference


def add(verbs: Parser) -> None:
    """Add the verb."""
    verb = verbs.add_verb(
        "to-nix",
        "print Nix code for a model that is on disk",
        description="Print Nix code for a model that is on disk. A Hugging Face cache entry, and "
        "an output of this project, become their repository at their commit; anything else "
        "becomes a file: source.",
    )
    verb.add_argument("directory", metavar="DIR", type=Path, help="directory or file of the model")
    verb.add_argument("--name", help="name of the model (default: from its source)")
    shape = verb.add_mutually_exclusive_group()
    shape.add_argument("--lock", action="store_true", help="print a lock file instead of a call")
    shape.add_argument("--json", action="store_true", help="print everything as JSON")
    verb.options += ["--lock", "--json"]
    verb.set_defaults(run=run)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Run the verb."""
    found = identify(arguments.directory)
    entry = _entry(found)
    name = check_name(arguments.name or default_name(entry.source))
    code = call_with_lock(name, pinned(entry.source, entry.revision), entry)
    if arguments.json:
        reference = show_reference(entry.source)
        facts = {"name": name, "reference": reference, "revision": entry.revision}
        console.answer_json(facts | {"expression": code, "lock": entry.to_json()})
    elif arguments.lock:
        console.answer_json(to_json({name: entry}))
    else:
        console.answer(code)
    return 0


def _entry(found: Found) -> Entry:
    places = found.files()
    if not places:
        raise NotFoundError("there is no file of a model", str(found.root))
    local = Source("local", {"path": str(found.root.absolute())})
    source = found.source or local
    files = {}
    for path, place in sorted(places.items()):
        size = place.stat().st_size
        # Nix takes local files one by one, so that no tree of small ones is needed.
        large = size >= LARGE_BYTES or source is local
        files[path] = LockedFile(file_sha256(place), size, large)
    small = {path: places[path] for path, file in files.items() if not file.large}
    return Entry(source, found.revision, now(), _tree_hash(small) if small else None, files)


def _tree_hash(places: dict[str, Path]) -> str:
    with tempfile.TemporaryDirectory(prefix="nix-ai-model-") as folder:
        for path, place in places.items():
            target = Path(folder, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(place, target)
        return nar_sha256(Path(folder))
