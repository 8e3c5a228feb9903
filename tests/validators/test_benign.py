"""No file that the real libraries write is refused under ``scanned``."""

import random
import struct
from pathlib import Path

import pytest
import torch

from tests.validators.corpus import benign
from tests.validators.helpers import errors, judge

ITEMS = benign.items()


def test_corpus_is_large() -> None:
    assert len(ITEMS) >= 150


@pytest.mark.parametrize(("name", "write"), ITEMS, ids=[name for name, _ in ITEMS])
def test_not_refused(name: str, write: benign.Write, tmp_path: Path) -> None:
    write(tmp_path / name)
    assert not errors(judge(tmp_path))


def test_numbers_are_no_pickles(tmp_path: Path) -> None:
    chance = random.Random(7)
    for first in range(256):
        for number in range(4):
            numbers = struct.pack("<40f", *(chance.gauss(0, 1) for _ in range(40)))
            (tmp_path / f"{first}-{number}.bin").write_bytes(bytes([first]) + numbers[1:])
    assert not errors(judge(tmp_path))


@pytest.mark.parametrize("count", [0x82, 0x183, 0x184, 0x63, 0x195, 0x28, 0x50, 0x4E])
def test_numbers_behind_a_legacy_checkpoint(count: int, tmp_path: Path) -> None:
    for fill in (0, 10, 1):
        value = {"w": torch.full((count,), fill, dtype=torch.int32)}
        torch.save(value, tmp_path / f"{fill}.bin", _use_new_zipfile_serialization=False)
    assert not errors(judge(tmp_path))
