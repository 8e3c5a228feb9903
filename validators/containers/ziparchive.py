"""Zip archives, as every reader of them might see them.

Readers disagree about which directory counts, whether a local header is believed, and whether check
sums and flags matter; torch and numpy load what Python's zipfile refuses. So members are taken from
every directory and from local headers that none lists, with every method that either header names.
Format: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from validators.containers import decoders
from validators.containers.limits import BOMB_RATIO, Trouble
from validators.containers.sources import Decoder, Slice, Source, Unpacked

_TAIL_BYTES = 22 + 0xFFFF
_LOCAL, _CENTRAL, _END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_LOCAL_BYTES, _CENTRAL_BYTES = 30, 46
_GAP_BYTES = 1 << 20  # searched at either end of a gap between members
_ENCRYPTED, _DESCRIPTOR = 1, 8
_FULL = 0xFFFFFFFF
_DECLARED_BOMB_BYTES = 256 << 20  # of all members together, which nobody may ever read
_TYPE_MODE, _LINK_MODE = 0o170000, 0o120000
_STORED = 0
_KNOWN_METHODS = frozenset(range(21)) | frozenset(range(93, 100))


@dataclass(frozen=True)
class Entry:
    """A member as one header describes it; offsets are absolute."""

    name: str
    header: int
    method: int
    packed: int
    unpacked: int
    flags: int
    crc: int
    mode: int = 0


@dataclass(frozen=True)
class Found:
    """A member to look at.

    Attributes:
        name: as the archive has it.
        source: its content.
        link: whether it is a symbolic link, whose content is the target.
    """

    name: str
    source: Source
    link: bool = False


def members(source: Source, trouble: Callable[[Trouble], None]) -> Iterator[Found]:
    """Give every member that any reader could see; report what does not fit together."""
    seen: set[tuple[int, int, int]] = set()
    covered: list[tuple[int, int]] = []
    stored: list[tuple[int, int]] = []
    declared = [0, 0]
    for entry in _central(source, stored):
        local = _local(source, entry.header)
        if local is None:
            trouble(
                Trouble("lying-header", "has no local header where its directory says", entry.name)
            )
            continue
        start, header = local
        _compare(entry, header, trouble)
        packed = max(entry.packed, 0 if header.flags & _DESCRIPTOR else header.packed)
        if _STORED in (entry.method, header.method):
            packed = max(packed, entry.unpacked)
        covered.append((entry.header, start + entry.packed))
        if entry.method == header.method == _STORED:
            stored.append((start, start + packed))
        declared[0] += entry.unpacked
        declared[1] += entry.packed
        for method in sorted({entry.method, header.method}):
            if (place := (start, packed, method)) not in seen:
                seen.add(place)
                yield from _found(source, entry, place, trouble)
    _judge_sizes(covered, declared, trouble)
    yield from _hidden(source, covered, trouble)


def _found(
    source: Source,
    entry: Entry,
    place: tuple[int, int, int],
    trouble: Callable[[Trouble], None],
) -> Iterator[Found]:
    link = entry.mode & _TYPE_MODE == _LINK_MODE
    try:
        yield Found(entry.name, _content(source, *place), link)
    except Trouble as cannot:
        trouble(Trouble(cannot.rule, cannot.message, entry.name))


def _content(source: Source, start: int, packed: int, method: int) -> Source:
    if method == _STORED:
        return Slice(source, start, packed)
    makers: dict[int, Callable[[], Decoder]] = {
        8: decoders.Inflate,
        12: decoders.bzip2,
        14: decoders.ZipLzma,
        20: decoders.zstandard,
        93: decoders.zstandard,
        95: decoders.xz,
    }
    if method not in makers:
        raise Trouble("unreadable", f"uses compression method {method}, which cannot be read")
    return Unpacked(source, start, packed, makers[method])


def _compare(entry: Entry, header: Entry, trouble: Callable[[Trouble], None]) -> None:
    """Report where a member's two headers contradict each other."""
    if (entry.flags | header.flags) & _ENCRYPTED:
        trouble(Trouble("encrypted", "is marked as encrypted", entry.name))
    sized = not header.flags & _DESCRIPTOR
    pairs = (
        ("name", entry.name, header.name),
        ("method", entry.method, header.method),
        ("check sum", entry.crc, header.crc if sized else entry.crc),
        ("size", entry.packed, header.packed if sized else entry.packed),
    )
    if entry.method == _STORED and entry.packed != entry.unpacked:
        trouble(Trouble("lying-header", "is stored, and its two sizes differ", entry.name))
    for what, central, local in pairs:
        if central != local:
            message = f"has {what} {central!r} in its directory and {local!r} in its own header"
            trouble(Trouble("lying-header", message, entry.name))


def _judge_sizes(
    covered: list[tuple[int, int]], declared: list[int], trouble: Callable[[Trouble], None]
) -> None:
    covered.sort()
    for (_, end), (start, _) in pairwise(covered):
        if start < end:
            trouble(Trouble("bomb", "has members that overlap"))
            break
    unpacked, packed = declared
    if unpacked > _DECLARED_BOMB_BYTES and unpacked > BOMB_RATIO * packed:
        trouble(Trouble("bomb", f"unpacks from {packed:,} to {unpacked:,} bytes"))


def has_directory(source: Source) -> bool:
    """Whether a reader that begins at the end would find a zip, whatever the beginning is."""
    return next(_central(source, []), None) is not None


def _central(source: Source, stored: list[tuple[int, int]]) -> Iterator[Entry]:
    """Read every central directory that any end record points to, the last one first.

    Args:
        source: the archive.
        stored: where members lie as they are; the caller adds those of each directory. An end in
            one of them is that of a zip in this zip, which is looked at when it is its turn.
    """
    size = source.size or 0
    base = max(size - _TAIL_BYTES, 0)
    tail = source.read_at(base, _TAIL_BYTES)
    read: set[tuple[int, int]] = set()
    at = tail.rfind(_END)
    while at >= 0:
        inside = any(start <= base + at < end for start, end in stored if end > base)
        for place in () if inside else _directory_starts(source, base + at, tail[at : at + 22]):
            if place not in read:
                read.add(place)
                yield from _directory(source, *place)
        at = tail.rfind(_END, 0, at)


def _directory_starts(source: Source, at: int, record: bytes) -> Iterator[tuple[int, int]]:
    """Give (start of directory, shift of all offsets), as the various readers compute them."""
    if len(record) < len(_END) + 18:
        return
    size, offset = struct.unpack("<II", record[12:20])
    ends = [(at, size, offset)]
    locator = source.read_at(at - 20, 20) if at >= 20 else b""  # noqa: PLR2004 - the locator's size
    if locator[:4] == b"PK\x06\x07":
        place = struct.unpack("<Q", locator[8:16])[0]
        for where in {place, at - 20 - 56}:
            wide = source.read_at(where, 56) if where >= 0 else b""
            if wide[:4] == b"PK\x06\x06":
                ends.append((where, *struct.unpack("<QQ", wide[40:56])))
    for end, directory_size, directory_offset in ends:
        for start in (end - directory_size, directory_offset):
            if start >= 0 and source.read_at(start, 4) == _CENTRAL:
                yield start, start - directory_offset
                yield start, 0


def _directory(source: Source, start: int, shift: int) -> Iterator[Entry]:
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
            _name(rest[:name_size]), wide[2] + shift, method, wide[1], wide[0], flags, crc, mode
        )
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


def _local(source: Source, at: int) -> tuple[int, Entry] | None:
    """Read a local header; gives where its data begins, too."""
    fixed = source.read_at(at, _LOCAL_BYTES) if at >= 0 else b""
    if len(fixed) < _LOCAL_BYTES or fixed[:4] != _LOCAL:
        return None
    flags, method = struct.unpack("<HH", fixed[6:10])
    crc, packed, unpacked, name_size, extra_size = struct.unpack("<IIIHH", fixed[14:30])
    rest = source.read_at(at + _LOCAL_BYTES, name_size + extra_size)
    unpacked, packed, _ = _wide(rest[name_size:], unpacked, packed, 0)
    entry = Entry(_name(rest[:name_size]), at, method, packed, unpacked, flags, crc)
    return at + _LOCAL_BYTES + name_size + extra_size, entry


def _hidden(
    source: Source, covered: list[tuple[int, int]], trouble: Callable[[Trouble], None]
) -> Iterator[Found]:
    """Give members that no directory lists: readers of streams see them."""
    size = source.size or 0
    position = 0
    for start, end in [*sorted(covered), (size, size)]:
        while position < start:
            at = _search(source, position, start)
            local = _local(source, at) if at is not None else None
            if at is None or local is None:
                break
            data, entry = local
            if not _plausible(entry):  # a program can hold these bytes by chance
                position = at + _LOCAL_BYTES
                continue
            packed = entry.packed or start - data
            trouble(Trouble("hidden-member", "is listed in no directory", entry.name))
            yield from _found(source, entry, (data, packed, entry.method), trouble)
            position = max(data + entry.packed, at + _LOCAL_BYTES)
        position = max(position, end)


def _plausible(entry: Entry) -> bool:
    return entry.method in _KNOWN_METHODS and entry.name.isprintable() and bool(entry.name)


def _search(source: Source, start: int, end: int) -> int | None:
    """Find a local header in a gap, in its first and last mebibyte."""
    for first in (start, max(start, end - _GAP_BYTES)):
        at = source.read_at(first, min(_GAP_BYTES, end - first)).find(_LOCAL)
        if at >= 0:
            return first + at
    return None
