"""`bom NAME-or-PATH…`: a bill of materials of models, as CycloneDX JSON."""

import argparse
import uuid
from pathlib import Path
from typing import Any

from cli.console import Console
from cli.described import Described
from cli.locked import Entry
from cli.lockfile import add_lock_file, pick, read
from cli.on_disk import Found, built, fetched
from cli.parser import Parser
from cli.sets import models_at
from common import VERSION
from common.digest import file_sha256
from common.errors import UsageError
from common.files import dump_json

SPEC_VERSION = "1.6"
SCHEMA = "http://cyclonedx.org/schema/bom-1.6.schema.json"
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "nix-ai-models")
_TOOL = {"type": "application", "name": "nix-ai-model", "version": VERSION}


def add(verbs: Parser) -> None:
    """Add the verb."""
    verb = verbs.add_verb(
        "bom",
        "print a CycloneDX bill of materials",
        description="Print a bill of materials (CycloneDX 1.6, machine-learning-model) of locked "
        "or built models, of Hugging Face caches and of manifests: where each model came from, its "
        "files by hash, its licence, what checked it. The same models give the same document.",
    )
    verb.add_argument(
        "targets", metavar="NAME-or-PATH", nargs="*", help="models (default: all that are locked)"
    )
    add_lock_file(verb)
    verb.set_defaults(run=run)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Run the verb."""
    models = read(arguments.lock_file)
    targets = arguments.targets or sorted(models)
    if not targets:
        raise UsageError("there is no model to describe", None, "nix-ai-model bom NAME-or-PATH")
    found = [model for target in targets for model in _models(target, models, arguments.lock_file)]
    console.answer_json(_document(found))
    return 0


def _models(target: str, models: dict[str, Entry], lock: Path) -> list[Described]:
    if target in models or not Path(target).exists():
        return [_locked(target, pick(models, target, lock))]
    return [_on_disk(found) for found in models_at(Path(target))]


def _locked(name: str, entry: Entry) -> Described:
    found = next(built(name, entry), None)
    places = found.files() if found else fetched(name, entry)
    locked = {path: (file.sha256, file.size) for path, file in entry.files.items()}
    hashes, meta = (found.hashes(), found.meta) if found else (locked, None)
    return Described(name, hashes, entry.source, entry.revision, places, meta, entry.locked_at)


def _on_disk(found: Found) -> Described:
    repo = found.source.attrs.get("repo") if found.source else None
    name = str((found.meta or {}).get("name") or repo or found.root.absolute().name)
    places = found.files()
    hashes = found.hashes() or {
        path: (file_sha256(local), local.stat().st_size) for path, local in places.items()
    }
    return Described(name, hashes, found.source, found.revision, places, found.meta)


def _document(models: list[Described]) -> dict[str, Any]:
    # Imported here: no other verb needs YAML.
    from cli.bom_component import component  # noqa: PLC0415

    components = [component(model, ref) for ref, model in _refs(models).items()]
    when = max((model.known_at for model in models), default="")
    listed = [each["bom-ref"] for each in components]
    data = {
        "metadata": ({"timestamp": when} if when else {}) | {"tools": {"components": [_TOOL]}},
        "components": components,
        "dependencies": [{"ref": ref} for ref in listed],
        "compositions": [{"aggregate": "complete", "assemblies": listed}],
    }
    # The same models give the same document: its number comes from what it says.
    serial = uuid.uuid5(_NAMESPACE, dump_json(data))
    return {
        "$schema": SCHEMA,
        "bomFormat": "CycloneDX",
        "specVersion": SPEC_VERSION,
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        **data,
    }


def _refs(models: list[Described]) -> dict[str, Described]:
    """Give every model a name of its own; one that was named twice comes once."""
    refs: dict[str, Described] = {}
    for model in models:
        same = [ref for ref, other in refs.items() if other == model]
        if not same:
            taken = sum(ref.partition("~")[0] == model.name for ref in refs)
            refs[f"{model.name}~{taken}" if taken else model.name] = model
    return refs
