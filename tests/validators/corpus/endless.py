"""Headers that speak of 2 GiB, and files that really have them: holes, and lines without an end."""

import struct
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.validators.corpus.exhausting import LIE, Exhausting
from tests.validators.corpus.huge import sparse
from tests.validators.formats.corpus import gguf_files, wire

_BLOCK = 1 << 20


def pax(size: int) -> bytes:
    """A tar whose extended header says that it is long."""
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, size
    return info.tobuf(tarfile.USTAR_FORMAT)


def _sparse(name: str, head: bytes, size: int = LIE) -> Callable[[Path], None]:
    return lambda root: sparse(root / name, head, size)


def _npy(size: int) -> bytes:
    return b"\x93NUMPY\2\0" + struct.pack("<I", size - 1) + b"{'descr': '<f4', "


def _line(name: str, block: bytes, size: int = LIE) -> Callable[[Path], None]:
    def write(root: Path) -> None:
        with (root / name).open("wb") as file:
            for _ in range(size // len(block)):
                file.write(block)

    return write


def items() -> Iterator[Exhausting]:
    length = frozenset({"huge-header", "header-length", "truncated-header"})
    lying = frozenset({"lying-length", "lying-count", "huge-value"})
    two = struct.pack("<Q", LIE)
    gib = LIE >> 1
    strings = gguf_files.pair("k", gguf_files.ARRAY, gguf_files.array(gguf_files.STRING, gib // 8))
    listed = gguf_files.pair("k", gguf_files.ARRAY, gguf_files.array(gguf_files.U8, LIE))
    text = gguf_files.text("k") + struct.pack("<I", gguf_files.STRING) + two
    arrays = gguf_files.array(gguf_files.ARRAY, gib // 12)
    files: tuple[tuple[str, Callable[[Path], None], frozenset[str]], ...] = (
        ("safetensors header, absent", _sparse("m.safetensors", two + b'{"a"', 0), length),
        ("safetensors header", _sparse("m.safetensors", two + b'{"a"'), length),
        ("GGUF counts", _sparse("m.gguf", gguf_files.assemble(pair_count=gib, tensor_count=gib)), lying),
        ("GGUF text", _sparse("m.gguf", gguf_files.assemble((text,), pair_count=1)), lying),
        ("GGUF list of bytes", _sparse("m.gguf", gguf_files.assemble((listed,))), lying),
        ("GGUF list of texts", _sparse("m.gguf", gguf_files.assemble((strings,))), lying),
        ("GGUF list of lists", _sparse("m.gguf", gguf_files.assemble((gguf_files.pair("k", gguf_files.ARRAY, arrays),))), lying | {"gguf-nesting"}),
        ("npy header", _sparse("m.npy", _npy(LIE)), frozenset({"huge-header", "npy-header"})),
        ("tar header", _sparse("m.tar", pax(LIE)), frozenset({"too-large", "unreadable", "huge-header"})),
        ("HDF5", _sparse("m.h5", _hdf5()), frozenset({"hdf5-unreadable"})),
        ("protobuf field", _sparse("m.onnx", wire.field(7, b"", LIE)), frozenset({"onnx-limits", "malformed-protobuf"})),
        ("SavedModel field", _sparse("saved_model.pb", b"\x08\x01" + wire.field(2, b"", LIE)), frozenset({"graph-limits", "malformed-protobuf"})),
        ("JSON of zeros", _sparse("config.json", b'{"auto_map": "'), frozenset({"config-unreadable"})),
        ("shard index", _sparse("model.safetensors.index.json", b'{"weight_map": {"'), frozenset({"shard-index"})),
        ("tokenizer.json", _line("tokenizer.json", b'"template": [[{,,' * 4096, 256 << 20), frozenset()),
        ("line of text", _line("notes.txt", b"a" * _BLOCK, 256 << 20), frozenset()),
        ("line of a pickle", _line("model.bin", b"c" + b"a" * (_BLOCK - 1), 256 << 20), frozenset()),
        ("line of YAML", _line("config.yaml", b" " * _BLOCK, 64 << 20), frozenset({"config-unreadable"})),
        ("page", _line("page.html", b"<script " + b"a" * _BLOCK, 64 << 20), frozenset()),
    )  # fmt: skip
    for title, write, rules in files:
        yield Exhausting(f"2 GiB header: {title}", write, rules)
    yield Exhausting(
        "2 GiB header: zip directory",
        _zip_directory,
        frozenset({"bomb"}),
    )
    yield Exhausting(
        "2 GiB header: 7z directory", _seven_directory, frozenset({"too-large", "unreadable"})
    )


def _hdf5() -> bytes:
    """A superblock whose root group is a hole."""
    whole = struct.pack("<QQQQ", 0, 2**64 - 1, LIE, 2**64 - 1)
    root = struct.pack("<QQII16s", 0, 96, 0, 0, b"")
    return b"\x89HDF\r\n\x1a\n\0\0\0\0\0\x08\x08\0\x04\0\x10\0\0\0\0\0" + whole + root


def _zip_directory(root: Path) -> None:
    """A directory of 2 GiB: one entry, with a comment, over and over."""
    entry = struct.pack("<4sHHHHHHIIIHHHHHII", b"PK\1\2", 20, 20, 0, 0, 0, 0x21, 0, 0, 0, 1, 0, 0xFFFF, 0, 0, 0, 0) + b"a" + bytes(0xFFFF)  # fmt: skip
    count = LIE // len(entry)
    with (root / "model.zip").open("wb") as file:
        local = struct.pack("<4sHHHHHIIIHH", b"PK\3\4", 20, 0, 0, 0, 0x21, 0, 0, 0, 1, 0) + b"a"
        file.write(local)
        for number in range(count):
            file.seek(len(local) + number * len(entry))
            file.write(entry[:64])
        file.seek(len(local) + count * len(entry))
        size = min(count * len(entry), 0xFFFFFFFE)
        file.write(struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, count, count, size, len(local), 0))


def _seven_directory(root: Path) -> None:
    start = struct.pack("<QQI", 0, LIE, 0)
    head = b"7z\xbc\xaf'\x1c\0\4" + struct.pack("<I", zlib.crc32(start)) + start
    sparse(root / "model.7z", head + b"\x01", LIE)
