"""`bom NAME-or-PATH…`: a bill of materials of models, as CycloneDX JSON."""

import argparse
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cli.console import Console
from cli.locked import Entry
from cli.lockfile import add_lock_file, pick, read
from cli.on_disk import Found, built, identify
from cli.parser import Parser
from common import VERSION
from common.errors import UsageError
from common.files import dump_json
from common.reference import Source, show_reference

SPEC_VERSION = "1.6"
SCHEMA = "http://cyclonedx.org/schema/bom-1.6.schema.json"
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "nix-ai-models")
_TASK = "pipeline_tag"


def add(verbs: Parser) -> None:
    """Add the verb."""
    verb = verbs.add_verb(
        "bom",
        "print a CycloneDX bill of materials",
        description="Print a bill of materials (CycloneDX 1.6, machine-learning-model) of locked "
        "or built models: where each came from, its files by hash, its licence, what checked it.",
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
    components = [_component(target, models, arguments.lock_file) for target in targets]
    console.answer(dump_json(_document(components)).rstrip())
    return 0


def _component(target: str, models: dict[str, Entry], lock: Path) -> dict[str, Any]:
    if target in models or not Path(target).exists():
        entry = pick(models, target, lock)
        found = next(built(target, entry), None)
        hashes = {path: (file.sha256, file.size) for path, file in entry.files.items()}
        return _describe(target, entry.source, entry.revision, hashes, found)
    found = identify(Path(target))
    name = str((found.meta or {}).get("name") or found.root.name)
    return _describe(name, found.source, found.revision, found.hashes(), found)


def _describe(
    name: str,
    source: Source | None,
    revision: str,
    hashes: Mapping[str, tuple[str, int]],
    found: Found | None,
) -> dict[str, Any]:
    files = [
        {
            "type": "file",
            "bom-ref": f"{name}/{path}",
            "name": path,
            "hashes": [{"alg": "SHA-256", "content": sha256}],
            "properties": [{"name": "nix-ai-models:size", "value": str(size)}],
        }
        for path, (sha256, size) in sorted(hashes.items())
    ]
    component = {
        "type": "machine-learning-model",
        "bom-ref": name,
        "name": name,
        "components": files,
        "properties": _properties(source, found),
        **({"version": revision} if revision else {}),
        **_purl(source, revision),
    }
    return component | (_card(found) if found else {})


def _purl(source: Source | None, revision: str) -> dict[str, str]:
    """Give the package URL, for models of the hub.

    Source: https://github.com/package-url/purl-spec/blob/main/types-doc/huggingface-definition.md
    """
    if (
        source is None
        or source.type != "huggingface"
        or source.attrs.get("kind", "model") != "model"
    ):
        return {}
    version = f"@{revision.lower()}" if revision else ""
    return {"purl": f"pkg:huggingface/{source.attrs['repo']}{version}"}


def _properties(source: Source | None, found: Found | None) -> list[dict[str, str]]:
    meta = (found.meta if found else None) or {}
    facts = {
        "source": show_reference(source) if source else None,
        "fetchedAt": meta.get("fetchedAt"),
        "policy": meta.get("policy"),
        **{
            f"check:{check['name']}": f"{check['outcome']} ({check['version']})"
            for check in meta.get("validators", ())
        },
        "findings": str(len(meta["findings"])) if "findings" in meta else None,
    }
    return [
        {"name": f"nix-ai-models:{name}", "value": str(value)}
        for name, value in facts.items()
        if value
    ]


def _card(found: Found) -> dict[str, Any]:
    # Imported here: no other verb needs YAML.
    from common.model_card import front_matter, licences  # noqa: PLC0415

    files = found.files()
    stated = [{"license": {"name": name}} for name in licences(files)]
    card = front_matter(files["README.md"]) if "README.md" in files else {}
    task = card.get(_TASK)
    parameters = {"task": task} if isinstance(task, str) else {}
    return ({"licenses": stated} if stated else {}) | {"modelCard": {"modelParameters": parameters}}


def _document(components: list[dict[str, Any]]) -> dict[str, Any]:
    # The same models give the same document: its number comes from what it says.
    serial = uuid.uuid5(_NAMESPACE, dump_json(components))
    tool = {"type": "application", "name": "nix-ai-model", "version": VERSION}
    return {
        "$schema": SCHEMA,
        "bomFormat": "CycloneDX",
        "specVersion": SPEC_VERSION,
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {"tools": {"components": [tool]}},
        "components": components,
    }
