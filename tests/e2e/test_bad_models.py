"""Bad models: each refused with file, reason and remedy, never loaded, and nothing in the store."""

import io
import json
import pickle
import struct
import zipfile
from pathlib import Path

import pytest

from tests.e2e.conftest import Pin
from tests.hub import Hub, Repo
from tests.nix import Nix

CONFIG = b'{"model_type": "bert"}'
GLOBAL = "posix.system"
# A header that promises more numbers than the file holds.
LYING = json.dumps({"w": {"dtype": "F32", "shape": [1000], "data_offsets": [0, 4000]}}).encode()


class Payload:
    """Leaves a mark on whatever machine unpickles it."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> object:
        import os  # noqa: PLC0415 - the attack is part of the class

        return os.system, (f"touch {self.mark}",)


def zipped(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    return tmp_path / "was-loaded"


@pytest.fixture
def evil(mark: Path) -> bytes:
    return pickle.dumps(Payload(mark))


def refuse(nix: Nix, hub: Hub, model: str) -> list[str]:
    """Build what must be refused; gives the lines of the refusal."""
    log = nix.build_fails(model, HF_ENDPOINT=hub.endpoint)
    assert not [name for name in nix.outputs() if name.endswith("-bad")]
    _, found, refusal = log.partition("model bad is refused")
    assert found, log
    return refusal.splitlines()


FORMS = {
    "pytorch_model.bin": (lambda evil: evil, "pytorch_model.bin"),
    "model.safetensors": (lambda evil: evil, "model.safetensors"),
    "weights.txt": (lambda evil: evil, "weights.txt"),
    "weights.zip": (lambda evil: zipped("a/data.pkl", evil), "weights.zip!a/data.pkl"),
    "deep.bin": (
        lambda evil: zipped("inner.zip", zipped("data.pkl", evil)),
        "deep.bin!inner.zip!data.pkl",
    ),
    "cut.bin": (lambda evil: evil[:-1], "cut.bin"),
}


@pytest.mark.parametrize("policy", ["safe-only", "scanned"])
@pytest.mark.parametrize("name", FORMS)
def test_a_pickle_that_runs_a_command(
    nix: Nix, hub: Hub, pin: Pin, evil: bytes, mark: Path, name: str, policy: str
) -> None:
    make, place = FORMS[name]
    model = pin(Repo("org/bad", files={"config.json": CONFIG, name: make(evil)}), "bad")
    lines = refuse(nix, hub, f'{model}.override {{ security.policy = "{policy}"; }}')
    assert lines[0].startswith(f" (policy {policy})")
    [reason] = [line for line in lines if GLOBAL in line and "(pickle-scan)" in line]
    assert f"  {place}: names a dangerous global: " in reason
    assert [line for line in lines if "try: " in line], "there must be something to do about it"
    assert not mark.exists(), "the payload ran"


def test_a_safetensors_file_whose_header_lies(nix: Nix, hub: Hub, pin: Pin) -> None:
    content = struct.pack("<Q", len(LYING)) + LYING + bytes(16)
    model = pin(Repo("org/bad", files={"config.json": CONFIG, "model.safetensors": content}), "bad")
    lines = refuse(nix, hub, model)
    [reason] = [line for line in lines if "(safetensors)" in line]
    assert "  model.safetensors: " in reason
    assert [line for line in lines if "try: " in line]


def test_a_refused_model_stays_refused_in_a_whole_tree(
    nix: Nix, hub: Hub, evil: bytes, mark: Path
) -> None:
    hub.put(Repo("org/bad", files={"config.json": CONFIG, "pytorch_model.bin": evil}))
    model = 'lib.fetchModel {{ name = "bad"; source = "hf:org/bad"; hash = {}; }}'
    log = nix.build_fails(model.format("lib.fakeHash"), HF_ENDPOINT=hub.endpoint)
    got = log.partition("got:")[2].split()[0]
    assert got.startswith("sha256-")
    assert [line for line in refuse(nix, hub, model.format(f'"{got}"')) if GLOBAL in line]
    assert not mark.exists()


def test_what_is_refused_says_so_to_the_command_too(
    command, hub: Hub, evil: bytes, mark: Path
) -> None:
    (command.folder / "weights.txt").write_bytes(evil)
    result = command("scan", "weights.txt")
    assert result.status == 3
    assert GLOBAL in result.out
    assert not mark.exists()
