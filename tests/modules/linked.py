"""A cache directory, models to link into it, and the command that does it, in a process."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.nix import ROOT

ORDINARY = 1234  # a user id that is neither root nor anybody


class Place:
    """A directory with pretended store paths, a cache and a state file."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.cache = root / "cache"
        self.hub = self.cache / "hub"
        self.state = root / "state/links.json"
        (root / "store").mkdir()

    def model(self, name: str) -> Path:
        """Make a store path that is a model."""
        path = self.root / "store" / name
        path.mkdir(exist_ok=True)
        (path / "config.json").write_text(name)
        return path

    def link(self, name: str, target: Path | None = None) -> dict[str, str]:
        """Give a link of a manifest."""
        target = target or self.model(f"{name}-1")
        return {"path": str(self.hub / name), "target": str(target), "model": name}

    def manifest(self, *links: dict[str, str], **more: Any) -> Path:
        """Write a manifest, each under a name of its own."""
        path = self.root / f"manifest-{len(list(self.root.iterdir()))}.json"
        data = {"version": 1, "state": str(self.state), "links": list(links)}
        path.write_text(json.dumps(data | more))
        return path

    def names(self) -> list[str]:
        """List the cache, hidden files too."""
        return sorted(path.name for path in self.hub.iterdir()) if self.hub.exists() else []


def command(manifest: Path, *options: str) -> list[str]:
    """Give the words that run `link`."""
    return [sys.executable, "-P", "-m", "cli", "link", "--manifest", str(manifest), *options]


def environ() -> dict[str, str]:
    """Give an environment that has what the command needs, and no home."""
    return {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}


def run(manifest: Path, *options: str, user: int | None = None) -> subprocess.CompletedProcess[str]:
    """Run `link`, perhaps as another user."""
    prefix = (
        [] if user is None else ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
    )
    done = subprocess.run(
        [*prefix, *command(manifest, *options)],
        env=environ(),
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done


def linked(manifest: Path, *options: str, user: int | None = None) -> str:
    """Run `link`, which must succeed; gives what it says."""
    done = run(manifest, *options, user=user)
    assert done.returncode == 0, done.stderr
    return done.stdout
