"""`prefetch REF`: what to paste into Nix so that it builds."""

import argparse
from typing import Any

from cli.console import Console
from cli.download import hash_tree
from cli.expression import call_with_hash, call_with_lock
from cli.locked import check_name
from cli.parser import Parser
from cli.pin import look_up, pin, prefer_safetensors
from cli.source import add_options, default_name, pinned, read_source
from common.digest import to_sri
from common.errors import UsageError
from common.reference import show_reference

FORMATS = ("nix", "lock", "json")


def add(verbs: Parser) -> None:
    """Add the verb."""
    verb = verbs.add_verb(
        "prefetch",
        "resolve and pin a model, and print Nix code to paste",
        description="Resolve a reference to a commit, find the hash of every file, and print Nix "
        "code to paste. Files whose sha256 upstream publishes are not downloaded.",
    )
    verb.add_argument("reference", metavar="REF", help="for example huggingface:ORG/NAME@main")
    verb.add_argument(
        "--format", choices=FORMATS, default="nix", help="what to print (%(choices)s)"
    )
    verb.add_argument("--json", action="store_true", help="the same as --format json")
    verb.add_argument("--name", help="name of the model (default: from the reference)")
    verb.add_argument(
        "--tree-hash", action="store_true", help="download everything, print one hash for it all"
    )
    add_options(verb)
    verb.set_defaults(run=run)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Run the verb."""
    shape = "json" if arguments.json else arguments.format
    if arguments.tree_hash and shape == "lock":
        what = "a lock entry has a hash a file, and --tree-hash asks for one for all"
        raise UsageError(what, None, "--format nix --tree-hash, or --format lock alone")
    source = read_source(arguments.reference, arguments)
    name = check_name(arguments.name or default_name(source))
    snapshot = prefer_safetensors(look_up(source, console), console)
    source = pinned(snapshot.source, snapshot.revision)
    facts: dict[str, Any] = {
        "name": name,
        "reference": show_reference(source),
        "revision": snapshot.revision,
    }
    if arguments.tree_hash:
        digest = to_sri(hash_tree(snapshot, console))
        code, facts["hash"] = call_with_hash(name, source, digest), digest
    else:
        entry = pin(snapshot, console)
        code, facts["lock"] = call_with_lock(name, source, entry), entry.to_json()
        facts["totalSize"] = entry.size
    if shape == "nix":
        console.answer(code)
    else:
        console.answer_json(facts["lock"] if shape == "lock" else facts | {"expression": code})
    return 0
