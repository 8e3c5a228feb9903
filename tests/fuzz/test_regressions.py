"""Inputs that once broke a parser, and every sample of the corpus cut anywhere, go through."""

import random
from pathlib import Path

import pytest

from tests.fuzz.targets import TARGETS
from tests.validators.corpus import malicious, wrapped

REGRESSIONS = sorted((Path(__file__).parent / "regressions").glob("*/*"))


@pytest.mark.parametrize("path", REGRESSIONS, ids=lambda path: path.name)
def test_regression(path: Path) -> None:
    TARGETS[path.parent.name](path.read_bytes())


@pytest.mark.parametrize("target", TARGETS)
def test_damaged_samples(target: str) -> None:
    chance = random.Random(4)
    for sample in [*malicious.samples(), *wrapped.samples()]:
        for _ in range(4):
            data = bytearray(sample.data[: chance.randrange(len(sample.data) + 1)][:20_000])
            for _ in range(chance.randrange(4) if data else 0):
                data[chance.randrange(len(data))] = chance.randrange(256)
            TARGETS[target](bytes(data))
