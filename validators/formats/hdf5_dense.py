"""Links and attributes in the dense storage of HDF5: a fractal heap, and a tree that lists it.

Source: https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html, "Version 2 B-trees"
and "Fractal Heap". h5py writes them with ``libver="latest"`` or ordered names, from nine names on.
Trees and heaps are followed through their addresses; every step is counted by the reader.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from validators.formats.problem import FormatError, Problem
from validators.formats.source import shown

if TYPE_CHECKING:
    from validators.formats.hdf5 import Reader

MAX_DEPTH = 16  # levels of a tree, and of blocks in a heap
_NODE_OVERHEAD = 10  # signature, version, type, checksum
_MANAGED, _HUGE, _TINY = range(3)
_LINK_NAMES, _ATTRIBUTE_NAMES, _HUGE_OBJECTS = 5, 8, 1  # types of trees
_RECORD_BYTES = {_LINK_NAMES: 11, _ATTRIBUTE_NAMES: 17, _HUGE_OBJECTS: 24}


def links(reader: "Reader", heap: int, tree: int) -> Iterator[bytes]:
    """Give every link message of a group; raises FormatError when they cannot be followed."""
    store = _Heap(reader, heap)
    for record in _records(reader, tree, _LINK_NAMES):
        yield store.object(record[4:])


def attributes(reader: "Reader", heap: int, tree: int) -> Iterator[tuple[int, bytes]]:
    """Give the flags and bytes of every attribute message; raises FormatError as `links` does."""
    store = _Heap(reader, heap)
    for record in _records(reader, tree, _ATTRIBUTE_NAMES):
        yield record[8], store.object(record[:8])


def _number(data: bytes) -> int:
    return int.from_bytes(data, "little")


def _fail(message: str, trigger: str) -> FormatError:
    remedy = "save the model again with h5py's defaults, or convert its weights to safetensors"
    return FormatError(Problem("hdf5-unreadable", message, trigger, remedy))


def _width(limit: int) -> int:
    """Give the bytes in which the format keeps numbers up to a limit."""
    return (max(limit, 1).bit_length() - 1) // 8 + 1


def _records(reader: "Reader", address: int, kind: int) -> Iterator[bytes]:
    head = reader.read(address, 38)
    size, depth = _number(head[10:12]), _number(head[12:14])
    if head[:4] != b"BTHD" or head[5] != kind or size != _RECORD_BYTES[kind] or depth > MAX_DEPTH:
        raise _fail("a tree of names is broken", f"{shown(head[:14])} at {address}")
    node = _number(head[6:10])
    widths, total = [0], (node - _NODE_OVERHEAD) // size
    each = _width(total)
    for level in range(1, depth + 1):
        pointer = 8 + each + widths[level - 1]
        most = max(node - _NODE_OVERHEAD - pointer, 0) // (size + pointer)
        total = min((most + 1) * total + most, 1 << 64)
        widths.append(_width(total))
    queue = [(_number(head[16:24]), _number(head[24:26]), depth)]
    while queue:
        place, count, level = queue.pop()
        reader.spend(1 + count)
        pointer = 8 + each + widths[level - 1] if level else 0
        data = reader.read(place, 6 + count * size + (count + 1) * pointer)
        if data[:4] != (b"BTIN" if level else b"BTLF") or data[5] != kind:
            raise _fail("a tree of names is broken", f"{shown(data[:6])} at {place}")
        for index in range(count):
            yield data[6 + index * size : 6 + (index + 1) * size]
        for index in range(count + 1 if level else 0):
            start = 6 + count * size + index * pointer
            child = _number(data[start : start + 8])
            queue.append((child, _number(data[start + 8 : start + 8 + each]), level - 1))


class _Heap:
    """The objects of a fractal heap by their identifiers."""

    def __init__(self, reader: "Reader", address: int) -> None:
        self.reader = reader
        head = reader.read(address, 146)
        if head[:4] != b"FRHP" or _number(head[7:9]):
            raise _fail(
                "a heap of names is broken, or compressed", f"{shown(head[:9])} at {address}"
            )
        self.huge = _number(head[22:30])
        self.columns, self.first = _number(head[110:112]), _number(head[112:120])
        largest, longest = _number(head[120:128]), _number(head[10:14])
        self.offset_width = (_number(head[128:130]) + 7) // 8
        self.length_width = min((largest.bit_length() + 6) // 8, _width(longest))
        self.root, self.rows = _number(head[132:140]), _number(head[140:142])
        if not self.columns or not self.first or largest < self.first:
            raise _fail("a heap of names is broken", f"{shown(head[110:128])} at {address}")
        self.direct_rows = largest.bit_length() - self.first.bit_length() + 2

    def object(self, identifier: bytes) -> bytes:
        """Give the bytes of an object."""
        self.reader.spend()
        kind = identifier[0] >> 4 & 3
        if kind == _TINY:
            return identifier[1 : 2 + (identifier[0] & 15)]
        if kind == _HUGE:
            return self._huge(_number(identifier[1:]))
        if kind != _MANAGED:
            raise _fail("an object in a heap is of an unknown kind", shown(identifier))
        offset = _number(identifier[1 : 1 + self.offset_width])
        start = 1 + self.offset_width
        length = _number(identifier[start : start + self.length_width])
        return self.reader.read(self._place(offset), length)

    def _huge(self, wanted: int) -> bytes:
        for record in _records(self.reader, self.huge, _HUGE_OBJECTS):
            if _number(record[16:24]) == wanted:
                return self.reader.read(_number(record[:8]), _number(record[8:16]))
        raise _fail("an object is missing from its heap", str(wanted))

    def _place(self, offset: int) -> int:
        """Follow the blocks to where an offset of the heap lies in the file."""
        if not self.rows:
            return self.root + offset
        block = self.root
        for _ in range(MAX_DEPTH):
            row = max((offset // (self.columns * self.first)).bit_length(), 0)
            size = self.first << max(row - 1, 0)
            begin = self.columns * size if row else 0
            column, inner = divmod(offset - begin, size)
            entry = 13 + self.offset_width + 8 * (row * self.columns + column)
            if self.reader.read(block, 4) != b"FHIB":
                raise _fail("a heap of names is broken", f"at {block}")
            block = _number(self.reader.read(block + entry, 8))
            if row < self.direct_rows:
                return block + inner
            offset = inner
        raise _fail("the blocks of a heap are nested too deeply", f"at {block}")
