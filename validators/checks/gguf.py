"""Check `gguf`: headers that lie about counts, lengths and places, and templates that attack.

Programs in C read these headers; each rule here is an assumption such a program once made
(e.g. https://www.databricks.com/blog/ggml-gguf-file-format-vulnerabilities). The chat templates go
through the same rule as those of tokenizer configurations (CVE-2024-34359).
"""

from collections import Counter
from collections.abc import Iterator

from validators.base import Check, Model
from validators.formats.code_text import code_problems
from validators.formats.gguf_header import Header, byte_order, read
from validators.formats.jinja_rule import gadgets, template_problems
from validators.formats.problem import Problem
from validators.formats.source import MEMORY_BYTES, Source, judged_by, shown

NAME = "gguf"
ENDING = ".gguf"
_TOKEN_ARRAYS = ("tokenizer.ggml.scores", "tokenizer.ggml.token_type")
_REMEDY = "convert the model again from its safetensors"


def _judge(source: Source, _: Model) -> Iterator[Problem]:
    order, named = byte_order(source), source.base.endswith(ENDING)
    if order is None:
        if named:
            message = "the name says GGUF, the content does not"
            yield Problem("not-gguf", message, shown(source.read(0, 16)), _REMEDY)
        return
    header = read(source, order)
    if not named and "." in source.base:
        message = "the content is GGUF, the name does not say so"
        yield Problem("misnamed-gguf", message, source.base, f"rename it to {ENDING}", "warning")
    yield from header.problems
    yield from _names(header)
    yield from _places(header, source.size)
    for key, text in header.texts:
        yield from template_problems(text.decode("utf-8", "replace"), key)
    yield from code_problems(header.descriptions)
    for key, text in header.descriptions:
        if b"{{" in text or b"{%" in text:  # NB: a loader may take any key for a template
            yield from gadgets(text.decode("utf-8", "replace"), key)


def _names(header: Header) -> Iterator[Problem]:
    tensors = [tensor.name for tensor in header.tensors]
    for what, names in (("key", header.keys), ("tensor", tensors)):
        for name in [name for name, count in Counter(names).items() if count > 1][:3]:
            message = f"a {what} comes twice, and readers take different ones"
            yield Problem("duplicate-name", message, shown(name), _REMEDY)
    tokens = header.lengths.get("tokenizer.ggml.tokens")
    for key in _TOKEN_ARRAYS:
        if tokens is not None and header.lengths.get(key, tokens) != tokens:
            message = "a list about tokens is not as long as the list of tokens"
            yield Problem("token-count", message, f"{key}: {header.lengths[key]} of {tokens}")


def _places(header: Header, size: int) -> Iterator[Problem]:
    available, reached, known = size - header.data_start, 0, True
    for tensor in sorted(header.tensors, key=lambda tensor: (tensor.offset, tensor.size or 0)):
        place = f"{shown(tensor.name)}: {tensor.offset}, {tensor.size} B of {max(available, 0)} B"
        end = tensor.offset + (tensor.size or 0)
        if tensor.offset % header.alignment:
            yield Problem("gguf-alignment", "a tensor is not aligned", place, _REMEDY)
        if end > max(available, 0):
            yield Problem("offset-range", "a tensor lies outside the file", place, _REMEDY)
        elif tensor.offset < reached:
            yield Problem("offset-overlap", "a tensor lies over another", place, _REMEDY)
        elif known and tensor.offset - reached >= header.alignment:
            yield Problem("offset-hole", "bytes before a tensor belong to none", place, _REMEDY)
        reached, known = max(reached, end), tensor.size is not None
    if known and available - reached >= header.alignment:
        message = "bytes behind the last tensor belong to none"
        yield Problem("trailing-bytes", message, f"{available - reached} B", _REMEDY)


CHECK = Check(name=NAME, version="1", run=judged_by(NAME, _judge), memory=MEMORY_BYTES)
