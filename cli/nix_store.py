"""Nix's store, through Nix's own commands: what is valid, and adding content by its hash.

Adding by hash needs no trust, so an ordinary user may do it through a daemon.
Source: https://nix.dev/manual/nix/latest/command-ref/nix-store/add-fixed
"""

import functools
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from cli import nix_daemon
from common.errors import DiskError, ModelError
from common.secrets import mask

_BUSY = "is busy"
_BUSY_SECONDS = (0.1, 0.3, 1.0, 3.0)  # waits between attempts
_PATHS_A_CALL = 200  # so that an argument list never gets too long
_FETCHED = re.compile(r"^\s+(/\S+)$", re.MULTILINE)
_LOCAL_ROOT = re.compile(r"local\?(?:.*&)?root=([^&]+)")
NO_NIX = "https://nixos.org/download, or: nix-ai-model mirror export DIR (needs no Nix)"


def folder() -> str:
    """Give the store directory that is part of every path's hash."""
    return os.environ.get("NIX_STORE_DIR") or "/nix/store"


def call(*words: str, quiet: bool = True, fails: bool = False) -> subprocess.CompletedProcess[str]:
    """Run a command of Nix.

    Args:
        words: the command.
        quiet: keep what it says on stderr; otherwise it goes to the user's terminal.
        fails: whether a failure is an answer, too.

    Raises:
        ModelError: there is no Nix, or it fails.
    """
    stderr = subprocess.PIPE if quiet else None
    for seconds in (*_BUSY_SECONDS, 0.0):
        try:
            done = subprocess.run(
                words, stdout=subprocess.PIPE, stderr=stderr, text=True, check=False
            )
        except FileNotFoundError as error:
            raise ModelError("Nix is not installed", f"no {words[0]} on PATH", NO_NIX) from error
        # Nix gives up at once where another process is just making the store's database.
        if not (done.returncode and done.stderr and _BUSY in done.stderr):
            break
        time.sleep(seconds)
    if done.returncode and not fails:
        raise _failure(words, done.stderr or "")
    return done


def _failure(words: tuple[str, ...], stderr: str) -> ModelError:
    lines = [line.strip() for line in mask(stderr).splitlines() if line.strip()]
    said = next((line for line in reversed(lines) if line.startswith("error:")), "")
    said = said.removeprefix("error:").strip() or (lines[-1] if lines else "nothing")
    kind = DiskError if "No space left" in stderr else ModelError
    return kind(f"`{' '.join(words[:2])}` failed", said, "nix-ai-model doctor")


def setting(name: str) -> str:
    """Give a setting of Nix as text; empty where it has none."""
    value = _settings().get(name, {}).get("value", "")
    return " ".join(value) if isinstance(value, list) else str(value)


@functools.cache
def _settings() -> dict[str, Any]:
    words = ("nix", "--extra-experimental-features", "nix-command")
    for name in (("config", "show"), ("show-config",)):  # the second until Nix 2.20
        done = call(*words, *name, "--json", fails=True)
        if done.returncode == 0:
            return dict(json.loads(done.stdout))
    return {}


def real(path: str) -> Path:
    """Give where a store path is on this machine; a store of its own may be in another place."""
    chosen = setting("store")  # NIX_REMOTE is its default
    root = _LOCAL_ROOT.match(chosen)
    if root or chosen.startswith("/"):
        return Path(root[1] if root else chosen) / path.lstrip("/")
    return Path(path)


def place() -> Path:
    """Give the directory whose disk takes what is added to the store."""
    path = real(folder())
    while not path.exists():
        path = path.parent
    return path


def invalid(paths: Collection[str]) -> set[str]:
    """Give those of the store paths that are not there."""
    found: set[str] = set()
    for some in _batches(sorted(paths)):
        done = call("nix-store", "--check-validity", "--print-invalid", *some, fails=True)
        if done.returncode and not done.stdout:
            raise _failure(("nix-store", "--check-validity"), done.stderr)
        found.update(done.stdout.split())
    return found


def substitute(paths: Collection[str]) -> None:
    """Get store paths from the configured binary caches, where those have them."""
    if not setting("substituters"):
        return
    for some in _batches(sorted(paths)):
        asked = call("nix-store", "--realise", "--dry-run", *some, fails=True)
        there = sorted(set(_FETCHED.findall(asked.stderr)) & set(some))
        if there:
            call("nix-store", "--realise", *there, quiet=False, fails=True)


def add_file(path: Path) -> str:
    """Add a file under its base name and its sha256; give its store path."""
    try:
        return nix_daemon.add_flat(path, path.name)
    except nix_daemon.UnspokenError:
        return call("nix-store", "--add-fixed", "sha256", str(path)).stdout.strip()


def add_tree(path: Path) -> str:
    """Add a directory under its base name and its NAR hash; give its store path."""
    return call("nix-store", "--add-fixed", "--recursive", "sha256", str(path)).stdout.strip()


def add_root(path: str, link: Path) -> None:
    """Keep a store path from the garbage collector as long as a link is there."""
    link.parent.mkdir(parents=True, exist_ok=True)
    call("nix-store", "--realise", path, "--add-root", str(link), "--indirect")


def delete(paths: Iterable[str]) -> None:
    """Delete store paths that nothing refers to; others are left."""
    for some in _batches(sorted(paths)):
        call("nix-store", "--delete", *some, fails=True)


def present() -> bool:
    """Tell whether Nix is installed."""
    return shutil.which("nix-store") is not None


def _batches(paths: list[str]) -> Iterator[tuple[str, ...]]:
    for start in range(0, len(paths), _PATHS_A_CALL):
        yield tuple(paths[start : start + _PATHS_A_CALL])
