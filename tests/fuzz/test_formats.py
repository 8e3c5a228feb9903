"""Every sample of the formats, cut and changed anywhere, goes through its reader."""

import random

import pytest

from tests.fuzz.format_targets import TARGETS, samples


@pytest.mark.parametrize("target", TARGETS)
def test_damaged_samples(target: str) -> None:
    chance = random.Random(target)
    for sample in samples(target):
        for _ in range(3):
            data = bytearray(sample[: chance.randrange(len(sample) // 2, len(sample) + 1)])
            for _ in range(chance.randrange(1, 5) if data else 0):
                data[chance.randrange(len(data))] = chance.randrange(256)
            TARGETS[target](bytes(data))
