"""`verify NAME-or-PATH`: whether the bytes on disk are still the bytes that were pinned."""

import argparse
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cli.console import Console, clean, count
from cli.lockfile import add_lock_file, pick, read
from cli.on_disk import built, fetched, identify, store
from cli.parser import PROGRAM, Parser
from cli.sign import is_signed
from common.digest import CHUNK_BYTES, to_sri
from common.errors import IntegrityError, NotFoundError, UsageError
from common.progress import Progress, show_bytes

Hashes = Mapping[str, tuple[str, int]]  # path → sha256 in hex, bytes


def add(verbs: Parser) -> None:
    """Add the verb."""
    verb = verbs.add_verb(
        "verify",
        "recompute the hashes of a model on disk",
        description="Recompute the hash of every file of a built model or a directory, and "
        "compare it with the model's metadata or with the lock file.",
    )
    verb.add_argument("target", metavar="NAME-or-PATH", help="a locked model, or a directory")
    verb.add_argument("--against", metavar="NAME", help="compare a directory with a locked model")
    verb.add_argument("--json", action="store_true", help="print JSON")
    add_lock_file(verb)
    verb.set_defaults(run=run)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Run the verb.

    Raises:
        IntegrityError: when a file is missing or differs.
    """
    places, expected = _places(arguments)
    results = [
        _check(path, places.get(path), *expected[path], console.progress)
        for path in sorted(expected)
    ]
    bad = [result for result in results if not result["ok"]]
    if arguments.json:
        console.answer_json({"ok": not bad, "files": results})
    for result in () if arguments.json else bad:
        file, want, got = clean(result["path"]), result["expected"], result["actual"]
        console.answer(f"{file}\n  expected  {want}\n  actual    {got or 'no such file'}")
    extra = sorted(set(places) - set(expected))
    if extra:
        console.note(f"note: not compared, as nothing is known of them: {', '.join(extra)}")
    if bad:
        what = f"{len(bad)} of {count(len(results), 'file')} not as pinned"
        names = [result["path"] for result in bad]
        raise IntegrityError(what, ", ".join(names[:5]), _remedy(places.get(names[0])))
    _check_signature(Path(arguments.target))
    if not arguments.json:
        size = show_bytes(sum(size for _, size in expected.values()))
        console.answer(f"{arguments.target}: {count(len(results), 'file')} ({size}) as pinned")
    return 0


def _check_signature(path: Path) -> None:
    """Refuse a built model that says of itself that it is to be signed, and is not."""
    meta = identify(path).meta if path.exists() else None
    if meta and meta.get("signOutput") and not is_signed(path):
        what, remedy = (
            f"{path} is to be signed, and is not",
            f"{PROGRAM} sign {path} --nix-key FILE",
        )
        raise IntegrityError(what, None, remedy)


def _remedy(place: Path | None) -> str:
    real = place.resolve() if place else Path()
    if not real.is_relative_to(store()):
        return "download it again"
    return f"sudo nix-store --repair-path {store() / real.relative_to(store()).parts[0]}"


def _places(arguments: argparse.Namespace) -> tuple[Mapping[str, Path], Hashes]:
    models = read(arguments.lock_file)
    name = arguments.against or arguments.target
    hashes: Hashes = {}
    if arguments.against or name in models:
        entry = pick(models, name, arguments.lock_file)
        hashes = {path: (file.sha256, file.size) for path, file in entry.files.items()}
        if arguments.against is None:
            if found := next(built(name, entry), None):
                return found.files(), found.hashes()
            places = fetched(name, entry)
            if not places:
                what = f"{name} is locked, but no file of it is in the store"
                raise NotFoundError(what, None, f"nix build, or {PROGRAM} verify PATH")
            return places, hashes
    found = identify(Path(arguments.target))
    if not hashes and found.meta is None:
        what = "nothing says what this directory should hold"
        remedy = f"{PROGRAM} verify {arguments.target} --against NAME"
        raise UsageError(what, arguments.target, remedy)
    return found.files(), hashes or found.hashes()


def _check(
    path: str, place: Path | None, sha256: str, size: int, progress: Progress
) -> dict[str, Any]:
    actual = None
    if place is not None and place.is_file():
        actual = to_sri(_sha256(path, place, progress))
    expected = to_sri(sha256)
    return {
        "path": path,
        "ok": actual == expected,
        "expected": expected,
        "actual": actual,
        "size": size,
    }


def _sha256(name: str, place: Path, progress: Progress) -> str:
    hasher = hashlib.sha256()
    progress.start(name, place.stat().st_size)
    with place.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            hasher.update(chunk)
            progress.advance(name, len(chunk))
    progress.finish(name)
    return hasher.hexdigest()
