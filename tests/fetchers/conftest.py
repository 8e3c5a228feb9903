"""What the tests of every source share: the command, and models that it locked."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.nix import Nix
from tests.servers.base import ROOT

KEPT = ("PATH", "LANG", "NIX_AI_MODELS_PYTHON")


class Command:
    """The launcher in a directory of its own, with a clean environment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "home").mkdir(parents=True)
        (folder / "temporary").mkdir()
        self.lock_file = folder / "models.lock.json"

    def run(self, *words: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run a verb; nothing temporary may stay."""
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        own = {"HOME": str(self.folder / "home"), "TMPDIR": str(self.folder / "temporary")}
        done = subprocess.run(
            [str(ROOT / "nix-ai-model"), *map(str, words)],
            cwd=self.folder,
            env=kept | own | environ,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        assert not list((self.folder / "temporary").iterdir()), "temporary files were left behind"
        return done

    def ok(self, *words: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run a verb that must succeed."""
        done = self.run(*words, **environ)
        assert done.returncode == 0, done.stderr
        return done

    def fails(self, *words: str | Path, **environ: str) -> str:
        """Run a verb that must fail; give what it says."""
        done = self.run(*words, **environ)
        assert done.returncode != 0, done.stdout
        return done.stderr

    def lock(self, source: str | dict[str, Any], name: str = "model", **environ: str) -> str:
        """Lock a source; give the Nix text of a call that builds it."""
        self.ok("lock", "add", name, as_reference(source), "--force", **environ)
        return f'(lib.fetchModel {{ name = "{name}"; lock = {self.lock_file}; }})'

    def entry(self, name: str = "model") -> dict[str, Any]:
        """Give what is locked under a name."""
        return json.loads(self.lock_file.read_text())["models"][name]

    def tree_hash(self, source: str | dict[str, Any], **environ: str) -> str:
        """Give the hash of the whole tree of a source."""
        words = ("prefetch", as_reference(source), "--tree-hash", "--json")
        return json.loads(self.ok(*words, **environ).stdout)["hash"]


def as_reference(source: str | dict[str, Any]) -> str:
    """Write a source with all its attributes as one word."""
    return source if isinstance(source, str) else json.dumps(source)


def content(nix: Nix, path: str) -> bytes:
    """Read a file of the private store, whose links lead to /nix/store."""
    place = nix.real(path)
    while place.is_symlink():
        target = place.readlink()
        place = nix.real(target) if target.is_absolute() else place.parent / target
    return place.read_bytes()


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """The command as users run it."""
    return Command(tmp_path / "command")


@pytest.fixture(scope="session")
def to_nix() -> Callable[[Any], str]:
    """Write JSON data as Nix text."""
    return lambda data: (
        f"(builtins.fromJSON {json.dumps(json.dumps(data)).replace('${', chr(92) + '${')})"
    )
