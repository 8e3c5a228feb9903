"""The command and Nix on one private store."""

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.nix import ROOT, Nix


class Command:
    """The command with the private store of `nix`."""

    def __init__(self, nix: Nix, folder: Path, endpoint: str) -> None:
        self.nix, self.folder, self.lock = nix, folder, folder / "models.lock.json"
        self.cache = folder / "partial"
        folder.mkdir()
        home = folder / "home"
        home.mkdir()
        self.environ = {"HF_ENDPOINT": endpoint, "HOME": str(home), "NETRC": "/nonexistent"}

    def __call__(self, *words: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
        done = self.nix.run(*self.words(*words), **(self.environ | environ))
        assert "Traceback" not in done.stderr or "--debug" in words, done.stderr
        return done

    def ok(self, *words: str | Path, **environ: str) -> str:
        done = self(*words, **environ)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def call(self, *words: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
        """Call the command with these words alone."""
        done = self.nix.run(str(ROOT / "nix-ai-model"), *map(str, words), **self.environ, **environ)
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def without_lock(self, *words: str | Path, **environ: str) -> str:
        """Call a verb that takes no lock file."""
        done = self.call(*words, **environ)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def words(self, *words: str | Path) -> list[str]:
        at = ["--lock-file", str(self.lock)]
        more = ["--cache-dir", str(self.cache)] if words[0] == "fetch" else []
        return [str(ROOT / "nix-ai-model"), *map(str, words), *at, *more]

    def add(self, name: str, reference: str, **environ: str) -> None:
        self.ok("lock", "add", name, reference, **environ)

    def fetched(self, *words: str | Path, **environ: str) -> Any:
        return json.loads(self.ok("fetch", *words, "--json", **environ))["models"]

    def model(self, name: str = "tiny") -> str:
        """Give the expression of a locked model."""
        return f'(lib.fetchModel {{ name = "{name}"; lock = {self.lock}; }})'
