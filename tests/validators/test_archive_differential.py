"""Whatever a reader in use takes out of an archive, so do we, or we say that it is odd."""

import io
import os
import tarfile
import zipfile
from contextlib import suppress

import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.validators.corpus import tars
from tests.validators.corpus.archives import Member, make_zip
from validators.containers import Trouble, walk_source

EXAMPLES = int(os.environ.get("NIX_AI_MODELS_EXAMPLES", "300"))
SETTINGS = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=EXAMPLES < 1000,
)


class Bytes:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size: int | None = len(data)

    def read_at(self, offset: int, count: int) -> bytes:
        return self._data[offset : offset + count]


def ours(data: bytes) -> tuple[list[bytes], list[Trouble]]:
    """The contents of all members, and what was told."""
    troubles: list[Trouble] = []
    contents = [
        member.source.read_at(0, 1 << 20)
        for member in walk_source("a", Bytes(data), troubles.append)
    ]
    return contents[1:], troubles


def check(data: bytes, read: list[bytes]) -> None:
    seen, troubles = ours(data)
    # NB: ours may go on where a reader stops, as at a size that another header contradicts.
    missed = [content for content in read if not any(one.startswith(content) for one in seen)]
    assert not missed or troubles


CONTENT = st.binary(min_size=1, max_size=700).map(lambda data: b"!" + data)
NAMES = st.sampled_from([b"a", b"b/c", b"d/", b"", b"pickle"])
KINDS = st.sampled_from([bytes([code]) for code in b"0012567ABSVgxXLK"] + [b"\0"] * 3)
SIZES = st.sampled_from(
    [None, None, None, 0, 1, 512, 700, 1024, b"\x80" + b"\0" * 9 + b"\2\0", b"\xff" * 12,
     b"1_0\0", b" 12 \0", b"", b"9\0", b"-1\0"]
)  # fmt: skip
RECORDS = st.lists(
    st.tuples(
        st.sampled_from([b"size", b"path", b"comment", b"GNU.sparse.major", b"linkpath"]),
        st.sampled_from(
            [b"0", b"1", b"512", b"1024", b"x", b"a\n12 size=512\n", b"1_0", b"+5", b""]
        ),
    ),
    min_size=1,
    max_size=3,
)
HEADERS = st.one_of(
    st.builds(
        tars.Header,
        NAMES,
        CONTENT,
        KINDS,
        SIZES,
        st.sampled_from([b"ustar\x0000", b"ustar  \0", b""]),
        st.sampled_from([None, None, None, b"1", b"\x80" + b"\0" * 7]),
    ),
    st.builds(tars.Header, NAMES, CONTENT),
    st.builds(
        lambda records, kind: tars.pax(*records, kind=kind),
        RECORDS,
        st.sampled_from([b"x", b"X", b"g"]),
    ),
)


def tar_contents(data: bytes) -> list[bytes]:
    contents = []
    with suppress(Exception), tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
        for member in archive:
            with suppress(Exception):
                file = archive.extractfile(member) if member.isreg() else None
                contents += [file.read()] if file else []
    return contents


@given(headers=st.lists(HEADERS, min_size=1, max_size=5))
@SETTINGS
def test_tar(headers: list[tars.Header]) -> None:
    data = tars.pack(*headers)
    check(data, tar_contents(data))


CHANGES = st.dictionaries(
    st.sampled_from(["name", "flags", "method", "crc", "packed", "unpacked"]),
    st.sampled_from([0, 1, 8, 12, 99]),
    max_size=2,
).map(lambda changes: changes | ({"name": "other"} if "name" in changes else {}))
MEMBERS = st.builds(
    Member,
    st.sampled_from(["a/data.pkl", "a/DATA.PKL", "a/version", "a/x", "b"]),
    CONTENT,
    st.sampled_from([0, 0, 8]),
    st.one_of(st.just({}), CHANGES),
    st.one_of(st.just({}), CHANGES),
    st.sampled_from([True, True, True, False]),
)
ZIPS = st.builds(
    lambda members, prefix, comment: make_zip(*members, prefix=prefix, comment=comment),
    st.lists(MEMBERS, min_size=1, max_size=4),
    st.sampled_from([b"", b"", b"x" * 30]),
    st.one_of(st.just(b""), st.binary(max_size=40)),
)


def zip_contents(data: bytes) -> list[bytes]:
    contents = []
    with suppress(Exception), zipfile.ZipFile(io.BytesIO(data)) as archive:
        for info in archive.infolist():
            with suppress(Exception), archive.open(info) as file:
                contents.append(file.read(1))  # a loader has used it before a wrong sum is noticed
    with suppress(Exception):
        reader = torch._C.PyTorchFileReader(io.BytesIO(data))
        for name in reader.get_all_records():
            with suppress(Exception):
                contents.append(bytes(reader.get_record(name)))
    return contents


@given(data=st.one_of(ZIPS, st.lists(ZIPS, min_size=2, max_size=2).map(b"".join)))
@SETTINGS
def test_zip(data: bytes) -> None:
    check(data, zip_contents(data))
