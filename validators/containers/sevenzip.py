"""7z archives: the directory, and the common methods (copy, LZMA, BCJ, deflate, bzip2, zstd).

Format: https://github.com/ip7z/7zip/blob/main/DOC/7zFormat.txt
"""

import lzma
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from validators.containers import decoders
from validators.containers.limits import MAX_DIRECTORY_BYTES, MAX_MEMBERS, Trouble
from validators.containers.sources import Decoder, Slice, Source, Unpacked

_SIGNATURE_BYTES = 32
_HEADER, _FILES, _PACK, _UNPACK, _SUBSTREAMS = 0x01, 0x05, 0x06, 0x07, 0x08
_SIZES, _DIGESTS, _FOLDER, _FOLDER_SIZES, _COUNTS = 0x09, 0x0A, 0x0B, 0x0C, 0x0D
_EMPTY_STREAMS, _NAMES, _ENCODED_HEADER = 0x0E, 0x11, 0x17
_MAX_FOLDERS = 100_000
_MAX_CODERS = 32
_MAX_HEADERS = 4  # a header that is packed in a header that is …
_WIDE_NUMBER_BITS = 8

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
    _DEFLATE: decoders.Inflate,
    _BZIP2: decoders.bzip2,
    _ZSTD: decoders.zstandard,
}


class _Cursor:
    """Reads the directory's numbers."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        if count < 0 or self.at + count > len(self.data):
            raise Trouble("unreadable", "its 7z directory is broken")
        self.at += count
        return self.data[self.at - count : self.at]

    def byte(self) -> int:
        return self.take(1)[0]

    def number(self) -> int:
        """Read a number whose first byte says by its leading ones how many follow."""
        first, value = self.byte(), 0
        for index in range(_WIDE_NUMBER_BITS):
            mask = 0x80 >> index
            if not first & mask:
                return value | (first & (mask - 1)) << (8 * index)
            value |= self.byte() << (8 * index)
        return value

    def count(self, most: int) -> int:
        value = self.number()
        if value > most:
            raise Trouble("too-many-members", f"its 7z directory lists more than {most:,} entries")
        return value

    def bits(self, count: int) -> list[bool]:
        data = self.take((count + 7) // 8)
        return [bool(data[index // 8] & 0x80 >> index % 8) for index in range(count)]

    def digests(self, count: int) -> None:
        """Pass over check sums: a loader has used the data before it compares them."""
        defined = [True] * count if self.byte() else self.bits(count)
        self.take(4 * sum(defined))


@dataclass
class _Folder:
    """Streams that are packed together, by a chain of coders (method, properties)."""

    coders: list[tuple[bytes, bytes]]
    simple: bool
    packed: int = 1
    sizes: list[int] = field(default_factory=list)
    outputs: int = 1
    files: list[int] | None = None


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
    cursor = _Cursor(_header(source))
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
        packed = list(_streams(source, _Cursor(data[1:]), _raise))
        data = _bounded(packed[0], 0, packed[0].size or 0) if packed else b""
    raise Trouble("unreadable", "its 7z directory is broken")


def _raise(trouble: Trouble) -> None:
    raise trouble


def _bounded(source: Source, offset: int, size: int) -> bytes:
    if size > MAX_DIRECTORY_BYTES:
        raise Trouble("too-large", f"its 7z directory is larger than {MAX_DIRECTORY_BYTES:,} bytes")
    return source.read_at(offset, size)


def _streams(
    source: Source, cursor: _Cursor, trouble: Callable[[Trouble], None]
) -> Iterator[Source]:
    """Read pack, unpack and substream information; gives one source a file."""
    position, packed, folders = 0, list[int](), list[_Folder]()
    while kind := cursor.byte():
        if kind == _PACK:
            position, packed = _pack_info(cursor)
        elif kind == _UNPACK:
            folders = _unpack_info(cursor)
        elif kind == _SUBSTREAMS:
            _substreams(cursor, folders)
    start, used = _SIGNATURE_BYTES + position, 0
    for folder in folders:
        sizes = packed[used : used + folder.packed]
        used += folder.packed
        yield from _contents(source, folder, start, sum(sizes), trouble)
        start += sum(sizes)


def _contents(
    source: Source,
    folder: _Folder,
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


def _open(source: Source, folder: _Folder, start: int, packed: int) -> Source:
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
        return Unpacked(source, start, packed, lambda: decoders.RawLzma(filters))
    except lzma.LZMAError as error:
        raise Trouble("unreadable", f"its 7z directory asks for the impossible: {error}") from None


def _filter(method: bytes, properties: bytes) -> dict[str, int] | None:
    if method == _LZMA and len(properties) >= 5:  # noqa: PLR2004 - LZMA's properties
        return decoders.lzma_filter(properties)
    if method == _LZMA2 and properties:
        bits = min(properties[0], 40)
        size = min((2 | bits & 1) << (bits // 2 + 11), decoders.LZMA_MEMORY_BYTES)
        return {"id": lzma.FILTER_LZMA2, "dict_size": size}
    return {"id": _FILTERS[method]} if method in _FILTERS else None


def _pack_info(cursor: _Cursor) -> tuple[int, list[int]]:
    position, count, sizes = cursor.number(), cursor.count(_MAX_FOLDERS), list[int]()
    while kind := cursor.byte():
        if kind == _SIZES:
            sizes = [cursor.number() for _ in range(count)]
        elif kind == _DIGESTS:
            cursor.digests(count)
    return position, sizes


def _unpack_info(cursor: _Cursor) -> list[_Folder]:
    folders: list[_Folder] = []
    while kind := cursor.byte():
        if kind == _FOLDER:
            count, external = cursor.count(_MAX_FOLDERS), cursor.byte()
            if external:
                raise Trouble("unreadable", "its 7z directory is in several parts")
            folders = [_folder(cursor) for _ in range(count)]
        elif kind == _FOLDER_SIZES:
            for folder in folders:
                folder.sizes = [cursor.number() for _ in range(folder.outputs)]
        elif kind == _DIGESTS:
            cursor.digests(len(folders))
    return folders


def _folder(cursor: _Cursor) -> _Folder:
    coders, inputs, outputs = [], 0, 0
    for _ in range(cursor.count(_MAX_CODERS)):
        flags = cursor.byte()
        method = cursor.take(flags & 0x0F)
        complex_ = bool(flags & 0x10)
        inputs += cursor.count(_MAX_CODERS) if complex_ else 1
        outputs += cursor.count(_MAX_CODERS) if complex_ else 1
        properties = cursor.take(cursor.number()) if flags & 0x20 else b""
        coders.append((method, properties))
    for _ in range(max(outputs - 1, 0)):
        cursor.number(), cursor.number()
    packed = inputs - (outputs - 1)
    if packed > 1:
        for _ in range(packed):
            cursor.number()
    simple = inputs == outputs == len(coders)
    return _Folder(coders, simple, packed, outputs=outputs)


def _substreams(cursor: _Cursor, folders: list[_Folder]) -> None:
    counts = [1] * len(folders)
    kind = cursor.byte()
    if kind == _COUNTS:
        counts = [cursor.count(MAX_MEMBERS) for _ in folders]
        kind = cursor.byte()
    for folder, count in zip(folders, counts, strict=True):
        whole = folder.sizes[-1] if folder.sizes else 0
        known = [cursor.number() for _ in range(count - 1)] if kind == _SIZES else []
        folder.files = [*known, max(whole - sum(known), 0)] if count else []
    if kind == _SIZES:
        kind = cursor.byte()
    while kind:
        if kind == _DIGESTS:
            cursor.digests(sum(counts))
        kind = cursor.byte()


def _files(cursor: _Cursor, streams: list[Source]) -> Iterator[Found]:
    count = cursor.count(MAX_MEMBERS)
    names, empty = [""] * count, [False] * count
    while kind := cursor.byte():
        part = _Cursor(cursor.take(cursor.number()))
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


def _pass_over(cursor: _Cursor) -> None:
    """Pass over archive properties."""
    while cursor.byte():
        cursor.take(cursor.number())
