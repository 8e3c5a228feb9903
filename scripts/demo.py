"""Loads a sentence embedding model by its id and prints how similar three sentences are."""

import itertools
import sys

import torch
from transformers import AutoModel, AutoTokenizer

SENTENCES = (
    "The cat sits on the warm windowsill.",
    "A kitten is resting in the sun by the window.",
    "The central bank raised its interest rates again.",
)


def embed(repo: str) -> torch.Tensor:
    """Give one unit vector of 384 numbers a sentence: shape [3, 384]."""
    tokens = AutoTokenizer.from_pretrained(repo)(list(SENTENCES), padding=True, return_tensors="pt")
    with torch.no_grad():
        states = AutoModel.from_pretrained(repo)(**tokens).last_hidden_state
    mask = tokens["attention_mask"].unsqueeze(-1)
    mean = (states * mask).sum(1) / mask.sum(1)
    return torch.nn.functional.normalize(mean, dim=1)


def main() -> None:
    """Print the similarity of each pair, 1 for the same meaning."""
    vectors = embed(sys.argv[1])
    for (i, a), (j, b) in itertools.combinations(enumerate(SENTENCES), 2):
        print(f"  {float(vectors[i] @ vectors[j]):5.2f}  {a} / {b}")


main()
