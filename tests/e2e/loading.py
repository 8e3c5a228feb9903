"""Models that transformers can load, and loading them as another user without a network."""

import json
import os
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


def tiny_bert(folder: Path, seed: int = 0) -> dict[str, bytes]:
    """Save a BERT of a few thousand random weights; gives its files."""
    import torch  # noqa: PLC0415 - heavy, and few tests need it
    from transformers import BertConfig, BertModel  # noqa: PLC0415

    torch.manual_seed(seed)
    sizes = {"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 32}
    BertModel(BertConfig(vocab_size=50, num_hidden_layers=1, **sizes)).save_pretrained(folder)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
