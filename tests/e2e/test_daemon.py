"""Gated models for an ordinary user of a multi-user Nix, whose token never reaches the daemon."""

import subprocess
from collections.abc import Iterator

import pytest

from tests.e2e.daemon import Daemon, Watch, daemon, need_root_and_nix
from tests.hub import Hub, Repo
from tests.nix import ROOT
from tests.weights import safetensors

TOKEN = "hf_in_the_users_environment_alone"
FILES = {"config.json": b"{}", "model.safetensors": safetensors(6 << 20)}
COMMAND = ROOT / "nix-ai-model"


@pytest.fixture
def private() -> Iterator[Daemon]:
    need_root_and_nix()
    with daemon() as private:
        yield private


@pytest.mark.nix
def test_fetch_as_the_user_then_build_without_a_network(private: Daemon) -> None:
    repo = Repo("org/gated", files=FILES, gated="auto", tokens=(TOKEN,))
    logs = []
    with Hub([repo]) as hub, Watch(TOKEN) as watch:
        mine = {"HF_ENDPOINT": hub.endpoint, "HF_TOKEN": TOKEN}
        locked = private.run(COMMAND, "lock", "add", "gated", "hf:org/gated", **mine)
        assert locked.returncode == 0, locked.stderr
        lock = private.home / "models.lock.json"
        model = f'(lib.fetchModel {{ name = "gated"; lock = {lock};'
        # HF_ENDPOINT does not reach the builder either, so the source names it.
        direct = private.build(
            f"""{model} source.huggingface = {{
              repo = "org/gated"; revision = "main"; endpoint = "{hub.endpoint}";
            }}; }})""",
            **mine,
        )
        assert direct.returncode != 0
        assert "org/gated@main is gated, and no token was found" in direct.stderr
        assert "nix-ai-model fetch NAME as yourself" in direct.stderr
        doctor = private.run(COMMAND, "doctor", **mine)
        assert "builds run in the daemon's environment, where your variables are not" in (
            doctor.stdout
        )
        assert "nobody is not trusted by the daemon, and need not be" in doctor.stdout
        fetched = private.run(COMMAND, "fetch", "gated", **mine)
        assert fetched.returncode == 0, fetched.stderr
        assert "downloaded" in fetched.stdout
        logs += [locked, direct, doctor, fetched]
    built = private.build(f"{model} }})")
    assert built.returncode == 0, built.stderr
    assert "hub" in private.run("ls", built.stdout.strip()).stdout.split()
    assert watch.daemons > 0
    assert watch.found == set()
    for log in [*logs, built]:
        assert TOKEN not in log.stdout + log.stderr
    (private.home / "environment").unlink()  # the test's own stand-in for the user's shell
    found = subprocess.run(
        ["grep", "-rlaF", TOKEN, str(private.state)], capture_output=True, text=True, check=False
    )
    assert found.stdout == ""
