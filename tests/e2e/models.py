"""Small models for tests, as files by their path in a repository."""

from pathlib import Path

import numpy as np
from safetensors.numpy import save


def safetensors(size: int) -> bytes:
    """Give a safetensors file of about so many bytes."""
    return save({"weight": np.arange(size, dtype=np.uint8)}, {"format": "pt"})


def tiny_bert(folder: Path, seed: int = 0) -> dict[str, bytes]:
    """Save a BERT of a few thousand random weights; gives its files."""
    import torch  # noqa: PLC0415 - heavy, and few tests need it
    from transformers import BertConfig, BertModel  # noqa: PLC0415

    torch.manual_seed(seed)
    sizes = {"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 32}
    BertModel(BertConfig(vocab_size=50, num_hidden_layers=1, **sizes)).save_pretrained(folder)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
