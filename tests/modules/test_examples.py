"""The examples and templates evaluate, and the virtual machine's configuration with them."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.e2e.models import safetensors
from tests.hub import Hub, Repo
from tests.modules.evaluated import checkout, home, messages, nixos, nixpkgs_lib, value
from tests.nix import ROOT, Nix

EXAMPLES = ROOT / "examples/modules"
TEMPLATES = ("nixos", "project", "shell")


def test_the_nixos_example(nix: Nix) -> None:
    got = value(
        nix,
        nixos(f"import {EXAMPLES}/nixos.nix"),
        "{ vllm = config.systemd.services.vllm.environment; inherit (config.services) ollama; }",
    )
    assert got["vllm"]["PHI2_MODEL_PATH"] == "/var/cache/ai-models/models/phi-2"
    assert got["ollama"]["models"].endswith("-ai-models-ollama")


def test_the_home_manager_example(nix: Nix) -> None:
    got = value(
        nix, home(f"import {EXAMPLES}/home-manager.nix"), "map (p: p.name) config.home.packages"
    )
    assert got == ["nix-ai-model", "python3-with-minilm", "fetch-mixtral"]


def test_the_flake_parts_example(nix: Nix) -> None:
    parts = checkout("NIX_AI_MODELS_FLAKE_PARTS", "github:hercules-ci/flake-parts")
    got = nix.eval(
        f"""((import {ROOT}/tests/modules/perSystem.nix {{
          lib = {nixpkgs_lib()}; flakeParts = {parts}; library = lib;
        }}) {{
          imports = [ (import {EXAMPLES}/flake-parts.nix).perSystem ];
          _module.args.pkgs = {{ mkShell = shell: derivation {{
            name = "shell"; system = "x86_64-linux"; builder = "/bin/sh"; inherit (shell) shellHook;
          }}; }};
        }}).devShells.x86_64-linux.default.shellHook"""
    )
    assert "export PHI2_MODEL_PATH=" in got


def test_the_machine_of_the_virtual_test(nix: Nix) -> None:
    """The test itself needs nixpkgs; its configuration and its assumptions do not."""
    evaluated = nixos(
        f"builtins.removeAttrs ((import {ROOT}/tests/vm/nixos.nix {{ }}).nodes.machine) "
        '[ "imports" "users" "specialisation" ]'
    )
    assert messages(nix, evaluated) == []
    links = value(nix, evaluated, "builtins.attrNames config.systemd.services")
    assert links == ["ai-models", "reader"]
    model = f"({evaluated}).services.ai-models.models.tiny.package"
    path = nix.real(nix.build(model))
    assert (path / "hub/models--org--tiny/refs/main").is_file()


@pytest.fixture
def nixpkgs(tmp_path: Path) -> Path:
    """Stand in for nixpkgs, with as much of its library as the templates use."""
    folder = tmp_path / "nixpkgs"
    folder.mkdir()
    text = (ROOT / "tests/standin/flake.nix.in").read_text().replace("@venv@", sys.prefix)
    more = """lib = {
      nixosSystem = { modules, ... }: { config.system.build.toplevel = derivation {
        name = "m"; system = "x86_64-linux"; builder = "/bin/sh"; n = builtins.length modules;
      }; };
      genAttrs = names: f:
        builtins.listToAttrs (map (name: { inherit name; value = f name; }) names);
    };"""
    (folder / "flake.nix").write_text(text.replace("outputs = _: {", f"outputs = _: {{ {more}"))
    return folder


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_evaluates_with_a_locked_model(
    nix: Nix, nixpkgs: Path, tmp_path: Path, template: str
) -> None:
    project = tmp_path / "project"
    shutil.copytree(ROOT / "templates" / template, project)
    assert json.loads((project / "models.lock.json").read_text()) == {"version": 1, "models": {}}
    command = Command(tmp_path / "work")
    files = {"config.json": b"{}", "model.safetensors": safetensors(64)}
    with Hub([Repo("org/tiny", files=files)]) as hub:
        command.environment["HF_ENDPOINT"] = hub.endpoint
        lock = project / "models.lock.json"
        command.ok("lock", "add", "tiny", "hf:org/tiny", "--lock-file", lock)
        attribute = {
            "nixos": "nixosConfigurations.machine.config.system.build.toplevel.n",
            "project": "packages.x86_64-linux.default.name",
            "shell": "devShells.x86_64-linux.default.name",
        }[template]
        shown = nix.run(
            *("nix", "eval", "--raw", "--offline", "--no-write-lock-file"),
            *("--override-input", "nixpkgs", f"path:{nixpkgs}"),
            *("--override-input", "nix-ai-models", f"git+file:{ROOT}"),
            *(f"path:{project}#{attribute}", "--apply", "toString"),
        )
        assert shown.returncode == 0, shown.stderr
    assert shown.stdout == {"nixos": "2", "project": "app", "shell": "shell"}[template]


def test_the_templates_machine_takes_the_lock(nix: Nix) -> None:
    got = value(
        nix,
        nixos(f"import {ROOT}/templates/nixos/models.nix"),
        "config.users.groups.ai-models.members",
    )
    assert got == ["alice"]
