"""`doctor` says what will not work, and how to mend it."""

from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.hub import Hub
from tests.nix import need_nix


@pytest.fixture(autouse=True)
def nix(command: Command, tmp_path: Path) -> None:
    need_nix()
    (tmp_path / "conf").mkdir()
    settings = f"store = {tmp_path}/nix\nsandbox = false\nsubstituters =\n"
    (tmp_path / "conf/nix.conf").write_text(settings)
    command.environment["NIX_CONF_DIR"] = str(tmp_path / "conf")
    del command.environment["NIX_STORE_DIR"]


def findings(command: Command, *words: str, status: int = 0, **environ: str) -> dict[str, dict]:
    result = command("doctor", "--json", *words, env=environ)
    assert result.status == status, result.err + result.out
    return {finding["subject"]: finding for finding in result.json["findings"]}


def test_a_machine_that_is_well(command: Command, hub: Hub) -> None:
    hub.tokens["hf_good"] = "read"
    found = findings(command, HF_TOKEN="hf_good")
    assert found["token"]["level"] == "ok"
    assert found["token"]["says"] == "the one of $HF_TOKEN is tester's, role read"
    assert found["hub"]["level"] == "ok"
    assert found["nix"]["says"].startswith("nix-store (Nix) ")
    assert "builds run as you" in found["store"]["says"]
    assert found["sandbox"]["mend"] == "sandbox = true in nix.conf"
    assert found["HF_ENDPOINT"]["level"] == "note"


@pytest.mark.parametrize(
    ("role", "level", "says"),
    [
        (None, "problem", "is not valid (expired or revoked)"),
        ("write", "warning", "role write: it may write"),
        ("fineGrained", "warning", "it cannot read gated repositories"),
    ],
)
def test_tokens(command: Command, hub: Hub, role: str | None, level: str, says: str) -> None:
    if role:
        hub.tokens["hf_some"] = role
    found = findings(command, HF_TOKEN="hf_some", status=1 if level == "problem" else 0)
    assert found["token"]["level"] == level
    assert says in found["token"]["says"]
    assert found["token"]["mend"]


def test_no_hub(command: Command) -> None:
    found = findings(command, status=1)
    assert found["hub"]["level"] == "problem"
    assert "does not answer" in found["hub"]["says"]
    assert "hub" not in findings(command, "--offline")


@pytest.mark.parametrize("name", ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "TRANSFORMERS_CACHE"])
def test_variables_that_surprise(command: Command, name: str) -> None:
    found = findings(command, "--offline", **{name: "1"})
    assert found[name]["level"] == "warning"
    assert f"unset {name}" in found[name]["mend"]


def test_files_that_others_can_read(command: Command) -> None:
    home = Path(command.environment["HOME"])
    (home / ".cache/huggingface").mkdir(parents=True)
    token = home / ".cache/huggingface/token"
    token.write_text("hf_in_a_file")
    token.chmod(0o644)
    (home / ".netrc").write_text("machine a login b password c")
    (home / ".netrc").chmod(0o644)
    result = command.ok("doctor", "--offline")
    assert f"every user can read the token in {token}" in result.out
    assert f"try: chmod o= {token}" in result.out
    assert f"try: chmod 600 {home}/.netrc" in result.out
    assert "hf_in_a_file" not in result.out + result.err


def test_without_nix(command: Command, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    for name in ("sh", "env", "dirname", "readlink", "python3"):
        (tmp_path / "bin" / name).symlink_to(Path("/usr/bin") / name)
    found = findings(command, "--offline", PATH=str(tmp_path / "bin"), status=1)
    assert found["nix"]["level"] == "problem"
    assert "https://nixos.org/download" in found["nix"]["mend"]


def test_a_store_that_cannot_be_used(command: Command) -> None:
    conf = Path(command.environment["NIX_CONF_DIR"]) / "nix.conf"
    conf.write_text("store = unix:///nowhere/socket\n")
    found = findings(command, "--offline", status=1)
    assert found["store"]["level"] == "problem"
    assert "cannot be used" in found["store"]["says"]
