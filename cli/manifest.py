"""The manifest that the modules write: what should be where, as JSON that `link` applies.

::

    { "version": 1,
      "state": "/var/lib/nix-ai-models/links.json",
      "directories": [ { "path": "/var/cache/ai-models", "mode": "0750", "group": "ai-models" } ],
      "links": [ { "path": "…/hub/models--ORG--NAME", "target": "/nix/store/…", "model": "name" } ],
      "roots": [ { "path": "…/roots/name", "target": "/nix/store/…", "model": "name" } ],
      "environment": { "path": "…/environment", "variables": { "HF_HUB_OFFLINE": "1" } } }

A path may begin with ``~/``, the home of whoever applies the manifest.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import ModelError

VERSION = 1
_KEYS = {"version", "state", "directories", "links", "roots", "environment"}
_MODE = re.compile(r"0?[0-7]{3,4}")
_PLAIN = re.compile(r"[A-Za-z0-9_@%+=:,./-]*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Directory:
    """A directory to have.

    Attributes:
        path: absolute.
        mode: permission bits; None leaves those of a directory that is there alone.
        owner: name of a user; None likewise.
        group: name of a group; None likewise.
    """

    path: Path
    mode: int | None = None
    owner: str | None = None
    group: str | None = None


@dataclass(frozen=True)
class Link:
    """A symbolic link to have; `root` asks Nix to keep what it leads to."""

    path: Path
    target: str
    model: str
    root: bool = False


@dataclass(frozen=True)
class Manifest:
    """Everything that should be in place, and the file in which `link` remembers what it made."""

    state: Path
    directories: tuple[Directory, ...] = ()
    links: tuple[Link, ...] = ()
    environment: Path | None = None
    variables: Mapping[str, str] | None = None

    def environment_text(self) -> str:
        """Give the variables as a file that systemd, POSIX shells and `env` files can read."""
        variables = self.variables or {}
        return "".join(f"{name}={_quote(variables[name])}\n" for name in sorted(variables))


def read(file: Path) -> Manifest:
    """Read a manifest.

    Raises:
        ModelError: when it is none, of another version, or asks for one path twice.
    """
    data = _load(file)
    if data.get("version") != VERSION:
        remedy = "the nix-ai-model of the same version as the module that wrote it"
        what = f"{file} is no manifest of version {VERSION}"
        raise ModelError(what, f"version {data.get('version')!r}", remedy)
    try:
        manifest = _manifest(data)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"{file} is no manifest", str(error), "nixos-rebuild switch") from error
    _no_path_twice(file, manifest)
    return manifest


def _load(file: Path) -> dict[str, Any]:
    try:
        data = json.loads(file.read_text("utf-8"))
    except OSError as error:
        raise ModelError(f"cannot read the manifest {file}", error.strerror) from error
    except ValueError as error:
        raise ModelError(f"{file} is no JSON", str(error), "nixos-rebuild switch") from error
    if not isinstance(data, dict):
        raise ModelError(f"{file} is no manifest", "JSON that is no object")
    return data


def _manifest(data: dict[str, Any]) -> Manifest:
    if unknown := sorted(set(data) - _KEYS):
        raise ValueError(f"the unknown key {unknown[0]!r}")
    environment = data.get("environment")
    links = [_link(link) for link in data.get("links", ())]
    roots = [_link(link, root=True) for link in data.get("roots", ())]
    return Manifest(
        _path(data["state"]),
        tuple(_directory(**directory) for directory in data.get("directories", ())),
        tuple(links + roots),
        _path(environment["path"]) if environment else None,
        {_variable(k): str(v) for k, v in environment["variables"].items()}
        if environment
        else None,
    )


def _directory(
    path: str, mode: str | None = None, owner: str | None = None, group: str | None = None
) -> Directory:
    if mode is not None and not _MODE.fullmatch(mode):
        raise ValueError(f"the mode {mode!r}")
    return Directory(_path(path), None if mode is None else int(mode, 8), owner, group)


def _link(data: Mapping[str, str], *, root: bool = False) -> Link:
    return Link(_path(data["path"]), str(_path(data["target"])), data["model"], root)


def _path(text: str) -> Path:
    path = Path(text).expanduser() if text.startswith("~/") else Path(text)
    if not path.is_absolute() or ".." in path.parts:
        raise ValueError(f"the path {text!r}, which is not absolute")
    return path


def _variable(name: str) -> str:
    if not _VARIABLE.fullmatch(name):
        raise ValueError(f"the variable {name!r}")
    return name


def _quote(value: str) -> str:
    if _PLAIN.fullmatch(value):
        return value
    escaped = re.sub(r'(["\\`$])', r"\\\1", value)
    return f'"{escaped}"'


def _no_path_twice(file: Path, manifest: Manifest) -> None:
    seen: dict[Path, str] = {}
    for link in manifest.links:
        if link.path in seen:
            got = f"{link.path} for {seen[link.path]} and for {link.model}"
            raise ModelError(f"{file} has one path for two models", got)
        seen[link.path] = link.model
