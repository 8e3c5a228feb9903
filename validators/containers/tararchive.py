"""Tar archives: ustar, GNU and pax, read header by header.

Readers disagree about what a strange header means, and so about where the next one is. What only
some of them would read is therefore reported: no writer of archives makes it.
Format: https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from validators.containers.limits import Trouble
from validators.containers.magic import is_tar, tar_number
from validators.containers.names import leaves
from validators.containers.sources import Slice, Source

BLOCK = 512
_MAX_RECORD_BYTES = 1 << 20  # of a pax or GNU name record
_MAX_GAP_BLOCKS = 20_480  # of zeros, behind which some readers go on
_PAX_LENGTH = re.compile(rb"([0-9]{1,20}) ")
_LARGEST_OCTAL = 8**11  # bytes; a larger file needs a size outside of the plain header
_PAX_KINDS, _GLOBAL = (b"x", b"X"), b"g"
_GNU_NAMES = {b"L": b"path", b"K": b"linkpath"}
_HARD, _SYMBOLIC, _DIRECTORY, _SPARSE = b"1", b"2", b"5", b"S"
_DEVICES = frozenset({b"3", b"4", b"6"})
_WITHOUT_CONTENT = _DEVICES | {_HARD, _SYMBOLIC, _DIRECTORY}

Tell = Callable[[Trouble], None]


@dataclass(frozen=True)
class Found:
    """A member of a tar.

    Attributes:
        name: as the archive has it.
        source: its content; empty for links.
        target: what a link points to; None for other members.
        hard: whether it is a hard link, whose target counts from the archive's root.
    """

    name: str
    source: Source
    target: str | None = None
    hard: bool = False


@dataclass
class _Records:
    """What pax and GNU records say of the member that follows, and of all that follow."""

    following: dict[bytes, bytes] = field(default_factory=dict)
    all: dict[bytes, bytes] = field(default_factory=dict)

    def take(self) -> Mapping[bytes, bytes]:
        """Give what holds for the member that is next; records of its own count for it alone."""
        records, self.following = self.all | self.following, {}
        return records


def members(source: Source, trouble: Tell) -> Iterator[Found]:
    """Give every file and link of a tar; directories are passed over."""
    offset, gap, records = 0, 0, _Records()
    while len(block := source.read_at(offset, BLOCK)) == BLOCK:
        if not is_tar(block):
            gap += 1
            if any(block):
                trouble(Trouble("broken", f"has bytes that are in no member, at {offset:,}"))
            if any(block) or gap > _MAX_GAP_BLOCKS:
                return
            offset += BLOCK
            continue
        gap = 0
        name, kind, size = _text(_header_name(block)), _kind(block), tar_number(block[124:136])
        if size is None:
            trouble(Trouble("lying-header", "has a size that is no number", name))
            size = 0
        data = offset + BLOCK
        if kind in _PAX_KINDS or kind == _GLOBAL or kind in _GNU_NAMES:
            _take_record(source, data, kind, size, records, trouble)
        else:
            fields = records.take()
            name = _text(fields.get(b"path") or _header_name(block))
            size = _size(kind, size, fields, name, trouble)
            yield from _member(name, block, Slice(source, data, size), fields, trouble)
        offset = data + _padded(size)


def _padded(size: int) -> int:
    return (size + BLOCK - 1) // BLOCK * BLOCK


def _kind(block: bytes) -> bytes:
    kind = block[156:157]
    if kind == b"\0" and _header_name(block).endswith(b"/"):
        return _DIRECTORY  # as the oldest tars write it
    return kind


def _size(kind: bytes, size: int, fields: Mapping[bytes, bytes], name: str, trouble: Tell) -> int:
    """Give the size of a member's content, or report that readers would disagree about it."""
    if kind == _SPARSE or any(key.startswith(b"GNU.sparse") for key in fields):
        trouble(Trouble("unreadable", "is a sparse file, which only some readers fill up", name))
    if kind in _WITHOUT_CONTENT:
        if size or fields.get(b"size", b"0").strip(b"0"):
            trouble(Trouble("lying-header", "has content, which its type does not allow", name))
        return 0
    if b"size" not in fields:
        return size
    stated = fields[b"size"]
    if not stated.isdigit() or (size and size != int(stated) < _LARGEST_OCTAL):
        trouble(Trouble("lying-header", "has two sizes that differ", name))
    return int(stated) if stated.isdigit() else size


def _member(
    name: str, block: bytes, content: Source, fields: Mapping[bytes, bytes], trouble: Tell
) -> Iterator[Found]:
    kind = _kind(block)
    if kind in _DEVICES:
        trouble(Trouble("link", "is a device or a pipe", name))
    elif kind in (_HARD, _SYMBOLIC):
        target = _text(fields.get(b"linkpath") or block[157:257].split(b"\0")[0])
        yield Found(name, content, target, hard=kind == _HARD)
    elif kind != _DIRECTORY:
        yield Found(name, content)
    elif leaves(name):
        trouble(Trouble("path", "is a directory outside the one that is unpacked to", name))


def _header_name(block: bytes) -> bytes:
    name, prefix = block[:100].split(b"\0")[0], block[345:500].split(b"\0")[0]
    return prefix + b"/" + name if prefix and block[257:263] == b"ustar\0" else name


def _take_record(
    source: Source, data: int, kind: bytes, size: int, records: _Records, trouble: Tell
) -> None:
    """Take over a pax record, or a GNU one for a long name or link target."""
    if size > _MAX_RECORD_BYTES:
        trouble(Trouble("too-large", f"has a record of more than {_MAX_RECORD_BYTES:,} bytes"))
    text = source.read_at(data, min(_padded(size), _MAX_RECORD_BYTES))
    if kind in _GNU_NAMES:
        records.following[_GNU_NAMES[kind]] = text.split(b"\0")[0]
        return
    fields = _pax(text)
    if fields is None or text[size:].strip(b"\0"):
        trouble(Trouble("lying-header", "has a pax record that cannot be read"))
    if kind == _GLOBAL and fields and b"size" in fields:
        trouble(Trouble("lying-header", "has one size for all members"))
    (records.all if kind == _GLOBAL else records.following).update(fields or {})


def _pax(text: bytes) -> dict[bytes, bytes] | None:
    """Read records of the form ``LENGTH KEY=VALUE``; None where one does not fit its length."""
    fields, at = {}, 0
    while at < len(text) and text[at]:
        length = _PAX_LENGTH.match(text, at)
        end = at + int(length[1]) if length else 0
        key, equals, value = text[length.end() if length else at : max(end - 1, 0)].partition(b"=")
        if not equals or text[end - 1 : end] != b"\n":
            return None
        fields[key] = value
        at = end
    return fields


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
