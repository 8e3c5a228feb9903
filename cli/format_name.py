"""What a file looks like by its first bytes: a name for people, and no verdict."""

from pathlib import Path

_HEAD_BYTES = 4096
_MAGIC = (
    (b"GGUF", "gguf"),
    (b"PK\x03\x04", "zip"),
    (b"\x89HDF\r\n\x1a\n", "hdf5"),
    (b"\x93NUMPY", "numpy"),
    (b"\x1f\x8b", "gzip"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"BZh", "bzip2"),
    (b"\x7fELF", "program"),
    (b"MZ", "program"),
    (b"#!", "script"),
    *((bytes((0x80, protocol)), "pickle") for protocol in range(2, 6)),
)


def format_name(path: Path) -> str:
    """Name the format of a file: by content where that has a mark, else by its ending."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    # Source: https://huggingface.co/docs/safetensors/index#format
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < path.stat().st_size:
        return "safetensors"
    if b"\0" in head:
        return "binary"
    return path.suffix.lstrip(".").lower() or "text"
