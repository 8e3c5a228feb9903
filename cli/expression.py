"""Calls of `fetchModel` as Nix code to paste."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cli.locked import Entry
from cli.nix_text import Raw, to_nix, to_string
from common.digest import to_sri
from common.reference import Source

_PLAIN_PATH = re.compile(r"(/[A-Za-z0-9._+-]+)+")
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
    attrs = dict(source.attrs)
    if source.type == "local":
        attrs["path"] = _path(Path(attrs["path"]))
    arguments: dict[Any, Any] = {"name": name, ("source", source.type): attrs, **integrity}
    return f"{FUNCTION} {to_nix(arguments)}"


def _path(path: Path) -> Raw:
    """Write a path so that flakes take it: relative to the Nix file, where that lies above it."""
    if not path.is_relative_to(Path.cwd()):
        return Raw(to_string(str(path)))
    relative = f"/{path.relative_to(Path.cwd())}"
    plain = _PLAIN_PATH.fullmatch(relative)
    return Raw(f".{relative}" if plain else f"./. + {to_string(relative)}")
