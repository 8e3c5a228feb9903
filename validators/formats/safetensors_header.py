"""The header of a safetensors file, judged without reading a tensor.

Source: https://huggingface.co/docs/safetensors/index#format. The `safetensors` library is not run
here: it maps the whole file, reads headers of 100 MB, and lets pass a leading space and two tensors
of one name. The tests hold this reader against it: whatever it refuses is refused here.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from validators.formats.code_text import code_problems
from validators.formats.json_text import BadJsonError, Document, parse
from validators.formats.problem import FormatError, Problem
from validators.formats.source import Source, shown

LENGTH_BYTES = 8
MAX_HEADER_BYTES = 32 << 20  # the library reads 100 MB; 180,000 tensors fit into a quarter of ours
SNIFF_BYTES = 4096
_LENGTH = struct.Struct("<Q")
_SURROGATE = re.compile("[\ud800-\udfff]")
_FIELDS = {"dtype", "shape", "data_offsets"}
DTYPE_BITS = {
    **dict.fromkeys(("F4",), 4),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0"), 8),
    **dict.fromkeys(("F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
    **dict.fromkeys(("I16", "U16", "F16", "BF16"), 16),
    **dict.fromkeys(("I32", "U32", "F32"), 32),
    **dict.fromkeys(("I64", "U64", "F64", "C64"), 64),
}
_REMEDY = "write it anew from a trusted copy: safetensors.numpy.save_file(load_file(…), …)"


@dataclass(frozen=True)
class _Span:
    start: int
    end: int
    name: str


def looks_like(source: Source) -> bool:
    """Whether the content is a safetensors file, or tries to be one, whatever its name is."""
    start = source.read(0, LENGTH_BYTES + SNIFF_BYTES)
    if len(start) <= LENGTH_BYTES or not start[LENGTH_BYTES:].lstrip().startswith(b"{"):
        return False
    (length,) = _LENGTH.unpack_from(start)
    tensors = b'"data_offsets"' in start or b'"dtype"' in start
    return tensors or (length == source.size - LENGTH_BYTES and b'"__metadata__"' in start)


def problems(source: Source) -> Iterator[Problem]:
    """Judge a header; every rule of the format, and names that readers disagree about."""
    try:
        length, raw = _header(source)
        yield from _framing(raw)
        document = _document(raw)
        yield from _duplicates(document)
        spans: list[_Span] = []
        for name, entry in document.value.items():
            if name == "__metadata__":
                yield from _metadata(entry)
            else:
                yield from _tensor(name, entry, spans)
        yield from _layout(spans, source.size - LENGTH_BYTES - length)
    except FormatError as error:
        yield error.problem


def _fail(rule: str, message: str, trigger: str = "") -> FormatError:
    return FormatError(_bad(rule, message, trigger))


def _bad(rule: str, message: str, trigger: str = "") -> Problem:
    return Problem(rule, message, trigger, _REMEDY)


def _header(source: Source) -> tuple[int, bytes]:
    start = source.read(0, LENGTH_BYTES)
    if len(start) < LENGTH_BYTES:
        raise _fail("truncated-header", "the file is too short for a header", f"{source.size} B")
    (length,) = _LENGTH.unpack(start)
    if length > source.size - LENGTH_BYTES:
        message = "the header claims more bytes than the file has"
        raise _fail("header-length", message, f"{length} of {source.size - LENGTH_BYTES} B")
    if length > MAX_HEADER_BYTES:
        message = "the header is larger than any real one"
        raise _fail("huge-header", message, f"{length} B, {MAX_HEADER_BYTES} are read")
    return length, source.read(LENGTH_BYTES, length)


def _framing(raw: bytes) -> Iterator[Problem]:
    if not raw.startswith(b"{"):
        message = "the header does not begin with a brace, so readers disagree about it"
        yield _bad("header-start", message, shown(raw[:16]))
    if not raw.rstrip(b" ").endswith(b"}"):
        message = "something other than spaces follows the header's last brace"
        yield _bad("header-end", message, shown(raw[-16:]))


def _document(raw: bytes) -> Document:
    if b"\0" in raw:  # NB: UTF-16 without its mark passes as UTF-8 with zeros
        raise _fail("header-encoding", "the header holds zero bytes, it is no UTF-8")
    try:
        raw.decode("utf-8")
        document = parse(raw, max_bytes=MAX_HEADER_BYTES)
    except UnicodeDecodeError as error:
        raise _fail("header-encoding", "the header is no UTF-8", str(error)) from None
    except BadJsonError as error:
        raise _fail("header-json", "the header is no JSON that can be read", str(error)) from None
    if any(map(_SURROGATE.search, _texts(document.value))):
        raise _fail("header-encoding", "a name in the header is no Unicode text")
    if not isinstance(document.value, dict):
        raise _fail("header-json", "the header is no JSON object", type(document.value).__name__)
    return document


def _texts(value: Any) -> Iterator[str]:
    return (
        (name for name in value if isinstance(name, str)) if isinstance(value, dict) else iter(())
    )


def _duplicates(document: Document) -> Iterator[Problem]:
    for name in dict.fromkeys(document.duplicates):
        message = "a name comes twice in the header, and readers take different ones"
        yield _bad("duplicate-name", message, shown(name))


def _metadata(entry: Any) -> Iterator[Problem]:
    if entry is None:  # the library reads null as "none"
        return
    if not isinstance(entry, dict) or not all(isinstance(item, str) for item in entry.values()):
        message = "__metadata__ must map names to texts"
        yield _bad("metadata-type", message, shown(entry))
        return
    texts = (
        (f"__metadata__.{key}", text.encode("utf-8", "replace")) for key, text in entry.items()
    )
    yield from code_problems(texts)


def _natural(value: Any) -> bool:
    return type(value) is int and 0 <= value < 1 << 64  # NB: True is an int to isinstance


def _tensor(name: str, entry: Any, spans: list[_Span]) -> Iterator[Problem]:
    if not isinstance(entry, dict) or not entry.keys() >= _FIELDS:
        yield _bad("tensor-entry", "a tensor lacks dtype, shape or data_offsets", shown(name))
        return
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if extra := sorted(entry.keys() - _FIELDS):
        yield _bad("tensor-entry", "a tensor has fields the format lacks", shown((name, extra)))
    if not isinstance(dtype, str) or dtype not in DTYPE_BITS:
        yield _bad("unknown-dtype", "a tensor's dtype is unknown", shown((name, dtype)))
        return
    if not isinstance(shape, list) or not all(map(_natural, shape)):
        yield _bad("tensor-shape", "a tensor's shape is no list of sizes", shown((name, shape)))
        return
    if not isinstance(offsets, list) or len(offsets) != 2 or not all(map(_natural, offsets)):  # noqa: PLR2004
        yield _bad("tensor-offsets", "data_offsets is no pair of places", shown((name, offsets)))
        return
    spans.append(_Span(offsets[0], offsets[1], name))
    yield from _size(name, DTYPE_BITS[dtype], shape, offsets)


def _size(name: str, bits: int, shape: list[int], offsets: list[int]) -> Iterator[Problem]:
    # NB: sizes multiply modulo 2**64 in some readers, so a huge shape may seem to fit.
    total = 0 if 0 in shape else bits * _product(shape)
    if _product([size for size in shape if size]) >= 1 << 64:
        yield _bad("shape-overflow", "a tensor's shape overflows 64 bits", shown((name, shape)))
    elif total % 8 or total // 8 != offsets[1] - offsets[0]:
        message = "dtype and shape of a tensor do not give the size of its bytes"
        trigger = (
            f"{shown(name)}: {total / 8:g} B by its shape, {offsets[1] - offsets[0]} by offsets"
        )
        yield _bad("size-mismatch", message, trigger)


def _product(shape: list[int]) -> int:
    product = 1
    for size in shape:
        product = min(product * size, 1 << 64)  # bounded: a million sizes make no giant integer
    return product


def _layout(spans: list[_Span], available: int) -> Iterator[Problem]:
    reached = 0
    for span in sorted(spans, key=lambda span: (span.start, span.end)):
        place = f"{shown(span.name)}: {span.start} to {span.end}"
        if span.end < span.start or span.end > available:
            message = "a tensor lies outside the file"
            yield _bad("offset-range", message, f"{place}, {available} B of tensors")
        elif span.start < reached:
            yield _bad("offset-overlap", "a tensor lies over another", place)
        elif span.start > reached:
            message = "bytes between tensors belong to none"
            yield _bad("offset-hole", message, f"{reached} to {span.start}, before {place}")
        reached = max(reached, span.end)
    if reached < available:
        message = "bytes behind the last tensor belong to none"
        yield _bad("trailing-bytes", message, f"{available - reached} B at {reached}")
