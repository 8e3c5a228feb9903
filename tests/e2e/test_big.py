"""Validation of a large locked model reads headers, and copies nothing."""

import hashlib
import json
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from common.digest import to_sri
from tests.nix import ROOT, Nix

SIZE = 2 << 30  # bytes of weights
TENSORS = 256
CONFIG = b'{"model_type": "bert"}'


def sri(content: bytes) -> str:
    return to_sri(hashlib.sha256(content).hexdigest())


def write_weights(path: Path) -> int:
    """Write a safetensors file with a true header and data that takes no disk; gives its size."""
    each = SIZE // TENSORS
    header = {
        f"layer.{n}.weight": {
            "dtype": "F16",
            "shape": [each // 2],
            "data_offsets": [n * each, (n + 1) * each],
        }
        for n in range(TENSORS)
    }
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text)
    size = 8 + len(text) + SIZE
    os.truncate(path, size)
    return size


def cached(path: Path) -> int:
    """Count the bytes of a file that are in memory, which are those that were read."""
    if not shutil.which("fincore"):
        pytest.skip("fincore is missing (apt-get install util-linux-extra)")
    command = ["fincore", "--bytes", "--noheadings", "--output", "RES", str(path)]
    return int(subprocess.run(command, capture_output=True, check=True).stdout)


def forget(path: Path) -> None:
    """Drop a file's pages from memory."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def test_a_model_of_2_gib_is_validated_by_its_header(nix: Nix, tmp_path: Path) -> None:
    weights = tmp_path / "model.safetensors"
    size = write_weights(weights)
    lock = {
        "source": {"huggingface": {"repo": "org/big"}},
        "revision": "ab" * 20,
        "small": {"hash": to_sri("00" * 32)},
        "files": {
            "model.safetensors": {"sha256": to_sri("11" * 32), "size": size, "large": True},
            "config.json": {"sha256": sri(CONFIG), "size": len(CONFIG)},
        },
    }
    # What Nix hands to the builder; only where the files lie is ours.
    text = json.dumps(json.dumps(lock)).replace("$", "\\$")
    plan = json.loads(
        nix.eval(f'(lib.fetchModel {{ name = "big"; lock = builtins.fromJSON {text}; }}).plan')
    )
    config = tmp_path / "config.json"
    config.write_bytes(CONFIG)
    for path in (weights, config):
        plan["files"][path.name]["local"] = str(path)
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    forget(weights)
    assert cached(weights) < SIZE // 1000

    (tmp_path / "build").mkdir()
    out = tmp_path / "out"
    variables = {"planPath": str(tmp_path / "plan.json"), "out": str(out), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "cli.build"],
        cwd=tmp_path / "build",
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert cached(weights) < SIZE // 100
    assert sum(path.lstat().st_size for path in out.rglob("*")) < 256 << 10
    assert (out / "model.safetensors").resolve() == weights
    meta = json.loads((out / ".nix-ai-model-meta.json").read_text())
    assert meta["totalSize"] == size + len(CONFIG)
    outcomes = {check["name"]: check["outcome"] for check in meta["validators"]}
    assert set(outcomes.values()) == {"passed", "skipped"}
    assert outcomes["pickle-scan"] == outcomes["safetensors"] == "passed"
    assert outcomes["modelscan"] == "skipped", "it reads no safetensors"
