"""GGUF headers that lie, assembled byte by byte; and honest ones made by the library."""

import struct
import tempfile
from pathlib import Path

import gguf
import numpy as np

from tests.validators.formats.corpus import templates
from tests.validators.formats.corpus.case import Case

U8, U32, F32, BOOL, STRING, ARRAY = 0, 4, 6, 7, 8, 9


def text(value: str | bytes, length: int | None = None) -> bytes:
    """Write a string with any length, true or not."""
    raw = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(raw) if length is None else length) + raw


def pair(key: str | bytes, kind: int, value: bytes) -> bytes:
    """Write a key with its value."""
    return text(key) + struct.pack("<I", kind) + value


def array(kind: int, count: int, items: bytes = b"") -> bytes:
    """Write an array with any count."""
    return struct.pack("<IQ", kind, count) + items


def tensor(name: str = "w", shape: tuple[int, ...] = (8,), kind: int = 0, offset: int = 0) -> bytes:
    """Describe a tensor."""
    shape_bytes = struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
    return text(name) + shape_bytes + struct.pack("<IQ", kind, offset)


def assemble(
    pairs: tuple[bytes, ...] = (),
    tensors: tuple[bytes, ...] = (),
    body: bytes = b"",
    *,
    pair_count: int | None = None,
    tensor_count: int | None = None,
    version: int = 3,
    alignment: int = 32,
) -> bytes:
    """Write a file with any counts, true or not."""
    counts = (
        len(tensors) if tensor_count is None else tensor_count,
        len(pairs) if pair_count is None else pair_count,
    )
    head = b"GGUF" + struct.pack("<IQQ", version, *counts) + b"".join((*pairs, *tensors))
    return head + b"\0" * (-len(head) % alignment) + body


ARCHITECTURE = pair("general.architecture", STRING, text("llama"))
BODY = b"\0" * 32


def _one(*tensors: bytes, body: bytes = BODY) -> bytes:
    return assemble((ARCHITECTURE,), tensors, body)


def _template(name: str) -> bytes:
    attack = templates.ATTACKS[name][1]
    return assemble((ARCHITECTURE, pair("tokenizer.chat_template", STRING, text(attack))))


def _tokens(**lengths: int) -> bytes:
    pairs = [
        pair("tokenizer.ggml.tokens", ARRAY, array(STRING, 2, text("a") + text("b"))),
        *(
            pair(f"tokenizer.ggml.{key}", ARRAY, array(F32, count, b"\0" * 4 * count))
            for key, count in lengths.items()
        ),
    ]
    return assemble(tuple(pairs))


LIES: dict[str, tuple[str, bytes]] = {
    "empty": ("not-gguf", b""),
    "cut-magic": ("not-gguf", b"GGU"),
    "pickle": ("not-gguf", b"\x80\x04N."),
    "elf": ("not-gguf", b"\x7fELF" + b"\0" * 60),
    "old-ggml": ("not-gguf", b"lmgg" + b"\0" * 60),
    "only-magic": ("lying-length", b"GGUF\x03\0\0\0"),
    "version-0": ("gguf-version", assemble(version=0)),
    "version-1": ("gguf-version", assemble(version=1)),
    "version-99": ("gguf-version", assemble(version=99)),
    "text-after-magic": ("gguf-version", b"GGUF(S'true'\ntR."),
    "tensor-count": ("lying-count", assemble(tensor_count=1 << 40)),
    "tensor-count-63": ("lying-count", assemble(tensor_count=1 << 63)),
    "key-count": ("lying-count", assemble(pair_count=(1 << 64) - 1)),
    "key-count-off-by-one": (
        "lying-length",
        assemble((ARCHITECTURE,), pair_count=2, body=BODY[:8]),
    ),
    "key-length": ("lying-length", assemble((text("a", 1 << 60),), pair_count=1, body=BODY)),
    "key-length-wraps": (
        "lying-length",
        assemble((text("a", (1 << 64) - 1),), pair_count=1, body=BODY),
    ),
    "key-too-long": ("huge-value", assemble((pair("k" * 70_000, U8, b"\0"),))),
    "key-no-utf-8": ("bad-text", assemble((pair(b"\xff\xfe", U8, b"\0"),))),
    "text-length": ("lying-length", assemble((pair("a", STRING, text("a", 1 << 40)),))),
    "text-length-wraps": (
        "lying-length",
        assemble((pair("a", STRING, text("a", (1 << 64) - 1)),), body=BODY),
    ),
    "template-length": (
        "lying-length",
        assemble((pair("tokenizer.chat_template", STRING, text("a", 1 << 62)),), body=BODY),
    ),
    "value-type": ("gguf-value", assemble((pair("a", 13, BODY),))),
    "value-type-huge": ("gguf-value", assemble((pair("a", 0xFFFFFFFF, BODY),))),
    "bool-2": ("gguf-value", assemble((pair("a", BOOL, b"\2"),))),
    "array-count": ("lying-length", assemble((pair("a", ARRAY, array(U8, 1 << 40)),), body=BODY)),
    "array-count-wraps": (
        "lying-length",
        assemble((pair("a", ARRAY, array(U32, (1 << 62) + 1)),), body=BODY),
    ),
    "array-of-texts": (
        "lying-length",
        assemble((pair("a", ARRAY, array(STRING, 1 << 61)),), body=BODY),
    ),
    "array-text-length": (
        "lying-length",
        assemble((pair("a", ARRAY, array(STRING, 1, text("a", 1 << 50))),), body=BODY),
    ),
    "array-type": ("gguf-value", assemble((pair("a", ARRAY, array(77, 1)),), body=BODY)),
    "array-nested": (
        "gguf-nesting",
        assemble((pair("a", ARRAY, array(ARRAY, 1) * 40),), body=BODY * 40),
    ),
    "array-of-arrays": (
        "lying-length",
        assemble((pair("a", ARRAY, array(ARRAY, 1 << 60)),), body=BODY),
    ),
    "duplicate-key": ("duplicate-name", assemble((ARCHITECTURE, ARCHITECTURE))),
    "duplicate-tensor": (
        "duplicate-name",
        _one(tensor(), tensor(offset=32), body=BODY * 2),
    ),
    "alignment-0": ("gguf-alignment", assemble((pair("general.alignment", U32, b"\0" * 4),))),
    "alignment-3": ("gguf-alignment", assemble((pair("general.alignment", U32, b"\3\0\0\0"),))),
    "alignment-text": ("gguf-alignment", assemble((pair("general.alignment", STRING, text("a")),))),
    "alignment-huge": (
        "gguf-alignment",
        assemble((pair("general.alignment", U32, b"\0\0\0\x80"),)),
    ),
    "dimensions": ("lying-count", _one(tensor(shape=(1,) * 5))),
    "dimensions-huge": (
        "lying-count",
        _one(text("w") + struct.pack("<I", 0xFFFFFFFF) + BODY),
    ),
    "shape-overflow": ("shape-overflow", _one(tensor(shape=(1 << 40, 1 << 40)))),
    "shape-wraps-to-fit": ("shape-overflow", _one(tensor(shape=(1 << 32, 1 << 32, 1)))),
    "shape-past-end": ("offset-range", _one(tensor(shape=(9000,)))),
    "shape-no-block": ("shape-block", _one(tensor(shape=(8,), kind=2))),
    "offset-past-end": ("offset-range", _one(tensor(offset=1 << 40))),
    "offset-wraps": ("offset-range", _one(tensor(offset=(1 << 64) - 32))),
    "offset-unaligned": ("gguf-alignment", _one(tensor(offset=1), body=BODY * 2)),
    "overlap": (
        "offset-overlap",
        _one(tensor("a", (16,)), tensor("b", (8,), 0, 32), body=BODY * 2),
    ),
    "overlap-equal": ("offset-overlap", _one(tensor("a"), tensor("b"))),
    "hole": ("offset-hole", _one(tensor(offset=64), body=BODY * 3)),
    "name-length": ("huge-value", _one(tensor("w" * 5000))),
    "no-data": ("offset-range", _one(tensor(), body=b"")),
    "trailing": ("trailing-bytes", _one(tensor(), body=BODY + b"PK\x03\x04" + b"a" * 60)),
    "trailing-no-tensors": ("trailing-bytes", assemble((ARCHITECTURE,), body=b"\x80\x04" * 40)),
    "scores-short": ("token-count", _tokens(scores=1)),
    "types-long": ("token-count", _tokens(scores=2, token_type=9)),
    "template": ("template-attribute", _template("class-mro")),
    "template-computed": ("template-computed-name", _template("macro-argument")),
    "template-gadget": ("template-gadget", _template("lipsum")),
    "template-named": (
        "template-attribute",
        assemble((pair("tokenizer.chat_template.tool_use", STRING, text(templates.PLAIN)),)),
    ),
    "template-key-case": (
        "template-attribute",
        assemble((pair("Tokenizer.Chat_Template", STRING, text(templates.PLAIN)),)),
    ),
    "template-array": (
        "template-attribute",
        assemble(
            (pair("tokenizer.chat_template", ARRAY, array(STRING, 1, text(templates.PLAIN))),)
        ),
    ),
    "template-latin-1": (
        "template-attribute",
        assemble((pair("a.chat_template", STRING, text(b"\xff" + templates.PLAIN.encode())),)),
    ),
    "template-behind-many": (
        "template-attribute",
        assemble(
            (
                *(pair(f"k{i}", U8, b"\0") for i in range(2000)),
                pair("tokenizer.chat_template", STRING, text(templates.PLAIN)),
            )
        ),
    ),
}


def malicious() -> list[Case]:
    """Give every file that must be refused."""
    cases = [Case(f"gguf/{name}", {"m.gguf": data}, rule) for name, (rule, data) in LIES.items()]
    huge = assemble((pair("a", STRING, text("a", 2 << 30)),))
    strings = assemble((pair("a", ARRAY, array(STRING, 5_000_000)),))
    return [
        *cases,
        Case("gguf/other-name", {"weights.bin": _template("class-mro")}, "template-attribute"),
        Case("gguf/blob-name", {"sha256-0f": _template("class-mro")}, "template-attribute"),
        Case("gguf/upper-case", {"M.GGUF": b"MZ" + BODY}, "not-gguf"),
        Case("gguf/2-gib-text", {"m.gguf": huge}, "huge-value", sizes={"m.gguf": 3 << 30}),
        Case("gguf/5m-texts", {"m.gguf": strings}, "lying-count", sizes={"m.gguf": 1 << 30}),
    ]


def written(**texts: str) -> bytes:
    """Write a small model as the library does."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.gguf"
        writer = gguf.GGUFWriter(path, "llama")
        writer.add_context_length(128)
        writer.add_token_list(["<s>", "a", "b"])
        writer.add_token_scores([0.0, 1.0, 2.0])
        writer.add_token_types([3, 1, 1])
        writer.add_add_bos_token(value=True)
        for key, value in texts.items():
            writer.add_string(f"tokenizer.{key}", value)
        writer.add_tensor("token_embd.weight", np.ones((3, 64), np.float32))
        writer.add_tensor("output_norm.weight", np.ones(5, np.float16))
        quantized = gguf.quants.quantize(
            np.ones((2, 64), np.float32), gguf.GGMLQuantizationType.Q8_0
        )
        writer.add_tensor("q.weight", quantized, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path.read_bytes()


def benign() -> list[Case]:
    """Give files as the library writes them, one with each ordinary template."""
    head = assemble((ARCHITECTURE,), (tensor(shape=(5 << 28,)),))
    return [
        Case("gguf/library", {"m.gguf": written()}),
        *(
            Case(f"gguf/library-{name}", {"m.gguf": written(chat_template=template)})
            for name, template in templates.ORDINARY.items()
        ),
        Case("gguf/blob", {"blobs/sha256-0f": written()}),
        Case("gguf/vocabulary-only", {"m.gguf": _tokens(scores=2, token_type=2)}),
        Case("gguf/as-bin", {"model.bin": written()}),
        Case("gguf/future-type", {"m.gguf": _one(tensor(kind=77))}),
        Case("gguf/5-gib", {"m.gguf": head}, sizes={"m.gguf": len(head) + (5 << 30)}),
    ]
