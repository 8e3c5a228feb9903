"""Calls of `fetchModel` as Nix code to paste."""

from collections.abc import Mapping
from typing import Any

from cli.locked import Entry
from cli.nix_text import to_nix
from common.digest import to_sri
from common.reference import Source

FUNCTION = "nix-ai-models.lib.fetchModel"


def call_with_hash(name: str, source: Source, digest: str) -> str:
    """Write the call that pins a model by one hash (SRI, of the NAR of the whole tree)."""
    return _call(name, source, {"hash": digest})


def call_with_lock(name: str, source: Source, entry: Entry) -> str:
    """Write the call that pins a model file by file."""
    small = {("small", "hash"): to_sri(entry.small)} if entry.small else {}
    files = {path: file.to_json() for path, file in sorted(entry.files.items())}
    revision = {"revision": entry.revision} if entry.revision else {}
    lock: dict[Any, Any] = {**revision, **small, "files": files}
    return _call(name, source, {"lock": lock})


def _call(name: str, source: Source, integrity: Mapping[str, Any]) -> str:
    arguments: dict[Any, Any] = {
        "name": name,
        ("source", source.type): dict(source.attrs),
        **integrity,
    }
    return f"{FUNCTION} {to_nix(arguments)}"
