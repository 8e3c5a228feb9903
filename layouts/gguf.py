"""The few facts of a GGUF file that an Ollama store shows beside it.

Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from common.errors import ModelError

MAGIC = b"GGUF"
VERSIONS = (2, 3)
_STRING, _ARRAY = 8, 9
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}  # bytes by type
_U32 = 4
_LONGEST = 1 << 24  # bytes of a string; templates are long, nothing is longer
_MOST_KEYS = 1 << 16
# Names of `general.file_type`, from the enumeration in the specification.
_FILE_TYPES = {
    0: "F32",
    1: "F16",
    2: "Q4_0",
    3: "Q4_1",
    7: "Q8_0",
    8: "Q5_0",
    9: "Q5_1",
    10: "Q2_K",
    11: "Q3_K_S",
    12: "Q3_K_M",
    13: "Q3_K_L",
    14: "Q4_K_S",
    15: "Q4_K_M",
    16: "Q5_K_S",
    17: "Q5_K_M",
    18: "Q6_K",
    32: "BF16",
}


@dataclass(frozen=True)
class Facts:
    """What a file says of itself.

    Attributes:
        architecture: such as ``llama``; empty where it does not say.
        file_type: such as ``Q4_K_M``; empty likewise.
    """

    architecture: str = ""
    file_type: str = ""


def read(path: Path) -> Facts:
    """Read the header of a GGUF file.

    Raises:
        ModelError: it is none.
    """
    with path.open("rb") as file:
        try:
            return _read(file)
        except (struct.error, ValueError, KeyError) as error:
            what = "this is no GGUF file that an Ollama store could hold"
            raise ModelError(what, str(path), 'integration.ollama.file = "….gguf";') from error


def _read(file: IO[bytes]) -> Facts:
    magic, version, _, count = struct.unpack("<4sIQQ", file.read(24))
    if magic != MAGIC or version not in VERSIONS or count > _MOST_KEYS:
        raise ValueError(magic)
    architecture = file_type = ""
    for _ in range(count):
        key = _string(file)
        (kind,) = struct.unpack("<I", file.read(4))
        if key == "general.architecture" and kind == _STRING:
            architecture = _string(file)
        elif key == "general.file_type" and kind == _U32:
            (number,) = struct.unpack("<I", file.read(4))
            file_type = _FILE_TYPES.get(number, "")
        else:
            _skip(file, kind)
        if architecture and file_type:
            break
    return Facts(architecture, file_type)


def _string(file: IO[bytes]) -> str:
    (length,) = struct.unpack("<Q", file.read(8))
    if length > _LONGEST:
        raise ValueError(length)
    return file.read(length).decode("utf-8", "replace")


def _skip(file: IO[bytes], kind: int) -> None:
    if kind == _STRING:
        _string(file)
    elif kind == _ARRAY:
        inner, length = struct.unpack("<IQ", file.read(12))
        if inner in _SIZES:
            file.seek(_SIZES[inner] * length, 1)
        else:
            for _ in range(length):
                _skip(file, inner)
    else:
        file.seek(_SIZES[kind], 1)
