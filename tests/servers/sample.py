"""A small model whose names and sizes are what sources get wrong."""

import json
import struct
from collections.abc import Mapping
from pathlib import Path

MANY = 2500  # objects; more than any listing gives at once
_FLOATS = 400_000  # 1.6 MB, large enough for a derivation of its own


def safetensors(floats: int, seed: int = 0) -> bytes:
    """A valid file of the format with one tensor, other bytes for every seed."""
    header = {"w": {"dtype": "F32", "shape": [floats], "data_offsets": [0, 4 * floats]}}
    text = json.dumps(header).encode()
    numbers = struct.pack(f"<{floats}f", *((i * 31 + seed) % 1009 for i in range(floats)))
    return struct.pack("<Q", len(text)) + text + numbers


WEIGHTS = safetensors(_FLOATS)
FILES: Mapping[str, bytes] = {
    "config.json": b'{"model_type": "bert"}\n',
    "model.safetensors": WEIGHTS,
    "empty.txt": b"",
    "tokenizer/vocab list.txt": b"a\nb\n",
    "tokenizer/deep/er/a+b.txt": b"plus\n",
    "100%/50%25.txt": b"percent\n",
    "notes #1.txt": b"hash\n",
    "größe/模型.txt": b"not ascii\n",
}


def write(root: Path, files: Mapping[str, bytes] = FILES) -> Path:
    """Write files below a directory, and give it."""
    for path, content in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return root


def read(root: Path) -> dict[str, bytes]:
    """Read every file below a directory, links followed."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }
