"""Loading a built model as another user, without a network."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.nix import ROOT, Nix

NOBODY = 65534
LOADER = ROOT / "tests/e2e/load.py"


def load(nix: Nix, *words: str, **environ: str) -> dict[str, Any]:
    """Run `load.py` as a user who owns nothing, in a view without a network."""
    if os.getuid() != 0:
        pytest.skip("becoming another user needs root")
    result = nix.loaded(
        *("--user", str(NOBODY), "--offline", "--", sys.executable, str(LOADER), *words),
        **{"HF_HUB_OFFLINE": "1", "TMPDIR": "/tmp", "HF_ENDPOINT": ""} | environ,
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def original(folder: Path) -> list[float]:
    """Give what a model computes where it comes from."""
    command = [sys.executable, str(LOADER), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)["numbers"]
