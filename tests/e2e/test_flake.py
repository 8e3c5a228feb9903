"""The flake, evaluated and built offline with a stand-in for nixpkgs."""

import json
import sys
from pathlib import Path

import pytest

from tests.hub import Hub, Repo
from tests.nix import ROOT, Nix

SYSTEMS = ["aarch64-darwin", "aarch64-linux", "x86_64-darwin", "x86_64-linux"]


class Flake:
    """The project's flake seen by `nix`, its nixpkgs replaced."""

    def __init__(self, nix: Nix, nixpkgs: Path) -> None:
        self.nix = nix
        self._override = ("--override-input", "nixpkgs", f"path:{nixpkgs}", "--no-write-lock-file")

    def run(self, *words: str, more: tuple[str, ...] = (), **environ: str) -> str:
        """Run a flake command; gives its output."""
        command = ("nix", *words, *self._override, "--offline", *more)
        result = self.nix.run(*command, **environ)
        assert result.returncode == 0, result.stderr
        return result.stdout

    def eval(self, attribute: str, function: str) -> object:
        """Evaluate an output through a function, to JSON data."""
        return json.loads(self.run("eval", "--json", f"{ROOT}#{attribute}", "--apply", function))


@pytest.fixture
def flake(nix: Nix, tmp_path: Path) -> Flake:
    nixpkgs = tmp_path / "nixpkgs"
    nixpkgs.mkdir()
    template = (ROOT / "tests/standin/flake.nix.in").read_text()
    (nixpkgs / "flake.nix").write_text(template.replace("@venv@", sys.prefix))
    return Flake(nix, nixpkgs)


def test_the_outputs_are_there_for_every_system(flake: Flake) -> None:
    for output in ("packages", "apps", "checks", "devShells", "formatter"):
        assert flake.eval(output, "builtins.attrNames") == SYSTEMS
    names = flake.eval("lib", "builtins.attrNames")
    expected = {"fetchModel", "fromLock", "fakeHash", "withPkgs", "withToolchain", *SYSTEMS}
    assert expected <= set(names)


def test_flake_check_passes(flake: Flake) -> None:
    flake.run("flake", "check", str(ROOT))


def _output(printed: str) -> str:
    """Read the store path out of what ``nix build --json`` prints."""
    return json.loads(printed)[0]["outputs"]["out"]


def test_the_command_runs_from_the_flake(flake: Flake) -> None:
    path = _output(flake.run("build", "--no-link", "--json", f"{ROOT}#nix-ai-model"))
    shown = flake.nix.loaded(f"{path}/bin/nix-ai-model", "--version")
    assert shown.returncode == 0, shown.stderr
    assert "0.1.0" in shown.stdout


def test_the_specifications_flake_builds(flake: Flake, tmp_path: Path) -> None:
    (tmp_path / "user").mkdir()
    (tmp_path / "user/flake.nix").write_text(
        """{
          inputs.nix-ai-models.url = "git+file:ROOT";
          outputs = { self, nix-ai-models }: {
            packages.x86_64-linux.default = nix-ai-models.lib.fetchModel {
              source.huggingface = { repo = "org/tiny"; revision = "main"; };
              fileHashes."config.json" = "sha256-RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o=";
            };
          };
        }""".replace("ROOT", str(ROOT))
    )
    override = flake._override[2]
    with Hub([Repo("org/tiny", files={"config.json": b"{}"})]) as hub:
        built = flake.nix.run(
            *("nix", "build", "--no-link", "--json", f"path:{tmp_path}/user"),
            *("--override-input", "nix-ai-models/nixpkgs", override),
            *("--no-write-lock-file", "--offline"),
            HF_ENDPOINT=hub.endpoint,
        )
    assert built.returncode == 0, built.stderr
    model = flake.nix.real(_output(built.stdout))
    assert (model / "config.json").is_symlink()
    assert (model / "hub/models--org--tiny/refs/main").exists()
