"""Malicious pickles in containers, whose headers may lie."""

import base64
import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zlib
from collections.abc import Iterator

from backports import zstd

from tests.validators.corpus import tars
from tests.validators.corpus.archives import (
    Member,
    make_7z,
    make_link_tar,
    make_npy,
    make_tar,
    make_zip,
)
from tests.validators.corpus.assemble import OLD, STOP, call, g, payload, proto, sg, short
from tests.validators.corpus.malicious import Sample

EVIL = payload()
GOOD = proto() + b"}."


def zips() -> Iterator[Sample]:
    evil = Member("archive/data.pkl", EVIL)
    inner = make_zip(evil)
    yield Sample("zip: stored", make_zip(evil), "a.pt")
    yield Sample("zip: deflated", make_zip(Member("x", EVIL, 8)), "a.zip")
    yield Sample("zip: any name", make_zip(Member("a/weights.txt", EVIL)), "a.pt")
    yield Sample("zip: DATA.PKL", make_zip(Member("a/data.pkl", GOOD), Member("a/DATA.PKL", EVIL)))
    yield Sample("zip: same name twice", make_zip(Member("d", GOOD), Member("d", EVIL)))
    yield Sample("zip: in a zip", make_zip(Member("b.zip", inner)))
    yield Sample(
        "zip: in a zip in a zip", make_zip(Member("c.zip", make_zip(Member("b", inner, 8)), 8))
    )
    yield Sample("zip: behind junk", b"junk" * 100 + inner)
    yield Sample("zip: behind junk, offsets right", make_zip(evil, prefix=b"junk" * 100))
    yield Sample("zip: before junk", make_zip(evil, comment=b"x" * 1000))
    yield Sample("zip: behind a pickle", GOOD + inner, "a.pkl")
    yield Sample("zip: behind an image", b"\x89PNG\r\n\x1a\n" + b"\0" * 50 + inner, "a.png")
    lies = {
        "name": Member("a", EVIL, local={"name": "b"}),
        "check sum": Member("a", EVIL, local={"crc": 1}),
        "both check sums": Member("a", EVIL, local={"crc": 1}, central={"crc": 1}),
        "encrypted in its own header": Member("a", EVIL, local={"flags": 1}),
        "encrypted in the directory": Member("a", EVIL, central={"flags": 1}),
        "encrypted in both": Member("a", EVIL, local={"flags": 1}, central={"flags": 1}),
        "method in its own header": Member("a", EVIL, local={"method": 8}),
        "method in the directory": Member("a", EVIL, central={"method": 8}),
        "unknown method": Member("a", EVIL, local={"method": 77}, central={"method": 77}),
        "size of nothing": Member("a", EVIL, local={"packed": 0}, central={"packed": 0}),
        "not listed": Member("a", EVIL, listed=False),
    }
    for title, member in lies.items():
        yield Sample(f"zip lies: {title}", make_zip(Member("ok", b"fine"), member), "a.pt")
    yield Sample("zip without a directory", inner[: inner.rfind(b"PK\1\2")], "a.zip")
    yield Sample("zip cut short", inner[:-30], "a.zip")
    yield Sample(
        "zip with two directories", inner + make_zip(Member("x", b"y"), prefix=inner)[len(inner) :]
    )
    yield Sample("npz", make_zip(Member("a.npy", make_npy(EVIL))), "a.npz")
    yield Sample("torchscript constants", make_zip(Member("m/constants.pkl", EVIL)), "m.pt")


def streams() -> Iterator[Sample]:
    packs = {
        "gzip": gzip.compress(EVIL), "bz2": bz2.compress(EVIL), "xz": lzma.compress(EVIL),
        "lzma": lzma.compress(EVIL, lzma.FORMAT_ALONE), "zlib": zlib.compress(EVIL),
    }  # fmt: skip
    for title, data in packs.items():
        yield Sample(f"{title}", data, "model.pkl")
        yield Sample(f"{title}, last bytes wrong", data[:-2] + b"\0\0", "model.joblib")
        yield Sample(f"{title} in a tar", make_tar(("x", data)), "m.tar")
    yield Sample("gzip, second member", gzip.compress(GOOD[:1]) + gzip.compress(EVIL[1:]))
    yield Sample("gzip twice", gzip.compress(gzip.compress(EVIL)))
    yield Sample("gzip with a name", _named_gzip())
    yield Sample("bz2, second stream", bz2.compress(EVIL[:9]) + bz2.compress(EVIL[9:]))
    yield Sample(
        "joblib's old format", b"ZF" + hex(len(EVIL)).encode().ljust(19) + zlib.compress(EVIL)
    )
    old = b"ZF" + hex(len(EVIL)).encode().ljust(20) + zlib.compress(EVIL)
    yield Sample("joblib's oldest format", old)
    for level in (0, 1, 9):
        yield Sample(f"zlib level {level}", zlib.compress(EVIL, level))


def _named_gzip() -> bytes:
    out = io.BytesIO()
    with gzip.GzipFile("weights.txt", "wb", fileobj=out) as file:
        file.write(EVIL)
    return out.getvalue()


def others() -> Iterator[Sample]:
    for title, kind in (
        ("ustar", tarfile.USTAR_FORMAT),
        ("gnu", tarfile.GNU_FORMAT),
        ("pax", tarfile.PAX_FORMAT),
    ):
        yield Sample(f"tar: {title}", make_tar(("x" * 90 + "é", EVIL), format_=kind))
    yield Sample("tar: long name", make_tar(("d/" * 90 + "x", EVIL), format_=tarfile.GNU_FORMAT))
    yield Sample("tar.gz", gzip.compress(make_tar(("a.txt", b"x"), ("b", EVIL))))
    yield Sample("tar behind its end", make_tar(("a", b"x")) + make_tar(("b", EVIL)))
    yield Sample("tar with a wrong check sum", _wrong_sum(), "m.tar")
    yield Sample("link out of a tar", make_link_tar("a", "../../etc/passwd"), "m.nemo")
    yield Sample("absolute link", make_link_tar("a", "/etc/passwd"), "m.nemo")
    yield Sample("hard link out of a tar", make_link_tar("a", "../x", tarfile.LNKTYPE), "m.tar")
    yield Sample("path out of a tar", make_tar(("../../x", b"hello")), "m.tar")
    yield Sample("path out of a zip", make_zip(Member("../../x", b"hello")), "m.mar")
    yield Sample("path out of a zip, with a mark", make_zip(Member("../../x!y", b"hello")), "m.mar")
    yield Sample("path out of a tar, with a mark", make_tar(("../../x!y", b"hello")), "m.tar")
    away = tars.pack(tars.Header(b"../../x", kind=b"5"))
    yield Sample("directory out of a tar", away, "m.tar")
    yield Sample("bytes behind a tar's member", make_tar(("a", b"x"))[:1024] + EVIL * 50, "m.tar")
    yield Sample("zstd behind a frame that is skipped", b"\x53*M\x18\4\0\0\0abcd"
                 + zstd.compress(EVIL), "m.zst")  # fmt: skip
    yield Sample("zstd's oldest format", b"\x1e\xb5/\xfd" + EVIL, "m.zst")
    yield Sample("absolute path in a zip", make_zip(Member("/etc/x", b"hello")), "m.mar")
    yield Sample("device in a tar", make_link_tar("a", "", tarfile.CHRTYPE), "m.tar")
    yield Sample("7z", make_7z("a.pkl", EVIL), "model.bin")
    yield Sample("7z, stored", make_7z("a.pkl", EVIL, method=b"\0"), "model.7z")
    yield Sample("7z, unknown method", make_7z("a.pkl", EVIL, method=b"\x7f"), "model.7z")
    yield Sample("rar", b"Rar!\x1a\x07\x01\0" + EVIL, "m.rar")
    yield Sample("lz4", b'\x04"M\x18' + EVIL, "m.joblib")
    yield Sample("npy of objects", make_npy(EVIL), "a.npy")
    yield Sample("npy 2.0", make_npy(EVIL, version=2), "a.npy")
    yield Sample("npy that says it has numbers", make_npy(EVIL, "<f8"), "a.npy")
    storage = proto(2) + b"K\1\x8c\3cpu" + g("torch", "FloatStorage") + b"\x87."
    raw = struct.pack("<q", 3) + b"\xff" * 12
    tar = make_tar(
        ("sys_info", GOOD),
        ("pickle", GOOD),
        ("storages", proto(2) + b"K\2." + storage + raw + EVIL),
    )
    yield Sample("torch's tar format, behind a storage", tar, "old.pt")
    late = proto() + b"N0" * 40_000 + EVIL[2:]
    tar = make_tar(("storages", proto(2) + b"K\2." + storage + raw + late))
    yield Sample("torch's tar format, behind a storage and no-ops", tar, "old.pt")
    shape = struct.pack("<i", 1) + b"\0\0\0\0" + struct.pack("<qqq", 3, 1, 0)
    tar = make_tar(("tensors", proto(2) + b"K\2." + storage + shape + EVIL))
    yield Sample("torch's tar format, behind a shape", tar, "old.pt")


def _wrong_sum() -> bytes:
    data = bytearray(make_tar(("b", EVIL)))
    data[148:154] = b"000001"
    return bytes(data)


def _wrapper(shape: bytes, dtype: str, *, padded: bool = True, state: bytes = b"") -> bytes:
    """Everything of a joblib stream up to where an array's bytes begin; `state`: of the dtype."""
    pad = short("numpy_array_alignment_bytes") + b"K\x10" if padded else b""
    return (
        proto() + sg("joblib.numpy_pickle", "NumpyArrayWrapper") + b")\x81}("
        + short("subclass") + sg("numpy", "ndarray") + short("shape") + shape
        + short("order") + short("C") + short("dtype") + sg("numpy", "dtype") + short(dtype)
        + b"\x89\x88\x87R" + state + short("allow_mmap") + b"\x88" + pad + b"ub"
    )  # fmt: skip


def arrays() -> Iterator[Sample]:
    eight, evil = b"\1\2\3\4\5\6\7\x08", call(sg("os", "system")) + STOP
    yield Sample("joblib: behind an array", _wrapper(b"K\1\x85", "f8") + b"\0" + eight + evil)
    yield Sample(
        "joblib: behind padding", _wrapper(b"K\1\x85", "f8") + b"\3\xff\xff\xff" + eight + evil
    )
    yield Sample(
        "joblib: the array itself, for a plain unpickler",
        _wrapper(b"K\x40\x85", "f8") + evil + b"\0" * 600,
    )
    yield Sample("joblib: no alignment", _wrapper(b"K\1\x85", "f8", padded=False) + eight + evil)
    yield Sample("joblib: for releases before 1.2", _wrapper(b"M\0\1\x85", "u1") + b"\xff" * 256
                 + evil + b"\0" * 255)  # fmt: skip
    yield Sample("joblib: records", _wrapper(b"K\1\x85", "V8") + b"\0" + eight + evil)
    yield Sample("joblib: dtype of unknown size", _wrapper(b"K\1\x85", "V") + b"\0" + eight + evil)
    yield Sample(
        "joblib: negative shape", _wrapper(b"J\xff\xff\xff\xff\x85", "f8") + b"\0" + eight + evil
    )
    yield Sample(
        "joblib: shape that overflows",
        _wrapper(b"\x8a\x08" + b"\0" * 7 + b"\x10K\x10\x86", "f8") + b"\0" + evil,
    )
    # numpy takes these states and never writes them: numbers that joblib reads as a pickle, and a
    # size that is in another place than in today's.
    state = b"(K\3" + short("<") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\1tb"
    shape = b"K" + bytes([len(evil) + 2]) + b"\x85"
    stream = _wrapper(shape, "u1", padded=False, state=state)
    yield Sample("joblib: numbers said to be objects", stream + b"N." + evil + STOP)
    state = b"(K\1" + short("<") + b"NNK\4K\x7ftb"
    stream = _wrapper(b"K\1\x85", "U1", state=state)
    yield Sample("joblib: old state of a dtype", stream + b"\0" + eight[:4] + evil + b"\0" * 127)
    yield Sample("joblib: array of objects", _wrapper(b"K\1\x85", "O") + EVIL + STOP)
    yield Sample("joblib: in the midst of a frame", proto() + b"\x95" + struct.pack("<Q", 500)
                 + _wrapper(b"K\1\x85", "f8")[2:] + b"\0" + eight + b"N." + b"\0" * 400
                 + eight + evil)  # fmt: skip
    yield Sample(
        "joblib: wrapper made by a call",
        _wrapper(b"K\1\x85", "f8").replace(b")\x81", b")R") + b"\0" + eight,
    )
    yield Sample(
        "joblib: compressed", zlib.compress(_wrapper(b"K\1\x85", "f8") + b"\0" + eight + evil)
    )
    yield Sample("joblib: old, behind an array", _wrapper(b"K\1\x85", "f8") + b"\0" + eight + OLD)


def embedded() -> Iterator[Sample]:
    """Pickles that a loader unpacks out of another file in a second step."""
    text = base64.b64encode(EVIL)
    other = proto() + call(sg("os", "system"), "?~" * 9) + STOP  # in which URLs' letters occur
    yield Sample("bytes in a pickle", proto() + b"C" + bytes([len(EVIL)]) + EVIL + STOP)
    yield Sample("base64 in a pickle", proto() + short(text) + STOP)
    yield Sample(
        "URL's base64 in a pickle", proto() + short(base64.urlsafe_b64encode(other)) + STOP
    )
    yield Sample("hexadecimal in a pickle", proto() + short(EVIL.hex()) + STOP)
    twice = proto() + short(text) + STOP
    yield Sample("base64 in base64", proto() + short(base64.b64encode(twice)) + STOP)
    entry = b'{"policy": {":serialized:": "%s"}}' % text
    yield Sample("base64 in stable-baselines3's JSON", make_zip(Member("data", entry, 8)), "m.zip")
    lines = b'{"a": "%s"}' % base64.encodebytes(EVIL * 3).replace(b"\n", b"\\n")
    yield Sample("base64 in lines", lines, "config.json")
    yield Sample("bytes in HDF5", b"\x89HDF\r\n\x1a\n" + b"\0" * 999 + EVIL, "m.h5")
    yield Sample("bytes in a file of unknown format", b"\x01\xffunknown\0" * 99 + EVIL, "m.db")


def samples() -> list[Sample]:
    return [sample for group in (zips, streams, others, arrays, embedded) for sample in group()]
