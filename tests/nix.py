"""Real Nix for tests: a private store a test, and `lib` in scope of every expression."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
BUILD_SECONDS = 300


class Nix:
    """Nix with a private store below `state`; expressions see this project's library as `lib`."""

    def __init__(self, state: Path, environ: Mapping[str, str] | None = None) -> None:
        self.state = state
        self.environ = {
            **os.environ,
            **(environ or {}),
            "NIX_AI_MODELS_NIX_STATE": str(state),
        }

    def real(self, path: str | Path) -> Path:
        """Give the place on disk of a path of the store."""
        return self.state / "store" / str(path).lstrip("/")

    def run(self, *command: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run any command with this Nix; the result's texts hold what it printed."""
        return subprocess.run(
            [str(ROOT / "scripts/with-nix"), *command],
            env=self.environ | environ,
            capture_output=True,
            text=True,
            timeout=BUILD_SECONDS,
            check=False,
        )

    def build(self, expression: str, *options: str, **environ: str) -> str:
        """Build an expression and give its store path; a failure shows the log."""
        result = self.run(*self._nix_build(expression, *options), **environ)
        assert result.returncode == 0, result.stderr
        return result.stdout.split()[-1]

    def build_fails(self, expression: str, *options: str, **environ: str) -> str:
        """Build an expression that must fail; give the log, and see that no output was left."""
        result = self.run(*self._nix_build(expression, *options), **environ)
        assert result.returncode != 0, f"built: {result.stdout}"
        assert "Traceback" not in result.stderr
        return result.stderr

    def rebuild(self, expression: str, **environ: str) -> None:
        """Build again and compare bit by bit with what is in the store."""
        self.build(expression, **environ)
        self.build(expression, "--check", **environ)

    def eval(self, expression: str, **environ: str) -> Any:
        """Evaluate an expression to JSON data."""
        result = self.run(*self._instantiate(expression), **environ)
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    def eval_fails(self, expression: str, **environ: str) -> str:
        """Evaluate an expression that must fail; give the error."""
        result = self.run(*self._instantiate(expression), **environ)
        assert result.returncode != 0, f"gave: {result.stdout}"
        return result.stderr

    def outputs(self) -> list[str]:
        """Give the base names of everything in the store but derivations and sources."""
        store = self.real("/nix/store")
        names = sorted(path.name for path in store.iterdir()) if store.exists() else []
        kept = [name for name in names if not name.startswith(".") and not name.endswith(".drv")]
        return [name for name in kept if not name.endswith(("-nix-ai-models-python", ".lock"))]

    def loaded(self, *command: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run a command that sees the private store at /nix; see `scripts/with-store`."""
        return subprocess.run(
            [str(ROOT / "scripts/with-store"), *command],
            env=self.environ | environ,
            capture_output=True,
            text=True,
            timeout=BUILD_SECONDS,
            check=False,
        )

    def words(self, *command: str) -> tuple[str, ...]:
        """Give the words of a command whose last one is an expression that may say `lib`."""
        return (*command[:-1], "-E", with_lib(command[-1]))

    def _nix_build(self, expression: str, *options: str) -> tuple[str, ...]:
        return ("nix-build", "--no-out-link", *options, "-E", with_lib(expression))

    def expression(self, expression: str) -> str:
        """Give the whole text of an expression in which `lib` is in scope."""
        return with_lib(expression)

    def _instantiate(self, expression: str) -> tuple[str, ...]:
        return ("nix-instantiate", "--eval", "--strict", "--json", "-E", with_lib(expression))


def nix_says(state: Path, *command: str, **settings: Any) -> str:
    """Give what a Nix command prints, run with a state of its own and never with the machine's."""
    environ = os.environ | {"NIX_AI_MODELS_NIX_STATE": str(state)}
    done = subprocess.run(
        [str(ROOT / "scripts/with-nix"), *command],
        env=environ,
        capture_output=True,
        text=True,
        check=True,
        **settings,
    )
    return done.stdout.strip()


def with_lib(expression: str) -> str:
    """Put `lib` into the scope of an expression."""
    toolchain = f'import {ROOT}/lib/toolchains/host.nix {{ python = builtins.getEnv "{PYTHON}"; }}'
    return f"let lib = import {ROOT} {{ toolchain = {toolchain}; }}; in {expression}"


PYTHON = "NIX_AI_MODELS_PYTHON"


def need_nix() -> None:
    """Skip, with the reason, where there is no Nix."""
    if not shutil.which("nix-build"):
        pytest.skip("Nix is not installed (scripts/setup installs it on Debian)")
