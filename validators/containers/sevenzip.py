"""7z archives: the directory, and the common methods (copy, LZMA, BCJ, deflate, bzip2, zstd).

Format: https://github.com/ip7z/7zip/blob/main/DOC/7zFormat.txt
"""

import lzma
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from validators.containers import deflate, streams
from validators.containers.limits import MAX_DIRECTORY_BYTES, MAX_MEMBERS, Trouble
from validators.containers.sevenzip_folders import (
    Cursor,
    Folder,
    read_pack_info,
    read_substreams,
    read_unpack_info,
)
from validators.containers.sources import Decoder, Slice, Source, Unpacked

_SIGNATURE_BYTES = 32
_HEADER, _FILES, _PACK, _UNPACK, _SUBSTREAMS = 0x01, 0x05, 0x06, 0x07, 0x08
_EMPTY_STREAMS, _NAMES, _ENCODED_HEADER = 0x0E, 0x11, 0x17
_MAX_HEADERS = 4  # a header that is packed in a header that is …

_COPY, _LZMA, _LZMA2, _DEFLATE = b"\0", b"\3\1\1", b"\x21", b"\4\1\x08"
_BZIP2, _ZSTD, _AES = b"\4\2\2", b"\4\xf7\x11\1", b"\6\xf1\7\1"
_FILTERS = {
    b"\3\3\1\3": lzma.FILTER_X86,
    b"\4": lzma.FILTER_X86,
    b"\3\3\2\5": lzma.FILTER_POWERPC,
    b"\3\3\4\1": lzma.FILTER_IA64,
    b"\3\3\5\1": lzma.FILTER_ARM,
    b"\3\3\7\1": lzma.FILTER_ARMTHUMB,
    b"\3\3\x08\5": lzma.FILTER_SPARC,
}
_SIMPLE: dict[bytes, Callable[[], Decoder]] = {
    _DEFLATE: deflate.Inflate,
    _BZIP2: streams.bzip2,
    _ZSTD: streams.zstandard,
}


@dataclass(frozen=True)
class Found:
    """A member of a 7z."""

    name: str
    source: Source


def members(source: Source, trouble: Callable[[Trouble], None]) -> Iterator[Found]:
    """Give every file of a 7z; report those whose method cannot be read.

    Raises:
        Trouble: the directory is broken or too large.
    """
    cursor = Cursor(_header(source))
    streams: list[Source] = []
    while kind := cursor.byte() if cursor.at < len(cursor.data) else 0:
        if kind == 0x04:  # noqa: PLR2004 - main streams
            streams = list(_streams(source, cursor, trouble))
        elif kind == _FILES:
            yield from _files(cursor, streams)
            return
        else:
            _pass_over(cursor)


def _header(source: Source) -> bytes:
    """Give the directory, unpacked, without its first byte."""
    start = source.read_at(0, _SIGNATURE_BYTES)
    offset, size = (int.from_bytes(start[at : at + 8], "little") for at in (12, 20))
    data = _bounded(source, _SIGNATURE_BYTES + offset, size)
    for _ in range(_MAX_HEADERS):
        if not data or data[0] == _HEADER:
            return data[1:]
        if data[0] != _ENCODED_HEADER:
            break
        packed = list(_streams(source, Cursor(data[1:]), _raise))
        data = _bounded(packed[0], 0, packed[0].size or 0) if packed else b""
    raise Trouble("unreadable", "its 7z directory is broken")


def _raise(trouble: Trouble) -> None:
    raise trouble


def _bounded(source: Source, offset: int, size: int) -> bytes:
    if size > MAX_DIRECTORY_BYTES:
        raise Trouble("too-large", f"its 7z directory is larger than {MAX_DIRECTORY_BYTES:,} bytes")
    return source.read_at(offset, size)


def _streams(
    source: Source, cursor: Cursor, trouble: Callable[[Trouble], None]
) -> Iterator[Source]:
    """Read pack, unpack and substream information; gives one source a file."""
    position, packed, folders = 0, list[int](), list[Folder]()
    while kind := cursor.byte():
        if kind == _PACK:
            position, packed = read_pack_info(cursor)
        elif kind == _UNPACK:
            folders = read_unpack_info(cursor)
        elif kind == _SUBSTREAMS:
            read_substreams(cursor, folders)
    start, used = _SIGNATURE_BYTES + position, 0
    for folder in folders:
        sizes = packed[used : used + folder.packed]
        used += folder.packed
        yield from _contents(source, folder, start, sum(sizes), trouble)
        start += sum(sizes)


def _contents(
    source: Source,
    folder: Folder,
    start: int,
    packed: int,
    trouble: Callable[[Trouble], None],
) -> Iterator[Source]:
    whole = folder.sizes[-1] if folder.sizes else 0
    try:
        unpacked = _open(source, folder, start, packed)
    except Trouble as cannot:
        trouble(cannot)
        unpacked = Slice(source, 0, 0)
    at = 0
    for size in [whole] if folder.files is None else folder.files:
        yield Slice(unpacked, at, size)
        at += size


def _open(source: Source, folder: Folder, start: int, packed: int) -> Source:
    methods = [method for method, _ in folder.coders]
    if _AES in methods:
        raise Trouble("encrypted", "is encrypted")
    if folder.simple and methods == [_COPY]:
        return Slice(source, start, packed)
    if folder.simple and len(methods) == 1 and methods[0] in _SIMPLE:
        return Unpacked(source, start, packed, _SIMPLE[methods[0]])
    chain = [_filter(*coder) for coder in folder.coders]
    if not folder.simple or not chain or None in chain:
        names = ", ".join(method.hex() for method in methods)
        raise Trouble("unreadable", f"uses the 7z methods {names}, which cannot be read")
    filters = [one for one in reversed(chain) if one]
    if filters[0]["id"] in (lzma.FILTER_LZMA1, lzma.FILTER_LZMA2):
        filters.reverse()  # coders are listed in either order; liblzma wants the packer last
    try:
        return Unpacked(source, start, packed, lambda: streams.RawLzma(filters))
    except lzma.LZMAError as error:
        raise Trouble("unreadable", f"its 7z directory asks for the impossible: {error}") from None


def _filter(method: bytes, properties: bytes) -> dict[str, int] | None:
    if method == _LZMA and len(properties) >= 5:  # noqa: PLR2004 - LZMA's properties
        return streams.lzma_filter(properties)
    if method == _LZMA2 and properties:
        bits = min(properties[0], 40)
        size = min((2 | bits & 1) << (bits // 2 + 11), streams.LZMA_MEMORY_BYTES)
        return {"id": lzma.FILTER_LZMA2, "dict_size": size}
    return {"id": _FILTERS[method]} if method in _FILTERS else None


def _files(cursor: Cursor, streams: list[Source]) -> Iterator[Found]:
    count = cursor.count(MAX_MEMBERS)
    names, empty = [""] * count, [False] * count
    while kind := cursor.byte():
        part = Cursor(cursor.take(cursor.number()))
        if kind == _EMPTY_STREAMS:
            empty = part.bits(count)
        elif kind == _NAMES and not part.byte():
            text = part.data[1:].decode("utf-16-le", "replace")
            names = [*text.split("\0"), *names][:count]
    full = [name for name, is_empty in zip(names, empty, strict=True) if not is_empty]
    # NB: streams that no file claims are looked at, too: their number may lie.
    full += [f"<stream {index}>" for index in range(len(full), len(streams))]
    for name, stream in zip(full, streams, strict=False):
        yield Found(name, stream)


def _pass_over(cursor: Cursor) -> None:
    """Pass over archive properties."""
    while cursor.byte():
        cursor.take(cursor.number())
