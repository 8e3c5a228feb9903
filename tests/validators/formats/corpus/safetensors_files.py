"""Safetensors headers that lie, assembled byte by byte; and honest ones made by the library."""

import json
import struct
from typing import Any

import numpy as np
from safetensors.numpy import save

from tests.validators.formats.corpus.case import Case

F32 = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
ENTRY = json.dumps(F32).encode()


def assemble(header: Any, body: bytes = b"", length: int | None = None) -> bytes:
    """Write a file with any header, true or not."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + body


def entry(**change: Any) -> dict[str, Any]:
    """Give a header with one tensor that differs from an honest one."""
    return {"a": F32 | change}


def pair(first: list[int], second: list[int]) -> dict[str, Any]:
    """Give a header with two tensors of bytes at the given places."""
    spans = {"a": first, "b": second}
    return {
        name: {"dtype": "U8", "shape": [end - start], "data_offsets": [start, end]}
        for name, (start, end) in spans.items()
    }


BODY = b"\0" * 4
LIES: dict[str, tuple[str, bytes]] = {
    "empty": ("not-safetensors", b""),
    "seven-bytes": ("not-safetensors", b"\x02\0\0\0\0\0\0"),
    "only-length": ("not-safetensors", struct.pack("<Q", 2)),
    "length-past-end": ("header-length", assemble({}, length=3)),
    "length-2-to-63": ("header-length", assemble(entry(), BODY, 1 << 63)),
    "length-all-ones": ("header-length", assemble(entry(), BODY, (1 << 64) - 1)),
    "length-cuts-json": ("header-json", assemble(entry(), BODY, 20)),
    "length-zero": ("header-json", assemble(b"{}", length=0)),
    "pickle": ("not-safetensors", b"\x80\x04\x95\x0f\0\0\0\0\0\0\0\x8c\x05posix\x94."),
    "zip": ("not-safetensors", b"PK\x03\x04" + b"\0" * 40),
    "lfs-pointer": ("not-safetensors", b"version https://git-lfs.github.com/spec/v1\n"),
    "leading-space": ("header-start", assemble(b" " + json.dumps(entry()).encode(), BODY)),
    "leading-newline": ("header-start", assemble(b"\n" + json.dumps(entry()).encode(), BODY)),
    "bom": ("not-safetensors", assemble(b"\xef\xbb\xbf" + json.dumps(entry()).encode(), BODY)),
    "utf-16": ("header-encoding", assemble(json.dumps(entry()).encode("utf-16-le"), BODY)),
    "bad-utf-8": ("header-encoding", assemble(b'{"\xff":' + ENTRY + b"}", BODY)),
    "lone-surrogate": ("header-encoding", assemble(b'{"\\ud800":' + ENTRY + b"}", BODY)),
    "list": ("not-safetensors", assemble([], BODY)),
    "trailing-nul": ("header-encoding", assemble(json.dumps(entry()).encode() + b"\0\0", BODY)),
    "trailing-newline": ("header-end", assemble(json.dumps(entry()).encode() + b"\n", BODY)),
    "second-object": ("header-json", assemble(json.dumps(entry()).encode() + b"{}", BODY)),
    "deep": ("header-json", assemble(b'{"a":' + b"[" * 90_000 + b"]" * 90_000 + b"}")),
    "giant-integer": (
        "header-json",
        assemble(
            b'{"a":{"dtype":"F32","shape":[' + b"9" * 9000 + b'],"data_offsets":[0,4]}}', BODY
        ),
    ),
    "many-values": ("header-json", assemble(b'{"a":[' + b"0," * 2_000_000 + b"0]}")),
    "duplicate-tensor": ("duplicate-name", assemble(b'{"a":%b,"a":%b}' % (ENTRY, ENTRY), BODY)),
    "duplicate-escaped": (
        "duplicate-name",
        assemble(b'{"a":%b,"\\u0061":%b}' % (ENTRY, ENTRY), BODY),
    ),
    "duplicate-field": ("duplicate-name", assemble(b'{"a":%b,"dtype":"U8"}}' % ENTRY[:-1], BODY)),
    "duplicate-metadata": (
        "duplicate-name",
        assemble(b'{"__metadata__":{"a":"b","a":"c"},"a":%b}' % ENTRY, BODY),
    ),
    "metadata-number": ("metadata-type", assemble({"__metadata__": {"a": 1}} | entry(), BODY)),
    "metadata-nested": ("metadata-type", assemble({"__metadata__": {"a": {}}} | entry(), BODY)),
    "metadata-list": ("metadata-type", assemble({"__metadata__": ["a"]} | entry(), BODY)),
    "entry-null": ("tensor-entry", assemble({"a": None} | {"dtype": F32})),
    "entry-lacks-dtype": ("tensor-entry", assemble({"a": {"shape": [1], "data_offsets": [0, 4]}})),
    "entry-extra": ("tensor-entry", assemble(entry(code="x"), BODY)),
    "dtype-unknown": ("unknown-dtype", assemble(entry(dtype="OBJECT"), BODY)),
    "dtype-case": ("unknown-dtype", assemble(entry(dtype="f32"), BODY)),
    "dtype-list": ("unknown-dtype", assemble(entry(dtype=["F32"]), BODY)),
    "shape-negative": ("tensor-shape", assemble(entry(shape=[-1]), BODY)),
    "shape-float": ("tensor-shape", assemble(entry(shape=[1.0]), BODY)),
    "shape-true": ("tensor-shape", assemble(entry(shape=[True]), BODY)),
    "shape-nan": ("tensor-shape", assemble(entry(shape=[float("nan")]), BODY)),
    "shape-text": ("tensor-shape", assemble(entry(shape="1"), BODY)),
    "shape-wraps": ("shape-overflow", assemble(entry(shape=[1 << 62, 4, 1]), BODY)),
    "shape-wraps-to-fit": ("shape-overflow", assemble(entry(shape=[1 << 63, 1 << 62]), BODY)),
    "shape-zero-hides-overflow": (
        "shape-overflow",
        assemble(entry(shape=[0, 1 << 63, 1 << 63], data_offsets=[0, 0])),
    ),
    "shape-too-small": ("size-mismatch", assemble(entry(dtype="F64"), BODY)),
    "sub-byte": ("size-mismatch", assemble(entry(dtype="F4", data_offsets=[0, 1]), b"\0")),
    "offsets-negative": ("tensor-offsets", assemble(entry(data_offsets=[-4, 0]), BODY)),
    "offsets-three": ("tensor-offsets", assemble(entry(data_offsets=[0, 4, 4]), BODY)),
    "offsets-65-bits": ("tensor-offsets", assemble(entry(data_offsets=[0, 1 << 64]), BODY)),
    "offsets-past-end": ("offset-range", assemble(entry(data_offsets=[4, 8]), BODY)),
    "offsets-swapped": ("size-mismatch", assemble(entry(data_offsets=[4, 0]), BODY)),
    "offsets-wrap": ("offset-range", assemble(entry(data_offsets=[(1 << 64) - 4, 1 << 63]), BODY)),
    "overlap": ("offset-overlap", assemble(pair([0, 4], [2, 6]), b"\0" * 6)),
    "overlap-equal": ("offset-overlap", assemble(pair([0, 4], [0, 4]), BODY)),
    "hole": ("offset-hole", assemble(pair([0, 4], [8, 12]), b"\0" * 12)),
    "hole-at-start": ("offset-hole", assemble(entry(data_offsets=[4, 8]), b"\0" * 8)),
    "trailing-zip": ("trailing-bytes", assemble(entry(), BODY + b"PK\x03\x04payload")),
    "no-tensors-but-bytes": ("trailing-bytes", assemble({}, BODY)),
}

NAMES = {
    "upper-case": "MODEL.SAFETENSORS",
    "trailing-space": "model.safetensors ",
    "full-width": "model\uff0esafetensors",
    "nested": "unet/diffusion_pytorch_model.fp16.safetensors",
}


def index(**shards: object) -> bytes:
    """Write a list of shards."""
    return json.dumps({"metadata": {}, "weight_map": shards}).encode()


INDEXES: dict[str, tuple[str, bytes]] = {
    "climbs-out": ("shard-path", index(a="../other/model.safetensors")),
    "absolute": ("shard-path", index(a="/etc/model.safetensors")),
    "backslash": ("shard-path", index(a="..\\model.safetensors")),
    "nul": ("shard-path", index(a="model.safetensors\0.bin")),
    "pickle-shard": ("shard-format", index(a="pytorch_model.bin")),
    "duplicate-shadowed": (
        "shard-path",
        b'{"weight_map":{"a":"../x.safetensors"},"weight_map":{"a":"model.safetensors"}}',
    ),
    "no-json": ("shard-index", b"{"),
    "number": ("shard-index", index(a=1)),
}


def malicious() -> list[Case]:
    """Give every file that must be refused."""
    cases = [
        Case(f"safetensors/{name}", {"model.safetensors": data}, rule)
        for name, (rule, data) in LIES.items()
    ]
    cases += [
        Case(f"safetensors/name-{key}", {name: b"\x80\x04N."}, "not-safetensors")
        for key, name in NAMES.items()
    ]
    cases += [
        Case(f"safetensors/index-{name}", {"model.safetensors.index.json": data}, rule)
        for name, (rule, data) in INDEXES.items()
    ]
    lying = assemble(pair([0, 4], [2, 6]), b"\0" * 6)
    return [
        *cases,
        Case("safetensors/lying-as-bin", {"pytorch_model.bin": lying}, "offset-overlap"),
        Case(
            "safetensors/2-gib-header",
            {"model.safetensors": assemble(b'{"a":', length=2 << 30)},
            "huge-header",
            sizes={"model.safetensors": 3 << 30},
        ),
    ]


def benign() -> list[Case]:
    """Give files as the library writes them, and some that only look odd."""
    tensors = {"w": np.ones((3, 4), np.float32), "b": np.zeros(0, np.int8), "s": np.array(1.0)}
    large = {"w": {"dtype": "U8", "shape": [5 << 30], "data_offsets": [0, 5 << 30]}}
    head = assemble(large)
    shards = index(a="model-1.safetensors", b="model-1.safetensors")
    return [
        Case("safetensors/library", {"model.safetensors": save(tensors, {"format": "pt"})}),
        Case("safetensors/no-tensors", {"model.safetensors": save({})}),
        Case("safetensors/unpadded", {"model.safetensors": assemble(entry(), BODY)}),
        Case(
            "safetensors/half-bytes",
            {"m.safetensors": assemble(entry(dtype="F4", shape=[8]), BODY)},
        ),
        Case("safetensors/as-bin", {"pytorch_model.bin": save(tensors)}),
        Case(
            "safetensors/shards",
            {"model.safetensors.index.json": shards, "model-1.safetensors": save(tensors)},
        ),
        Case(
            "safetensors/5-gib",
            {"model.safetensors": head},
            sizes={"model.safetensors": len(head) + (5 << 30)},
        ),
    ]
