"""HDF5 as Keras writes it: every object is visited, no data set is read.

Source: https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html. The HDF5 library is
neither in the closure of this project nor meant for hostile files (each year brings memory errors
in it), so this reader follows the parts of the format that h5py uses. What it does not follow
(shared messages, compressed heaps) it reports, so nothing hides there.
"""

from dataclasses import dataclass, field
from typing import NoReturn

from validators.formats.hdf5_dense import links
from validators.formats.problem import FormatError, Problem
from validators.formats.source import Source, shown

SIGNATURE = b"\x89HDF\r\n\x1a\n"
UNDEFINED = (1 << 64) - 1
MAX_STEPS = 300_000  # over one file: its objects, messages, entries; real models take thousands
MAX_TEXT_BYTES = 64 << 20  # of all attributes together
MAX_MESSAGE_BYTES = 1 << 20
_FIRST_PLACE = 512  # bytes; the signature is at 0, here, or at a power of two from here on
_SUPERBLOCKS_OLD, _SUPERBLOCKS_NEW = (0, 1), (2, 3)
LINK_INFO, LINK, EXTERNAL, LAYOUT = 0x02, 0x06, 0x07, 0x08
ATTRIBUTE, CONTINUATION, SYMBOLS, ATTRIBUTE_INFO = 0x0C, 0x10, 0x11, 0x15
_HARD_LINK, _SOFT_LINK, _EXTERNAL_LINK = 0, 1, 64
_VIRTUAL_LAYOUT = 3
_CACHED_SOFT_LINK = 2


@dataclass(frozen=True)
class Message:
    """A message of an object header: its type, its flags, its bytes."""

    kind: int
    flags: int
    data: bytes


@dataclass
class File:
    """What a walk found: the messages of the root group that are attributes, and problems."""

    attributes: list[Message] = field(default_factory=list)
    problems: dict[Problem, None] = field(default_factory=dict)


def fail(message: str, trigger: str) -> NoReturn:
    """Give up on a file; raises FormatError."""
    remedy = "save the model again with Keras, or convert its weights to safetensors"
    raise FormatError(Problem("hdf5-unreadable", message, trigger, remedy))


def signature_place(source: Source) -> int | None:
    """Find where HDF5 begins; another format may lie before it, which the library steps over."""
    place = 0
    while not place or place < source.size:
        if source.read(place, len(SIGNATURE)) == SIGNATURE:
            return place
        place = place * 2 or _FIRST_PLACE
    return None


class Reader:
    """The bytes of one HDF5 file, addressed as its own structures do."""

    def __init__(self, source: Source, base: int) -> None:
        self.source = source
        self.base = base
        self.found = File()
        self._seen: set[int] = set()
        self._blocks: set[int] = set()
        self._steps = 0
        self._text_bytes = 0

    def read(self, address: int, length: int) -> bytes:
        """Read bytes that must exist; raises FormatError when they do not."""
        if length > MAX_MESSAGE_BYTES or address + length > self.source.size - self.base:
            fail("a structure lies outside the file", f"{length} B at {address}")
        return self.source.read(self.base + address, length)

    def spend(self, steps: int = 1, text_bytes: int = 0) -> None:
        """Count work, so that structures that go round in circles end; raises FormatError."""
        self._steps += steps
        self._text_bytes += text_bytes
        if self._steps > MAX_STEPS or self._text_bytes > MAX_TEXT_BYTES:
            trigger = f"{self._steps} steps, {self._text_bytes} B"
            fail("there is more to follow than in any real model", trigger)

    def walk(self) -> File:
        """Visit every object.

        Raises:
            FormatError: the structure cannot be followed.
        """
        root = self._root()
        queue = [root]
        while queue:
            address = queue.pop()
            if address in self._seen:
                continue
            self._seen.add(address)
            queue += self._object(address, root=address == root)
        return self.found

    def _root(self) -> int:
        head = self.read(0, 48)
        version = head[8]
        if version in _SUPERBLOCKS_NEW:
            sizes, addresses, last = head[9:11], 12, 36
        elif version in _SUPERBLOCKS_OLD:
            # NB: version 1 has four bytes more; the root's entry follows the four addresses.
            sizes, addresses = head[13:15], 24 + 4 * version
            last = addresses + 4 * 8 + 8
        else:
            fail("the version of the file is unknown", str(version))
        if sizes != b"\x08\x08":
            fail("addresses are not of eight bytes, as h5py writes them", sizes.hex())
        return number(self.read(last, 8))

    def _object(self, address: int, *, root: bool) -> list[int]:
        children: list[int] = []
        for message in self._header(address):
            if message.kind in (ATTRIBUTE, ATTRIBUTE_INFO) and root:
                self.found.attributes.append(message)
            children += self._follow(message)
        return children

    def _follow(self, message: Message) -> list[int]:
        data = message.data
        if message.flags & 2 and message.kind in (LINK, LINK_INFO, EXTERNAL, LAYOUT, SYMBOLS):
            fail("a message is shared between objects", f"type {message.kind}")
        match message.kind:
            case 0x07:
                self._outside("external-storage", "a data set lies in another file", data)
            case 0x08 if len(data) > 1 and _layout_class(data) == _VIRTUAL_LAYOUT:
                self._outside("external-storage", "a data set is put together from others", data)
            case 0x06:
                return self._link(data)
            case 0x02:
                return self._link_info(data)
            case 0x11 if len(data) >= 16:  # noqa: PLR2004 - two addresses
                return self._tree(number(data[:8]))
        return []

    def _outside(self, rule: str, message: str, data: bytes) -> None:
        remedy = "save the model again with all its data in one file"
        self.found.problems[Problem(rule, message, shown(data[:40]), remedy)] = None

    def _link_info(self, data: bytes) -> list[int]:
        start = 2 + (8 if len(data) > 1 and data[1] & 1 else 0)
        heap, tree = number(data[start : start + 8]), number(data[start + 8 : start + 16])
        if heap == UNDEFINED:
            return []
        return [child for link in links(self, heap, tree) for child in self._link(link)]

    def _link(self, data: bytes) -> list[int]:
        flags, position, kind = data[1], 2, _HARD_LINK
        if flags & 8:
            kind, position = data[2], 3
        position += (8 if flags & 4 else 0) + (1 if flags & 16 else 0)
        width = 1 << (flags & 3)
        length = number(data[position : position + width])
        name = data[position + width : position + width + length]
        rest = data[position + width + length :]
        if kind == _HARD_LINK:
            return [number(rest[:8])]
        if kind != _SOFT_LINK:
            self._outside("external-link", "a link leads to another file", name + b" " + rest[2:])
        return []

    def _tree(self, address: int) -> list[int]:
        children, queue = [], [address]
        while queue:
            place = queue.pop()
            head = self.read(place, 8)
            self.spend(1 + number(head[6:8]))
            if head[:4] == b"SNOD":
                children += self._symbols(place, number(head[6:8]))
            elif head[:5] == b"TREE\0":
                count = number(head[6:8])
                keys = self.read(place + 24, 16 * count + 8)
                queue += [number(keys[16 * i + 8 : 16 * i + 16]) for i in range(count)]
            else:
                fail("the tree of a group is broken", f"{shown(head)} at {place}")
        return children

    def _symbols(self, place: int, count: int) -> list[int]:
        entries = self.read(place + 8, 40 * count)
        rows = [entries[40 * i : 40 * i + 40] for i in range(count)]
        return [number(row[8:16]) for row in rows if number(row[16:20]) != _CACHED_SOFT_LINK]

    def _header(self, address: int) -> list[Message]:
        start = self.read(address, 16) if address + 16 <= self.source.size else b""
        if start[:4] == b"OHDR":
            return self._new_header(address, start)
        if start[:2] != b"\x01\x00":
            fail("an object is broken", f"{shown(start[:4])} at {address}")
        messages: list[Message] = []
        blocks = [(address + 16, number(start[8:12]))]
        while blocks:
            place, size = blocks.pop()
            self._old_block(self.read(place, size), messages, blocks)
        return messages

    def _old_block(
        self, block: bytes, messages: list[Message], blocks: list[tuple[int, int]]
    ) -> None:
        position = 0
        while position + 8 <= len(block):
            kind, size = number(block[position : position + 2]), number(block[position + 2 :][:2])
            data = block[position + 8 : position + 8 + size]
            self._add(Message(kind, block[position + 4], data), messages, blocks)
            position += 8 + size

    def _new_header(self, address: int, start: bytes) -> list[Message]:
        flags = start[5]
        position = address + 6 + (16 if flags & 32 else 0) + (4 if flags & 16 else 0)
        width = 1 << (flags & 3)
        size = number(self.read(position, width))
        messages: list[Message] = []
        blocks: list[tuple[int, int]] = []
        self._new_block(self.read(position + width, size), flags, messages, blocks)
        while blocks:
            place, length = blocks.pop()
            if self.read(place, 4) != b"OCHK" or length < 8:  # noqa: PLR2004 - mark and checksum
                fail("a header goes on where there is none", f"at {place}")
            self._new_block(self.read(place + 4, length - 8), flags, messages, blocks)
        return messages

    def _new_block(
        self, block: bytes, flags: int, messages: list[Message], blocks: list[tuple[int, int]]
    ) -> None:
        position, head = 0, 6 if flags & 4 else 4
        while position + head <= len(block):
            size = number(block[position + 1 : position + 3])
            data = block[position + head : position + head + size]
            self._add(Message(block[position], block[position + 3], data), messages, blocks)
            position += head + size

    def _add(
        self, message: Message, messages: list[Message], blocks: list[tuple[int, int]]
    ) -> None:
        self.spend()
        if message.kind == CONTINUATION:
            place = number(message.data[:8])
            if place in self._blocks:
                fail("a header goes on in itself, or in another's", f"at {place}")
            self._blocks.add(place)
            blocks.append((place, number(message.data[8:16])))
        else:
            messages.append(message)


def _layout_class(data: bytes) -> int:
    return data[2] if data[0] < 3 and len(data) > 2 else data[1]  # noqa: PLR2004 - versions


def number(data: bytes) -> int:
    """Read a little-endian integer of any width."""
    return int.from_bytes(data, "little")
