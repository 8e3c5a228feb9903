"""The texts that an HDF5 file keeps as attributes of its root group, where Keras puts its model.

Source: https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html, the messages
"Attribute", "Datatype" and "Dataspace", and the global heap.
"""

from collections.abc import Iterator
from math import prod

from validators.formats.hdf5 import (
    ATTRIBUTE,
    ATTRIBUTE_INFO,
    MAX_TEXT_BYTES,
    UNDEFINED,
    Message,
    Reader,
    fail,
    number,
)
from validators.formats.hdf5_dense import attributes
from validators.formats.problem import Problem
from validators.formats.source import Source, shown

MAX_ELEMENTS = 100_000
_SHARED = 3  # flags of an attribute whose type or space is kept elsewhere
_STRING_CLASS, _VARIABLE_CLASS = 3, 9
_VARIABLE_BYTES = 16  # length, heap address, index


def inspect(source: Source, place: int) -> tuple[list[tuple[str, bytes]], list[Problem]]:
    """Visit all objects of an HDF5 file.

    Args:
        source: holds the file.
        place: of its signature.

    Returns:
        Each text attribute of the root group (its name, its elements put together), and what is
        wrong with the file.

    Raises:
        FormatError: something cannot be followed, so it could hold anything.
    """
    reader = Reader(source, place)
    try:
        found = reader.walk()
        texts = list(_root_texts(reader, found.attributes))
    except IndexError:
        fail("a structure of the file is cut short", "")
    return texts, list(found.problems)


def _root_texts(reader: Reader, messages: list[Message]) -> Iterator[tuple[str, bytes]]:
    for message in messages:
        if message.kind == ATTRIBUTE_INFO:
            start = 2 + (2 if message.data[1:2] and message.data[1] & 1 else 0)
            heap, tree = (number(message.data[at : at + 8]) for at in (start, start + 8))
            dense = attributes(reader, heap, tree) if heap != UNDEFINED else ()
            yield from _root_texts(reader, [Message(ATTRIBUTE, *item) for item in dense])
        elif message.flags & 2:
            fail("an attribute is shared between objects", "shared message")
        else:
            yield from _attribute(reader, message.data)


def _attribute(reader: Reader, data: bytes) -> Iterator[tuple[str, bytes]]:
    if len(data) < 8:  # noqa: PLR2004 - the fixed part of every version
        fail("an attribute is broken", shown(data))
    version, flags = data[0], data[1] if data[0] > 1 else 0
    sizes = [number(data[place : place + 2]) for place in (2, 4, 6)]
    if version not in (1, 2, 3) or flags & _SHARED:
        fail("an attribute is of a kind that is not read here", f"version {version}, {flags}")
    # NB: only the first version pads its parts to eight bytes.
    padded = [size + (-size % 8 if version == 1 else 0) for size in sizes]
    position = 9 if version == 3 else 8  # noqa: PLR2004 - the third has an encoding
    parts = []
    for size, full in zip(sizes, padded, strict=True):
        parts.append(data[position : position + size])
        position += full
    name = parts[0].partition(b"\0")[0].decode("utf-8", "backslashreplace")
    text = _value(reader, name, parts[1], _elements(parts[2]), data[position:])
    if text is not None:
        yield name, text


def _elements(space: bytes) -> int:
    if not space or space[0] not in (1, 2):
        fail("the shape of an attribute is of a kind that is not read here", shown(space[:4]))
    start, rank = (8 if space[0] == 1 else 4), space[1]
    if space[0] != 1 and space[3:4] == b"\2":
        return 0  # a null space
    return prod(number(space[start + 8 * i : start + 8 * i + 8]) for i in range(rank))


def _value(reader: Reader, name: str, kind: bytes, count: int, data: bytes) -> bytes | None:
    group, size = kind[0] & 15 if kind else 0, number(kind[4:8])
    if group not in (_STRING_CLASS, _VARIABLE_CLASS):
        return None
    if count > MAX_ELEMENTS:
        fail("an attribute has more elements than any real one", f"{shown(name)}: {count}")
    if group == _STRING_CLASS:
        return b"\n".join(data[size * i : size * (i + 1)].rstrip(b"\0 ") for i in range(count))
    rows = [data[_VARIABLE_BYTES * i : _VARIABLE_BYTES * (i + 1)] for i in range(count)]
    return b"\n".join(_heap_object(reader, row) for row in rows)


def _heap_object(reader: Reader, row: bytes) -> bytes:
    length, address, index = number(row[:4]), number(row[4:12]), number(row[12:16])
    if not length or address in (0, UNDEFINED):
        return b""
    head = reader.read(address, 16)
    size, position = number(head[8:16]), 16
    if head[:4] != b"GCOL" or size > MAX_TEXT_BYTES:
        fail("the heap of an attribute is broken", f"{shown(head[:4])} at {address}")
    reader.spend(text_bytes=length)
    while position + 16 <= size:
        reader.spend()
        entry = reader.read(address + position, 16)
        found, held = number(entry[:2]), number(entry[8:16])
        if found == index or not found:
            break
        position += 16 + held + -held % 8
    else:
        found, held = 0, 0
    if found != index or not index or length > held or position + 16 + held > size:
        fail("the text of an attribute is missing from its heap", f"{index} at {address}")
    return b"".join(_chunks(reader, address + position + 16, length))


def _chunks(reader: Reader, address: int, length: int) -> Iterator[bytes]:
    step = 1 << 20
    for offset in range(0, length, step):
        yield reader.read(address + offset, min(step, length - offset))
