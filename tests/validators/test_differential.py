"""Whenever one of CPython's unpicklers reaches a global, so does ours (python/cpython#154848)."""

import io
import os
import pickle
from contextlib import suppress
from typing import Any, Self

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from validators.pickle.stream import pickles


class Bytes:
    def __init__(self, data: bytes) -> None:
        self.data = data

    def read_at(self, offset: int, count: int) -> bytes:
        return self.data[offset : offset + count]


class Anything:
    """Takes part in whatever a pickle does, so that the unpickler comes as far as it can."""

    def __init__(self, *args: Any, **kwargs: Any) -> None: ...
    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        return object.__new__(cls)

    def __setstate__(self, state: Any) -> None: ...
    def __setitem__(self, key: Any, value: Any) -> None: ...
    def __call__(self, *args: Any, **kwargs: Any) -> "Anything":
        return self

    def append(self, item: Any) -> None: ...
    def extend(self, items: Any) -> None: ...
    def add(self, item: Any) -> None: ...


def reference(
    unpickler: type, data: bytes, encoding: str, *, one: bool = False
) -> set[tuple[str, str]]:
    """What an unpickler asks for, over all pickles of a stream; `one`: the same one for all."""
    reached = set()

    class Recorder(unpickler):
        def find_class(self, module: str, name: str) -> type:
            reached.add((module, name))
            return Anything

        def persistent_load(self, pid: Any) -> Any:
            return Anything()

        def get_extension(self, code: int) -> None:
            raise ValueError(code)

    stream = io.BytesIO(data)
    reader = Recorder(stream, encoding=encoding)
    with suppress(Exception):
        while stream.tell() < len(data):
            reader.load()
            reader = reader if one else Recorder(stream, encoding=encoding)
    return reached


def ours(data: bytes) -> set[tuple[str, str]] | None:
    """What our walk sees; None where it refuses a stream on which the unpicklers disagree."""
    found = set()
    for walked in pickles(Bytes(data)):
        found |= {(item.module, item.name) for item in walked.uses}
        if any(rule == "straddling-frame" for rule, _, _ in walked.notes):
            return None
    return found


NAMES = st.sampled_from([b"os", b"system", b"a.b", b"collections", b"x"])
STRINGS = st.one_of(NAMES, st.binary(max_size=6))
SMALL = st.integers(0, 5)
LINES = st.sampled_from(
    [b"0", b"1", b"\0", b" \0x", b"-0", b"+1", b"-0x1", b"0" * 25, b"08", b"0o7", b"1__0", b"01", b"00", b"0x1", b"1\0", b"0x1L", b"7L", b"-3", b" 2", b"1_0", b"0b1", b"",
     b"1.5", b"nan", b"1e3", b"x", b"'os'", b'"system"', b"'\xff'", b"'\\x6fs'", b"o\\u0073", b"'",
     b"2L\0junk"]
)  # fmt: skip


def short(code: bytes) -> st.SearchStrategy[bytes]:
    return STRINGS.map(lambda text: code + bytes([len(text)]) + text)


def sized(code: bytes, width: int) -> st.SearchStrategy[bytes]:
    return STRINGS.map(lambda text: code + len(text).to_bytes(width, "little") + text)


PLAIN = b"N\x88\x89]})\x8f(012te\x85\x86\x87ldsuab\x90\x91R\x81\x92oQ\x93\x94.\x97\x98"
OPCODES = st.one_of(
    st.sampled_from([bytes([code]) for code in PLAIN]),
    st.sampled_from([b"(", b"\x93", b"R", b"\x94", b"0", b")"]),
    short(b"\x8c"),
    short(b"U"),
    short(b"C"),
    sized(b"X", 4),
    sized(b"T", 4),
    sized(b"B", 4),
    sized(b"\x8d", 8),
    sized(b"\x8e", 8),
    st.builds(lambda code, line: code + line + b"\n", st.sampled_from([b"I", b"L", b"F"]), LINES),
    st.builds(lambda code, line: code + line + b"\n", st.sampled_from([b"S", b"V", b"P"]), LINES),
    st.builds(lambda code, key: code + b"%d\n" % key, st.sampled_from([b"p", b"g"]), SMALL),
    st.builds(lambda code, key: code + bytes([key]), st.sampled_from([b"q", b"h"]), SMALL),
    st.builds(lambda code, key: code + bytes([key, 0, 0, 0]), st.sampled_from([b"r", b"j"]), SMALL),
    st.builds(lambda m, n: b"c" + m + b"\n" + n + b"\n", STRINGS, STRINGS),
    st.builds(lambda m, n: b"i" + m + b"\n" + n + b"\n", NAMES, NAMES),
    st.sampled_from([b"K\x01", b"M\x01\x02", b"J\x01\0\0\0", b"G" + b"\0" * 8, b"\x8a\x01\x05"]),
    st.sampled_from([b"\x8b\x01\0\0\0\x05", b"\x80\x02", b"\x80\x04", b"\x80\x05", b"\x82\x01"]),
    st.integers(0, 30).map(lambda size: b"\x95" + size.to_bytes(8, "little")),
)
MEMO = [b"Vos\n", b"Vx\n", b"g0\n", b"g-0\n", b"h\x01", b"p1\n", b"q\0", b"\x94", b"0", b"\x93"]
CALLS = st.sampled_from(
    [b"cos\nsystem\n)R", b"(ios\nsystem\n", b"(cos\nsystem\no", b"cos\nx\n)\x81", b"cos\nx\n)}\x92",
     b"}\x8c\1aNsb", b"N}\x8c\1aNs\x86b", b"\x80\x05", b"\x97\x98", b"B\1\0\0\0x", b"\x96" + b"\0" * 8]
)  # fmt: skip


def framed(body: bytes, extra: int) -> bytes:
    return b"\x80\x04\x95" + max(len(body) + extra, 0).to_bytes(8, "little") + body


BODIES = st.one_of(
    st.lists(OPCODES, max_size=25).map(b"".join),
    st.lists(st.one_of(OPCODES, CALLS, st.sampled_from(MEMO)), max_size=12).map(b"".join),
    st.lists(st.sampled_from(MEMO), max_size=20).map(b"".join),
)
PICKLES = st.one_of(
    BODIES,
    BODIES.map(lambda body: body + b"."),
    st.builds(framed, BODIES, st.sampled_from([0, 0, 0, 1, -1, -3, 100])),
    st.builds(lambda body, version: b"\x80" + bytes([version]) + body + b".", BODIES, SMALL),
)
# Several in a row, and any of them cut somewhere.
STREAMS = st.one_of(
    PICKLES,
    st.lists(PICKLES, min_size=2, max_size=4).map(b"".join),
    st.builds(lambda data, cut: data[: len(data) - cut], PICKLES, st.integers(1, 9)),
)
EXAMPLES = int(os.environ.get("NIX_AI_MODELS_EXAMPLES", "300"))


@pytest.mark.parametrize("one", [False, True], ids=["each", "one"])
@pytest.mark.parametrize("encoding", ["ASCII", "latin1", "utf-8"])
@pytest.mark.parametrize("unpickler", [pickle.Unpickler, pickle._Unpickler], ids=["c", "python"])
@given(data=STREAMS)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=EXAMPLES < 1000,
)
def test_sees_what_an_unpickler_reaches(
    unpickler: type, encoding: str, one: bool, data: bytes
) -> None:
    seen = ours(data)
    assert seen is None or reference(unpickler, data, encoding, one=one) <= seen
