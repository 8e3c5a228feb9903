"""The header of a GGUF file, judged without reading a tensor.

Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. The `gguf` library is not run: it
maps the whole file, believes counts, and answers hostile ones with whatever exception comes.
"""

from dataclasses import dataclass, field
from typing import Literal

from validators.formats.cursor import Cursor
from validators.formats.gguf_types import BLOCKS, VALUE_CODES
from validators.formats.problem import FormatError, Problem
from validators.formats.source import Source, shown

MAGIC = b"GGUF"
VERSIONS = (2, 3)
MAX_KEYS = 65_536
MAX_TENSORS = 200_000
MAX_STRINGS = 4_000_000  # vocabulary and merges of the largest known tokenizer: 800,000
MAX_KEY_BYTES = 65_535
MAX_NAME_BYTES = 1024
MAX_VALUE_BYTES = 256 << 20  # of a text, or of a list of numbers
MAX_DIMENSIONS = 4
MAX_NESTING = 4
MAX_TEMPLATES = 64  # a key
MAX_DESCRIPTION_BYTES = 64 << 10  # looked at of any other text
MAX_DESCRIPTIONS_BYTES = 2 << 20  # of all of them
DEFAULT_ALIGNMENT = 32
_STRING, _ARRAY, _BOOL, _U32 = 8, 9, 7, 4
_SMALLEST_KEY, _SMALLEST_TENSOR = 13, 24  # bytes each takes at least
_REMEDY = "convert the model again from its safetensors"


@dataclass(frozen=True)
class Tensor:
    """A tensor as the header describes it; `size` in bytes, None for a type not known here."""

    name: str
    offset: int
    size: int | None


@dataclass
class Header:
    """What was read.

    Attributes:
        texts: the strings under keys that speak of templates, with their keys.
        descriptions: the beginnings of all other strings outside lists, with their keys.
        lengths: number of items of each array, by key.
        keys: every key, in order.
    """

    texts: list[tuple[str, bytes]] = field(default_factory=list)
    descriptions: list[tuple[str, bytes]] = field(default_factory=list)
    lengths: dict[str, int] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)
    alignment: int = DEFAULT_ALIGNMENT
    tensors: list[Tensor] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    strings: int = 0
    described: int = 0
    data_start: int = 0


def byte_order(source: Source) -> Literal["<", ">"] | None:
    """Give the byte order of what looks like GGUF, None for anything else."""
    start = source.read(0, 8)
    if len(start) < 8 or not start.startswith(MAGIC):  # noqa: PLR2004 - magic and version
        return None
    return "<" if start[4:6] != b"\0\0" else ">"


def read(source: Source, order: Literal["<", ">"]) -> Header:
    """Read keys and tensor descriptions.

    Raises:
        FormatError: the header cannot be followed to its end.
    """
    header, cursor = Header(), Cursor(source, order, len(MAGIC))
    version = cursor.number("I", "version")
    if version not in VERSIONS:
        raise _fail("gguf-version", "the version is none that is in use", str(version))
    tensors, keys = cursor.number("Q", "tensor count"), cursor.number("Q", "key count")
    _count(cursor, tensors, _SMALLEST_TENSOR, MAX_TENSORS, "tensors")
    _count(cursor, keys, _SMALLEST_KEY, MAX_KEYS, "keys")
    for _ in range(keys):
        _key(cursor, header)
    for _ in range(tensors):
        header.tensors.append(_tensor(cursor, header))
    header.data_start = cursor.offset + -cursor.offset % header.alignment
    return header


def _fail(rule: str, message: str, trigger: str) -> FormatError:
    return FormatError(Problem(rule, message, trigger, _REMEDY))


def _count(cursor: Cursor, count: int, smallest: int, most: int, what: str) -> None:
    if count * smallest > cursor.left or count > most:
        message = "a count claims more than the file has, or than any real one"
        raise _fail("lying-count", message, f"{count} {what} in {cursor.left} B, at most {most}")


def _string(cursor: Cursor, longest: int, what: str) -> bytes:
    length = cursor.number("Q", f"length of {what}")
    cursor.need(length, what)
    if length > longest:
        raise _fail("huge-value", f"{what} is longer than any real one", f"{length} B")
    return cursor.take(length, what)


def _name(cursor: Cursor, longest: int, what: str) -> str:
    raw = _string(cursor, longest, what)
    if not raw:  # NB: zeros, as padding has them, would read as nameless numbers
        raise _fail("lying-length", f"{what} is empty", f"byte {cursor.offset}")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise _fail("bad-text", f"{what} is no UTF-8", shown(raw)) from None


def _key(cursor: Cursor, header: Header) -> None:
    key = _name(cursor, MAX_KEY_BYTES, "a key")
    header.keys.append(key)
    kind = cursor.number("I", "value type")
    if key == "general.alignment":
        _alignment(cursor, header, kind)
    elif kind == _STRING and "template" in key.casefold():
        header.texts.append((key, _string(cursor, cursor.left, "a template")))
    elif kind == _STRING:
        header.descriptions.append((key, _description(cursor, header)))
    else:
        _value(cursor, header, key, kind, 0)


def _description(cursor: Cursor, header: Header) -> bytes:
    length = cursor.number("Q", "length of a text")
    cursor.need(length, "a text")
    kept = min(length, MAX_DESCRIPTION_BYTES, MAX_DESCRIPTIONS_BYTES - header.described)
    header.described += kept
    text = cursor.take(kept, "a text")
    _skip(cursor, length - kept, "a text")
    return text


def _alignment(cursor: Cursor, header: Header, kind: int) -> None:
    value = cursor.number("I", "alignment") if kind == _U32 else 0
    if value < 1 or value & (value - 1) or value > 1 << 20:
        raise _fail("gguf-alignment", "the alignment is no power of two", f"{value}, type {kind}")
    header.alignment = value


def _value(cursor: Cursor, header: Header, key: str, kind: int, depth: int) -> None:
    if kind == _STRING:
        _skip(cursor, cursor.number("Q", "length of a text"), "a text")
    elif kind == _ARRAY:
        _array(cursor, header, key, depth)
    elif kind == _BOOL:
        if cursor.number("B", "a truth value") > 1:
            raise _fail("gguf-value", "a truth value is neither 0 nor 1", shown(key))
    elif kind in VALUE_CODES:
        cursor.skip(VALUE_CODES[kind], "a number")
    else:
        raise _fail("gguf-value", "a value has an unknown type", f"{shown(key)}: {kind}")


def _skip(cursor: Cursor, size: int, what: str) -> None:
    cursor.skip(size, what)
    if size > MAX_VALUE_BYTES:  # NB: programs in C read the whole of it into memory
        raise _fail("huge-value", "a value is larger than any real one", f"{what}: {size} B")


def _array(cursor: Cursor, header: Header, key: str, depth: int) -> None:
    kind, count = cursor.number("I", "item type"), cursor.number("Q", "item count")
    if depth >= MAX_NESTING:
        raise _fail("gguf-nesting", "arrays are nested too deeply", shown(key))
    header.lengths.setdefault(key, count)
    if kind in VALUE_CODES:
        _skip(cursor, count * VALUE_CODES[kind], f"array {shown(key)}")
        return
    cursor.need(count * (8 if kind == _STRING else 12), f"array {shown(key)}")
    header.strings += count
    if header.strings > MAX_STRINGS:
        raise _fail("lying-count", "arrays hold more than any real ones", f"{shown(key)}: {count}")
    keep = kind == _STRING and "template" in key.casefold()
    for index in range(count):
        if keep and index < MAX_TEMPLATES:
            header.texts.append((key, _string(cursor, cursor.left, "a template")))
        else:
            _value(cursor, header, key, kind, depth + 1)


def _tensor(cursor: Cursor, header: Header) -> Tensor:
    name = _name(cursor, MAX_NAME_BYTES, "a tensor's name")
    dimensions = cursor.number("I", "dimension count")
    if dimensions > MAX_DIMENSIONS:
        trigger = f"{shown(name)}: {dimensions}"
        raise _fail("lying-count", "a tensor has more dimensions than the format allows", trigger)
    shape = [cursor.number("Q", "a dimension") for _ in range(dimensions)]
    kind, offset = cursor.number("I", "tensor type"), cursor.number("Q", "tensor offset")
    return Tensor(name, offset, _size(header, name, shape, kind))


def _size(header: Header, name: str, shape: list[int], kind: int) -> int | None:
    items = 1
    for size in shape:
        items *= size
    if items >= 1 << 63:
        trigger = f"{shown(name)}: {shape}"
        header.problems.append(
            Problem("shape-overflow", "a tensor's shape overflows 64 bits", trigger, _REMEDY)
        )
        return None
    if kind not in BLOCKS:
        message = "a tensor has a type that is not known here, so its size is not checked"
        remedy = "use it only with a program that knows the type"
        found = Problem("unknown-type", message, f"{shown(name)}: {kind}", remedy, "warning")
        header.problems.append(found)
        return None
    block, size = BLOCKS[kind]
    if (shape[0] if shape else 1) % block:
        message = "a tensor's rows are no whole number of blocks"
        trigger = f"{shown(name)}: {shape} in blocks of {block}"
        header.problems.append(Problem("shape-block", message, trigger, _REMEDY))
    return items // block * size
