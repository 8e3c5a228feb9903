"""Weights for tests: valid safetensors of any size."""

import json
import random


def safetensors_header(size: int) -> bytes:
    """Make what stands before the `size` bytes of one tensor."""
    header = json.dumps({"w": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header


def safetensors(size: int, seed: int = 0) -> bytes:
    """Make a file of one tensor of `size` random bytes."""
    return safetensors_header(size) + random.Random(seed).randbytes(size)
