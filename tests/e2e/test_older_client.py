"""The same with huggingface_hub 1.x, in an environment of its own."""

import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.e2e.models import safetensors
from tests.hub import Hub, Repo
from tests.nix import ROOT, Nix

CLIENT = "huggingface_hub==1.33.0"
ENVIRONMENT = ROOT / ".build/huggingface-hub-1"
FILES = {
    "config.json": b'{"model_type": "bert"}',
    "deep/vocab.txt": b"a\nb\n",
    "model.safetensors": safetensors(2 << 20),
}


@pytest.fixture(scope="module")
def python() -> Path:
    """An interpreter with the older client; made once, where PyPI can be reached."""
    found = ENVIRONMENT / "bin/python3"
    ENVIRONMENT.parent.mkdir(exist_ok=True)
    with ENVIRONMENT.with_suffix(".turn").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not (ENVIRONMENT / "whole").exists():
            subprocess.run([sys.executable, "-m", "venv", "--clear", ENVIRONMENT], check=True)
            install = [found, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
            packages = [CLIENT, "requests", "safetensors"]
            done = subprocess.run([*install, *packages], stderr=subprocess.PIPE, check=False)
            if done.returncode:
                reason = done.stderr.decode().strip().splitlines()[-1]
                pytest.skip(f"{CLIENT} cannot be installed: {reason}")
            (ENVIRONMENT / "whole").touch()
    return found


@pytest.fixture
def older(command: Command, python: Path) -> Command:
    command.environment["NIX_AI_MODELS_PYTHON"] = str(python)
    return command


def test_it_is_the_older_client(python: Path) -> None:
    show = "import huggingface_hub; print(huggingface_hub.__version__)"
    done = subprocess.run([python, "-c", show], stdout=subprocess.PIPE, check=True)
    assert f"huggingface_hub=={done.stdout.decode().strip()}" == CLIENT


def test_both_clients_pin_the_same(hub: Hub, older: Command) -> None:
    hub.page_size = 2
    hub.put(Repo("org/tiny", files=FILES, revisions={"refs/pr/1": {"config.json": b"{}"}}))
    for reference in ("hf:org/tiny", "hf:org/tiny@refs/pr/1"):
        with_older = older.ok("prefetch", reference).out
        with_newer = older.ok("prefetch", reference, env={"NIX_AI_MODELS_PYTHON": sys.executable})
        assert with_older == with_newer.out


@pytest.mark.parametrize(
    ("reference", "text"),
    [
        ("hf:org/none", "does not exist, or is private"),
        ("hf:org/tiny@v9", "no revision 'v9'"),
        ("hf:org/gated", "is gated"),
    ],
)
def test_its_errors_are_worded_alike(hub: Hub, older: Command, reference: str, text: str) -> None:
    hub.put(Repo("org/tiny", files=FILES))
    hub.put(Repo("org/gated", files=FILES, gated="auto", tokens=("hf_x",)))
    result = older("prefetch", reference)
    assert result.status == 1
    assert text in result.err
    assert "\ntry: " in result.err


def test_a_whole_tree_is_built_with_it(nix: Nix, hub: Hub, python: Path) -> None:
    hub.put(Repo("org/tiny", files=FILES))
    nix.environ["NIX_AI_MODELS_PYTHON"] = str(python)
    raw = '(lib.fetchModel {{ source = "hf:org/tiny"; hash = {}; }}).raw'
    log = nix.build_fails(raw.format("lib.fakeHash"), HF_ENDPOINT=hub.endpoint)
    real = log.partition("got:")[2].split()[0]
    path = nix.real(nix.build(raw.format(f'"{real}"'), HF_ENDPOINT=hub.endpoint))
    assert {name: (path / name).read_bytes() for name in FILES} == FILES
