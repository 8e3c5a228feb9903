"""`list`: the locked models, and which of them Nix has built."""

import argparse
from typing import Any

from cli.console import Console, count, table
from cli.locked import Entry
from cli.lockfile import add_lock_file, read
from cli.on_disk import Found, built
from cli.parser import PROGRAM, Parser
from common.progress import show_bytes
from common.reference import show_reference

_REVISION_SHOWN = 12  # characters


def add(verbs: Parser) -> None:
    """Add the verb."""
    verb = verbs.add_verb("list", "show the locked models and what is built of them")
    verb.add_argument("--json", action="store_true", help="print JSON")
    add_lock_file(verb)
    verb.set_defaults(run=run)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Run the verb."""
    models = sorted(read(arguments.lock_file).items())
    facts = {name: describe(name, entry) for name, entry in models}
    if arguments.json:
        console.answer_json(facts)
    elif facts:
        console.answer(
            table(
                [["NAME", "SOURCE", "REVISION", "SIZE", "BUILT", "VERDICT"]]
                + [
                    [
                        name,
                        fact["reference"],
                        fact["revision"][:_REVISION_SHOWN],
                        show_bytes(fact["totalSize"]),
                        fact["built"] or "no",
                        fact["verdict"] or "-",
                    ]
                    for name, fact in facts.items()
                ]
            )
        )
    else:
        console.note(f"{arguments.lock_file} locks nothing; try: {PROGRAM} lock add NAME REF")
    return 0


def describe(name: str, entry: Entry) -> dict[str, Any]:
    """Give the facts of a locked model as JSON data; sizes in bytes."""
    found = next(built(name, entry), None)
    return {
        "reference": show_reference(entry.source),
        "revision": entry.revision,
        "lockedAt": entry.locked_at,
        "fileCount": len(entry.files),
        "totalSize": entry.size,
        "built": str(found.root) if found else None,
        "verdict": verdict(found) if found else None,
    }


def verdict(found: Found) -> str:
    """Say in a few words what validation said of a built model."""
    meta = found.meta or {}
    warnings = sum(finding["severity"] != "info" for finding in meta.get("findings", ()))
    outcome = f"passed with {count(warnings, 'warning')}" if warnings else "passed"
    return f"{outcome} ({meta.get('policy', 'unknown policy')})"
