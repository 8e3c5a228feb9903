"""The directory of a 7z archive: its numbers, and the folders it describes."""

from dataclasses import dataclass, field

from validators.containers.limits import MAX_MEMBERS, Trouble

_SIZES, _DIGESTS, _FOLDER, _FOLDER_SIZES, _COUNTS = 0x09, 0x0A, 0x0B, 0x0C, 0x0D
_MAX_FOLDERS = 100_000
_MAX_CODERS = 32
_WIDE_NUMBER_BITS = 8


class Cursor:
    """Reads the directory's numbers."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        """Take bytes, which have to be there."""
        if count < 0 or self.at + count > len(self.data):
            raise Trouble("unreadable", "its 7z directory is broken")
        self.at += count
        return self.data[self.at - count : self.at]

    def byte(self) -> int:
        """Take one byte."""
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
        """Take a number of things, of which there may be so many."""
        value = self.number()
        if value > most:
            raise Trouble("too-many-members", f"its 7z directory lists more than {most:,} entries")
        return value

    def bits(self, count: int) -> list[bool]:
        """Take bits, the highest of a byte first."""
        data = self.take((count + 7) // 8)
        return [bool(data[index // 8] & 0x80 >> index % 8) for index in range(count)]

    def digests(self, count: int) -> None:
        """Pass over check sums: a loader has used the data before it compares them."""
        defined = [True] * count if self.byte() else self.bits(count)
        self.take(4 * sum(defined))


@dataclass
class Folder:
    """Streams that are packed together, by a chain of coders (method, properties)."""

    coders: list[tuple[bytes, bytes]]
    simple: bool
    packed: int = 1
    sizes: list[int] = field(default_factory=list)
    outputs: int = 1
    files: list[int] | None = None


def read_pack_info(cursor: Cursor) -> tuple[int, list[int]]:
    """Read where packed streams begin, and their sizes."""
    position, count, sizes = cursor.number(), cursor.count(_MAX_FOLDERS), list[int]()
    while kind := cursor.byte():
        if kind == _SIZES:
            sizes = [cursor.number() for _ in range(count)]
        elif kind == _DIGESTS:
            cursor.digests(count)
    return position, sizes


def read_unpack_info(cursor: Cursor) -> list[Folder]:
    """Read how streams are packed."""
    folders: list[Folder] = []
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


def _folder(cursor: Cursor) -> Folder:
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
    return Folder(coders, simple, packed, outputs=outputs)


def read_substreams(cursor: Cursor, folders: list[Folder]) -> None:
    """Read how many files each folder holds, and their sizes."""
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
