"""Directories and headers of zip archives, in every way that a reader could take them.

Format: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from validators.containers.sources import Source

END_BYTES = 22
LOCAL_BYTES = 30
LOCAL, END = b"PK\x03\x04", b"PK\x05\x06"
_CENTRAL, _CENTRAL_BYTES = b"PK\x01\x02", 46
_TAIL_BYTES = END_BYTES + 0xFFFF
_FULL = 0xFFFFFFFF

Local = tuple[int, "Entry"]  # where a member's data begins, and what its own header says


@dataclass(frozen=True)
class Entry:
    """A member as one header describes it; offsets are absolute.

    `place` is where a directory describes it, `base` what the reading of that directory adds to all
    offsets, `record` where the directory's end record is, 0 where that may be another's.
    """

    name: str
    header: int
    method: int
    packed: int
    unpacked: int
    flags: int
    crc: int
    mode: int = 0
    place: int = 0
    base: int = 0
    record: int = 0


class _Tail:
    """A source of which the end is in memory: directories are there, and read in small pieces."""

    def __init__(self, source: Source, base: int, data: bytes) -> None:
        self._source, self._base, self._data = source, base, data
        self.size = source.size

    def read_at(self, offset: int, count: int) -> bytes:
        start = offset - self._base
        if start >= 0 and start + count <= len(self._data):
            return self._data[start : start + count]
        return self._source.read_at(offset, count)


def central(source: Source, size: int) -> Iterator[Entry]:
    """Read every central directory that any end record in front of `size` points to."""
    base = max(size - _TAIL_BYTES, 0)
    tail = source.read_at(base, min(_TAIL_BYTES, size - base))
    source = _Tail(source, base, tail)
    starts: dict[tuple[int, int], int] = {}
    at = tail.rfind(END)
    while at >= 0:
        for start, shift, own in _directory_starts(source, base + at, tail[at : at + END_BYTES]):
            starts.setdefault((start, shift), base + at if own else 0)
        at = tail.rfind(END, 0, at)
    for (start, shift), record in starts.items():
        yield from _directory(source, start, shift, record)


def _directory_starts(source: Source, at: int, record: bytes) -> Iterator[tuple[int, int, bool]]:
    """Give (start of directory, shift of all offsets), as the various readers compute them.

    The third value says whether the directory lies right before its record, or no other does: else
    it can be one of an archive before this one.
    """
    if len(record) < len(END) + 18:
        return
    size, offset = struct.unpack("<II", record[12:20])
    ends = [(at, size, offset)]
    locator = source.read_at(at - 20, 20) if at >= 20 else b""  # noqa: PLR2004 - the locator's size
    if locator[:4] == b"PK\x06\x07":
        place = struct.unpack("<Q", locator[8:16])[0]
        for where in dict.fromkeys((at - 20 - 56, place)):
            wide = source.read_at(where, 56) if where >= 0 else b""
            if wide[:4] == b"PK\x06\x06":
                ends.append((where, *struct.unpack("<QQ", wide[40:56])))
    near = [(end - size, offset) for end, size, offset in ends]
    far = [(offset, offset) for _, _, offset in ends]
    known: set[int] = set()
    for start, directory_offset in near + far:
        if start >= 0 and source.read_at(start, 4) == _CENTRAL:
            own = not known or start in known
            yield start, start - directory_offset, own
            yield start, 0, own
            if own:
                known.add(start)


def _directory(source: Source, start: int, shift: int, record: int) -> Iterator[Entry]:
    while True:
        fixed = source.read_at(start, _CENTRAL_BYTES)
        if len(fixed) < _CENTRAL_BYTES or fixed[:4] != _CENTRAL:
            return
        flags, method = struct.unpack("<HH", fixed[8:12])
        crc, packed, unpacked, name_size, extra_size, comment = struct.unpack(
            "<IIIHHH", fixed[16:34]
        )
        mode = int.from_bytes(fixed[40:42], "little")
        rest = source.read_at(start + _CENTRAL_BYTES, name_size + extra_size)
        header = int.from_bytes(fixed[42:46], "little")
        wide = _wide(rest[name_size:], unpacked, packed, header)
        yield Entry(
            _name(rest[:name_size]), wide[2] + shift, method, wide[1], wide[0], flags, crc, mode,
            start, shift, record,
        )  # fmt: skip
        start += _CENTRAL_BYTES + name_size + extra_size + comment


def _wide(extra: bytes, unpacked: int, packed: int, header: int) -> tuple[int, int, int]:
    """Replace what does not fit 32 bits by what the zip64 extra field says."""
    values = [unpacked, packed, header]
    while len(extra) >= 4:  # noqa: PLR2004 - id and size
        kind, size = struct.unpack("<HH", extra[:4])
        if kind == 1:
            field = extra[4 : 4 + size]
            for index, value in enumerate(values):
                if value == _FULL and len(field) >= 8:  # noqa: PLR2004 - a number
                    values[index], field = int.from_bytes(field[:8], "little"), field[8:]
            break
        extra = extra[4 + size :]
    return values[0], values[1], values[2]


def _name(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("cp437")


def local(source: Source, at: int) -> Local | None:
    """Read a local header; gives where its data begins, too."""
    fixed = source.read_at(at, LOCAL_BYTES) if at >= 0 else b""
    if len(fixed) < LOCAL_BYTES or fixed[:4] != LOCAL:
        return None
    flags, method = struct.unpack("<HH", fixed[6:10])
    crc, packed, unpacked, name_size, extra_size = struct.unpack("<IIIHH", fixed[14:30])
    rest = source.read_at(at + LOCAL_BYTES, name_size + extra_size)
    unpacked, packed, _ = _wide(rest[name_size:], unpacked, packed, 0)
    entry = Entry(_name(rest[:name_size]), at, method, packed, unpacked, flags, crc)
    return at + LOCAL_BYTES + name_size + extra_size, entry
