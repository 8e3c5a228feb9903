"""`info NAME-or-REF-or-PATH`: everything that is known of one model."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cli import list as list_
from cli.console import Console, table
from cli.locked import Entry
from cli.lockfile import add_lock_file, read
from cli.on_disk import Found, checks_of, fetched, identify
from cli.parser import PROGRAM, Parser, did_you_mean
from cli.pin import look_up
from cli.scan_text import check_lines, findings_text
from cli.source import add_options, is_reference, read_source
from common.digest import to_sri
from common.errors import UsageError
from common.findings import CheckResult, Finding
from common.progress import show_bytes
from common.reference import show_reference
from fetchers.base import Snapshot


def add(verbs: Parser) -> None:
    """Add the verb."""
    verb = verbs.add_verb(
        "info",
        "show what is known of a model",
        description="Show what is known of a locked model, of a model on disk, or, for a "
        "reference, of a model upstream. A locked model of that name comes first.",
    )
    verb.add_argument("target", metavar="NAME-or-REF-or-PATH", help="the model")
    verb.add_argument("--json", action="store_true", help="print JSON")
    add_lock_file(verb)
    add_options(verb)
    verb.set_defaults(run=run)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Run the verb."""
    facts = _facts(arguments, console)
    if arguments.json:
        console.answer_json(facts)
        return 0
    files, checks = facts.pop("files"), facts.pop("validators", None)
    findings = facts.pop("findings", None) or ()
    rows = [[f"{name}:", _show(name, value)] for name, value in facts.items() if value is not None]
    console.answer(table(rows))
    if checks is not None:
        results = [CheckResult.from_json(check) for check in checks]
        console.answer("\n".join(["checks:", *check_lines(results, console.width)]))
    if findings:
        found = [Finding.from_json(finding) for finding in findings]
        console.answer(findings_text(found, console.width))
    _list_files(files, console)
    return 0


def _list_files(files: Mapping[str, Mapping[str, Any]], console: Console) -> None:
    rows = [[path, _size(fact["size"]), fact.get("sha256") or "-"] for path, fact in files.items()]
    console.answer(table([["FILE", "SIZE", "SHA256"], *rows], "  "))


def _size(size: int | None) -> str:
    return "size unknown" if size is None else show_bytes(size)


def _show(name: str, value: Any) -> str:
    if name in ("totalSize", "toDownload", "toHash"):
        return f"{show_bytes(value)} ({value} bytes)"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return str(value)


def _facts(arguments: argparse.Namespace, console: Console) -> dict[str, Any]:
    target = arguments.target
    models = read(arguments.lock_file)
    if target in models:
        return _locked(target, models[target])
    if is_reference(target):
        return _upstream(look_up(read_source(target, arguments), console))
    if Path(target).exists():
        return _on_disk(identify(Path(target)))
    got = f"{target!r}{did_you_mean(target, models)}"
    what = f"this is no reference, no file, and no model of {arguments.lock_file}"
    raise UsageError(what, got, f"{PROGRAM} list, or {PROGRAM} info huggingface:ORG/NAME")


def _locked(name: str, entry: Entry) -> dict[str, Any]:
    present = fetched(name, entry)
    files = {path: file.to_json() for path, file in entry.files.items()}
    for path, place in present.items():
        files[path]["storePath"] = str(place)
    missing = sum(file.size for path, file in entry.files.items() if path not in present)
    facts = {"name": name} | list_.describe(name, entry)
    return facts | {"toDownload": missing, "files": dict(sorted(files.items()))}


def _upstream(snapshot: Snapshot) -> dict[str, Any]:
    hidden = [file for file in snapshot.files if file.sha256 is None]
    return {
        "reference": show_reference(snapshot.source),
        "revision": snapshot.revision,
        "fileCount": len(snapshot.files),
        "totalSize": sum(file.size or 0 for file in snapshot.files),
        "toHash": sum(file.size or 0 for file in hidden),
        "files": {
            file.path: {"size": file.size}
            | ({"sha256": to_sri(file.sha256)} if file.sha256 else {})
            for file in snapshot.files
        },
    }


def _on_disk(found: Found) -> dict[str, Any]:
    meta, known = found.meta or {}, found.hashes()
    sizes = {path: place.stat().st_size for path, place in sorted(found.files().items())}
    return {
        "name": meta.get("name"),
        "path": str(found.root.absolute()),
        "reference": show_reference(found.source) if found.source else None,
        "revision": found.revision or None,
        "fetchedAt": meta.get("fetchedAt"),
        "hash": meta.get("hash"),
        "fileCount": len(sizes),
        "totalSize": sum(sizes.values()),
        "licenses": meta.get("licenses"),
        "verdict": list_.verdict(found) if found.meta else None,
        "ignoredFiles": meta.get("ignoredFiles") or None,
        "validators": checks_of(meta) if found.meta else None,
        "findings": meta.get("findings"),
        "files": {
            path: {"size": size} | ({"sha256": to_sri(known[path][0])} if path in known else {})
            for path, size in sizes.items()
        },
    }
