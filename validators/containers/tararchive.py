"""Tar archives: ustar, GNU and pax, read header by header.

Format: https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from validators.containers.limits import Trouble
from validators.containers.magic import is_tar
from validators.containers.sources import Slice, Source

BLOCK = 512
_MAX_NAME_RECORD = 1 << 20  # bytes of a pax or GNU name record
_MAX_GAP_BLOCKS = 20_480  # of zeros, behind which some readers go on
_PAX = re.compile(rb"[0-9]+ ([^=]+)=([^\n]*)\n")
_LINKS = {b"1": "hard link", b"2": "symbolic link"}
_DEVICES = {b"3", b"4", b"6"}


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


def members(source: Source, trouble: Callable[[Trouble], None]) -> Iterator[Found]:
    """Give every file and link of a tar; directories are passed over."""
    offset, gap, extra = 0, 0, dict[bytes, bytes]()
    while len(block := source.read_at(offset, BLOCK)) == BLOCK:
        if not is_tar(block):
            gap += 1
            if any(block) or gap > _MAX_GAP_BLOCKS:
                return
            offset += BLOCK
            continue
        gap = 0
        kind, size = block[156:157], _number(block[124:136])
        data = offset + BLOCK
        if kind in (b"x", b"g", b"L", b"K"):
            extra |= _record(source.read_at(data, min(size, _MAX_NAME_RECORD)), kind)
        else:
            size = int(extra.get(b"size", b"") or size) if _is_digits(extra) else size
            yield from _member(source, block, data, size, extra, trouble)
            extra = {}
        if kind in _LINKS and not extra:
            size = 0
        offset = data + (size + BLOCK - 1) // BLOCK * BLOCK


def _is_digits(extra: dict[bytes, bytes]) -> bool:
    return extra.get(b"size", b"").isdigit()


def _member(
    source: Source,
    block: bytes,
    data: int,
    size: int,
    extra: dict[bytes, bytes],
    trouble: Callable[[Trouble], None],
) -> Iterator[Found]:
    kind = block[156:157]
    name = _text(extra.get(b"path") or _header_name(block))
    if kind in _DEVICES:
        trouble(Trouble("link", "is a device or a pipe", name))
    elif kind in _LINKS:
        target = _text(extra.get(b"linkpath") or block[157:257].split(b"\0")[0])
        yield Found(name, Slice(source, data, 0), target, hard=kind == b"1")
    elif kind != b"5":
        yield Found(name, Slice(source, data, size))


def _header_name(block: bytes) -> bytes:
    name, prefix = block[:100].split(b"\0")[0], block[345:500].split(b"\0")[0]
    return prefix + b"/" + name if prefix and block[257:263] == b"ustar\0" else name


def _record(data: bytes, kind: bytes) -> dict[bytes, bytes]:
    """Read a pax record, or a GNU one for a long name or link target."""
    if kind == b"L":
        return {b"path": data.split(b"\0")[0]}
    if kind == b"K":
        return {b"linkpath": data.split(b"\0")[0]}
    return dict(_PAX.findall(data))


def _number(field: bytes) -> int:
    """Read an octal or, with the first bit set, a binary number; never negative."""
    if field[0] & 0x80:
        return int.from_bytes(field[1:], "big") if field[0] == 0x80 else 0  # noqa: PLR2004 - positive
    try:
        return max(int(field.split(b"\0")[0].strip() or b"0", 8), 0)
    except ValueError:
        return 0


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
