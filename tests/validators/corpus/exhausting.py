"""Files made to use up time and memory, small on disk: each must end early, with its reason said."""

import bz2
import gzip
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from backports import zstd

from tests.validators.corpus.archives import Member, make_tar, make_zip
from tests.validators.corpus.assemble import payload, proto

MANY = 100_000  # members, levels
OPCODES = 20_000_000
LIE = 2 << 30  # bytes that a header speaks of
BOMB = 300 << 20  # unpacked bytes; no more is needed, and packing takes time
_BLOCK = 1 << 20

NO_OPS = {
    "none and pop": b"N0", "mark and pop": b"(0", "memoize": b"\x94", "dup": b"2", "none": b"N",
    "mark": b"(", "tuple": b"\x85", "empty list": b"]", "text": b"\x8c\x01a", "put": b"q\x01",
    "memoized text": b"\x8c\x04abcd\x94", "int": b"I1\n", "frame": b"\x95" + b"\0" * 8,
    "append": b"]a", "protocol": b"\x80\x04", "pickles": b"N.", "dictionary": b"}NNs0",
    "globals": b"cos\nx\n0", "memo": b"h\0", "long": b"\x8a\x01\x01", "bytes": b"C\x01a",
    "marked list": b"(l", "float": b"F1\n", "unicode": b"Va\n", "far put": b"r\xff\xff\xff\x0f",
}  # fmt: skip


@dataclass(frozen=True)
class Exhausting:
    """A file that wants too much.

    Attributes:
        title: what it is.
        write: writes it into a directory.
        rules: one of these must be found; empty where it is merely large, and all right.
    """

    title: str
    write: Callable[[Path], object]
    rules: frozenset[str]


def opcodes(code: bytes) -> Iterator[bytes]:
    """Give a pickle of many opcodes that come to nothing, in pieces."""
    yield proto() + b"N\x94"
    for _ in range(20):
        yield code * (OPCODES // 20)


def _pickle(root: Path, code: bytes) -> None:
    with (root / "model.pkl").open("wb") as file:
        file.writelines(opcodes(code))


def _zipped(root: Path) -> None:
    with zipfile.ZipFile(root / "model.pt", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("archive/data.pkl", b"".join(opcodes(b"N0")))


def _tarred(root: Path) -> None:
    (root / "model.tar").write_bytes(make_tar(("model.pkl", b"".join(opcodes(b"N0")))))


def _pickles() -> Iterator[Exhausting]:
    rules = frozenset({"too-many-opcodes", "too-deep"})
    for title, code in NO_OPS.items():
        yield Exhausting(
            f"20 million opcodes: {title}", lambda root, c=code: _pickle(root, c), rules
        )
    yield Exhausting("20 million opcodes in a zip", _zipped, rules)
    packed = _write("m.joblib", lambda: gzip.compress(b"".join(opcodes(b"N0")), 1))
    yield Exhausting("20 million opcodes in gzip", packed, rules)
    yield Exhausting("20 million opcodes in a tar", _tarred, rules)


def zeros(packer: Callable[[], object], size: int, block: bytes = bytes(_BLOCK)) -> bytes:
    """Pack a long run of one block, without having it in memory."""
    one = packer()
    return b"".join(one.compress(block) for _ in range(size >> 20)) + one.flush()  # type: ignore[attr-defined]


def _deflated() -> object:
    return zlib.compressobj(9, wbits=-15)


def bomb_zip(size: int = LIE) -> bytes:
    """A zip with one member, of zeros."""
    changes = {"method": 8, "unpacked": size, "crc": 0}
    packed = zeros(_deflated, min(size, BOMB))
    return make_zip(Member("a.pkl", packed, 0, changes, changes))


def forty_two(levels: int = 5, copies: int = 16, size: int = 100 << 20) -> bytes:
    """Zips in zips, each of which is far below any limit, and all together petabytes."""
    data = bomb_zip(size)
    for _ in range(levels):
        data = make_zip(*(Member(f"{number:x}.zip", data, 8) for number in range(copies)))
    return data


def overlapping(count: int = 5000) -> bytes:
    """Members that all share one run of packed bytes, as D. Fifield's bombs do."""
    kernel = zeros(_deflated, 64 << 20)
    changes = {"method": 8, "unpacked": 64 << 20, "crc": 0}
    first = Member("0", kernel, 0, changes, changes)
    rest = (
        Member(f"{n}", b"", 0, changes, changes | {"offset": 0, "packed": len(kernel)})
        for n in range(1, count)
    )
    return make_zip(first, *rest)


def stored_in_stored(levels: int = 6, width: int = 8) -> bytes:
    """Zips stored in zips, so that all their ends are in the tail of the outermost."""
    data = make_zip(Member("a", b"x"))
    for level in range(levels):
        data = make_zip(*(Member(f"{level}{number}", data) for number in range(width)))
    return data


def _write(name: str, data: Callable[[], bytes]) -> Callable[[Path], object]:
    return lambda root: (root / name).write_bytes(data())


def _bombs() -> Iterator[Exhausting]:
    bomb = frozenset({"bomb"})
    unpacked = frozenset({"bomb", "too-large"})
    packers: dict[str, Callable[[], object]] = {
        "gzip": lambda: zlib.compressobj(9, wbits=31),
        "zlib": lambda: zlib.compressobj(9),
        "bzip2": bz2.BZ2Compressor,
        "xz": lambda: lzma.LZMACompressor(preset=0),
        "zstd": lambda: zstd.ZstdCompressor(level=1),
    }
    for title, packer in packers.items():
        data = lambda p=packer: zeros(p, BOMB)  # noqa: E731
        yield Exhausting(f"{title} bomb", _write(f"model.{title}", data), bomb)
    opcodes_ = lambda: zeros(packers["gzip"], BOMB, b"N0" * (_BLOCK // 2))  # noqa: E731
    yield Exhausting(
        "gzip bomb of opcodes", _write("model.gz", opcodes_), unpacked | {"too-many-opcodes"}
    )
    twice = lambda: gzip.compress(zeros(packers["gzip"], BOMB))  # noqa: E731
    yield Exhausting("gzip of a gzip bomb", _write("model.gz", twice), bomb)
    yield Exhausting("zip bomb", _write("model.zip", bomb_zip), bomb)
    yield Exhausting("zips in zips, petabytes", _write("42.zip", forty_two), unpacked)
    yield Exhausting("members that overlap", _write("quoted.zip", overlapping), bomb)
    yield Exhausting("stored zips in zips", _write("model.zip", stored_in_stored), frozenset())
    seven = lambda: bomb_7z(BOMB)  # noqa: E731
    yield Exhausting("7z bomb", _write("model.7z", seven), bomb)
    yield Exhausting("many gzips below the limit", _many_bombs, unpacked)


def _many_bombs(root: Path) -> None:
    packed = gzip.compress(bytes(100 << 20))
    (root / "model.tar").write_bytes(make_tar(*((f"{n}.gz", packed) for n in range(200))))


def bomb_7z(size: int) -> bytes:
    """A 7z with one file of zeros."""
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 16, "preset": 0}]
    packed = zeros(lambda: lzma.LZMACompressor(lzma.FORMAT_RAW, filters=filters), size)
    names = "a\0".encode("utf-16-le")
    return _seven(
        packed,
        b"\1\4\6\0\1\x09" + _wide(len(packed)) + b"\0\7\x0b\1\0\1\x21\x21\1\x08\x0c"
        + _wide(size) + b"\0\0\5\1\x11" + _wide(len(names) + 1) + b"\0" + names + b"\0\0",
    )  # fmt: skip


def _seven(packed: bytes, header: bytes) -> bytes:
    start = struct.pack("<QQI", len(packed), len(header), zlib.crc32(header))
    return b"7z\xbc\xaf'\x1c\0\4" + struct.pack("<I", zlib.crc32(start)) + start + packed + header


def _many_7z(root: Path) -> None:
    names = "".join(f"{number}\0" for number in range(MANY)).encode("utf-16-le")
    header = (
        b"\1\4\6\0\1\x09" + _wide(MANY) + b"\0\7\x0b\1\0\1\1\0\x0c" + _wide(MANY)
        + b"\0\x08\x0d" + _wide(MANY) + b"\x09" + b"\1" * (MANY - 1) + b"\0\0"
        + b"\5" + _wide(MANY) + b"\x11" + _wide(len(names) + 1) + b"\0" + names + b"\0\0"
    )  # fmt: skip
    (root / "model.7z").write_bytes(_seven(b"x" * MANY, header))


def _wide(value: int) -> bytes:
    return b"\xff" + struct.pack("<Q", value)


def _many_zip(root: Path) -> None:
    with zipfile.ZipFile(root / "model.zip", "w") as archive:
        for number in range(MANY):
            archive.writestr(f"{number}", b"x")


def _many_tar(root: Path) -> None:
    block = bytes(512)
    with (root / "model.tar").open("wb") as file:
        for number in range(MANY):
            info = tarfile.TarInfo(f"{number}")
            info.size = 1
            file.write(info.tobuf(tarfile.USTAR_FORMAT) + block)


def _many_globals(root: Path) -> None:
    """More names than anybody wants to read, in pickles one below the limit each."""
    with (root / "model.pkl").open("wb") as file:
        for number in range(40):
            names = b"".join(b"cm%d\nn%d\n0" % (number, index) for index in range(4_000))
            file.write(proto() + b"N" + names + b".")


def _counts() -> Iterator[Exhausting]:
    many = frozenset({"too-many-members"})
    for title, write in (("zip", _many_zip), ("tar", _many_tar), ("7z", _many_7z)):
        yield Exhausting(f"100,000 members: {title}", write, many)
    unknown = frozenset({"unknown-global", "too-many-globals"})
    yield Exhausting("160,000 globals", _many_globals, unknown)


def _matryoshka(levels: int = 3000) -> bytes:
    data = payload()
    for number in range(levels):
        data = make_zip(Member(f"{number % 10}", data))
    return data


def _gzips(levels: int = 1000) -> bytes:
    data = payload()
    for _ in range(levels):
        data = gzip.compress(data, 1)
    return data


def _depths() -> Iterator[Exhausting]:
    deep = frozenset({"too-deep"})
    unread = frozenset({"config-unreadable"})
    brackets = b'{"template":' + b"[" * MANY + b"]" * MANY + b"}"
    objects = b'{"template":' * MANY + b"1" + b"}" * MANY
    jinja = b"{{ " + b"(" * MANY + b"1" + b")" * MANY + b" }}"
    blocks = b"{% if a %}" * 20_000 + b"{% endif %}" * 20_000
    files = (
        ("zip in zip", "model.zip", _matryoshka, deep),
        ("gzip in gzip", "model.gz", _gzips, deep),
        ("lists in JSON", "tokenizer_config.json", lambda: brackets, unread),
        ("objects in JSON", "tokenizer_config.json", lambda: objects, unread),
        ("brackets in Jinja", "chat_template.jinja", lambda: jinja, frozenset({"template-depth", "template-size"})),
        ("blocks in Jinja", "chat_template.jinja", lambda: blocks, frozenset({"template-depth", "template-size"})),
        ("tuples in a pickle", "model.pkl", lambda: proto() + b"N" + b"\x85" * 10_000_000 + b".", frozenset()),
        ("marks in a pickle", "model.pkl", lambda: proto() + b"(" * 10_000_000 + b".", deep),
    )  # fmt: skip
    for title, name, data, rules in files:
        yield Exhausting(f"100,000 levels: {title}", _write(name, data), rules)


def items() -> list[Exhausting]:
    """Give everything of this module."""
    return [item for group in (_pickles, _bombs, _counts, _depths) for item in group()]
