"""Malicious pickles that a reader in use would load and that a careful scanner can miss.

Each comes with that reader, so that a test can see what it finds there; nothing is ever called.
"""

import bz2
import gzip
import io
import lzma
import pickle
import random
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, cast

from joblib.numpy_pickle import NumpyUnpickler

from tests.validators.corpus import tars
from tests.validators.corpus.archives import Member, make_zip
from tests.validators.corpus.assemble import STOP, call, payload, proto, sg, short
from tests.validators.corpus.malicious import Sample

EVIL = payload()
PIECE = 16 << 10  # bytes that our decompressors take at once
Read = Callable[[bytes], BinaryIO]


@dataclass(frozen=True)
class Evasive(Sample):
    """A sample with what opens it, and the kind of unpickler that reads what is in there."""

    read: Read = io.BytesIO
    unpickler: type = pickle._Unpickler
    pickles: int = 1


def texts() -> Iterator[Evasive]:
    yield Evasive("INST that the end cuts off", b"(S'true'\nios\nsystemX")
    yield Evasive("GLOBAL that the end cuts off", b"cos\nsystemX")
    yield Evasive("empty INT before a NUL", b"I\0\n0" + EVIL[2:], unpickler=pickle.Unpickler)
    names = b"Vos\np-0\n0g-0\nVsystem\n\x93)R."
    yield Evasive("memo key -0", names)
    yield Evasive("memo key with many zeros", names.replace(b"g-0", b"g" + b"0" * 30))
    shared = proto() + short("os") + b"\x94" + short("system") + b"\x94."
    decoy = proto() + short("collections") + b"\x94" + short("OrderedDict") + b"\x94h\0h\1\x93)R."
    yield Evasive("memo that two pickles share", shared + decoy, pickles=2)


def streams() -> Iterator[Evasive]:
    break_ = b"\xff" * 64
    noise = random.Random(4).randbytes(40 << 10).hex().encode()
    body = EVIL + noise
    yield Evasive("zlib, broken later", zlib.compress(body)[:9000] + break_, "m.joblib", _zlib)
    yield Evasive("bzip2, broken later", bz2.compress(body) + b"BZh91AY&SY" + break_, "m", _bz2)
    packed = lzma.compress(body, lzma.FORMAT_ALONE)
    yield Evasive("lzma, broken later", packed[:-30000] + break_, "m.lzma", _lzma)
    for dictionary in (0, 3 << 22, 1 << 28, 0xFFFFFFFF):
        changed = packed[:1] + struct.pack("<I", dictionary) + packed[5:]
        yield Evasive(f"lzma, dictionary {dictionary:#x}", changed, "m.lzma", _lzma)
    two = lzma.compress(b"\x80\4N0") + lzma.compress(body[2:])[:12000] + break_
    yield Evasive("xz, second stream broken", two, "m.xz", _lzma)
    for cut in (1, 4, 7):
        yield Evasive(f"gzip, trailer cut after {cut}", _cut_gzip(cut), "m.gz", _gzip)
    whole = make_zip(Member("a.pkl", body, 8))
    broken = whole[:9000] + break_ + whole[9000 + len(break_) :]
    yield Evasive("zip, broken behind the payload", broken, "m.npz", _zip)
    for spelling in (b"%x", b"+%x", b" 0X%x"):
        size = (spelling % len(EVIL)).ljust(19)
        zfile = b"ZF" + size + zlib.compress(EVIL)
        yield Evasive(f"joblib's oldest header as {spelling.decode()}", zfile, "m.z", _zfile)


def _cut_gzip(cut: int) -> bytes:
    """Two members, of which the first one's trailer lies across two pieces."""
    first = zlib.compress(b"\x80\4N0", wbits=31)
    name = b"x" * (PIECE + 8 - cut - len(first) - 1)
    padded = first[:3] + b"\x08" + first[4:10] + name + b"\0" + first[10:]
    return padded + gzip.compress(EVIL[2:])


def arrays() -> Iterator[Evasive]:
    """Streams of joblib, in which a misjudged array hides what follows it."""
    evil, unpadded = call(sg("os", "system")) + STOP, b"\0"
    large = short("shape") + b"J\x40\x0d\3\0\x85"  # 200,000 bytes
    refilled = b"K\1K\1\x85" + sg("numpy", "dtype") + short("u1") + b"\x85R\x89C\1xt"
    data = _array(large) + b"ub" + unpadded + b"\0" * 200_000 + b"(" + refilled + b"b"
    yield _joblib(
        "array that is filled twice", data + b"0" + b"N0" * 60_000 + evil + b"\0" * 100_000
    )
    many = b"".join(b"K" + bytes([number]) + b"N" for number in range(40))
    named = b"".join(short(f"key{number}") + b"N" for number in range(70))
    small = short("shape") + b"K\7\x85"
    for title, others in (("numbers", many), ("names", named)):
        data = _array(large) + b"u(" + others + small + b"ub" + unpadded + b"\0" * 7
        yield _joblib(f"shape behind many {title}", data + evil + b"\0" * 200_000)
    computed = sg("builtins", "str") + small[:7] + b"\x85R" + small[7:]
    data = _array(large) + b"u(" + computed + b"ub" + unpadded + b"\0" * 7
    yield _joblib("shape by a computed name", data + evil + b"\0" * 200_000)
    subclass = sg("numpy", "str_") + small[:7] + b"\x85\x81" + small[7:]
    data = _array(large) + b"u(" + subclass + b"ub" + unpadded + b"\0" * 7
    yield _joblib("shape by a kind of text", data + evil + b"\0" * 200_000)
    # Numbers to joblib; torch's unpickler, which takes persistent ids, reads opcodes there.
    data = _array(large) + b"ubPid\n0" + evil + b"\0" * 200_000
    yield Evasive("joblib: array behind whose beginning torch goes on", data, "pytorch_model.bin")
    slots = b"}" + small + b"s\x86b" + unpadded + b"\0" * 7
    data = _array(large) + b"u" + slots + evil + b"\0" * 200_000
    yield _joblib("shape as a slot", data)


def _array(shape: bytes) -> bytes:
    """Everything of a joblib stream up to the opcode that takes an array's description over."""
    return (
        proto() + sg("joblib.numpy_pickle", "NumpyArrayWrapper") + b")\x81}("
        + short("subclass") + sg("numpy", "ndarray") + short("order") + short("C")
        + short("dtype") + sg("numpy", "dtype") + short("u1") + b"\x89\x88\x87R"
        + short("allow_mmap") + b"\x89" + short("numpy_array_alignment_bytes") + b"K\x10" + shape
    )  # fmt: skip


def _joblib(title: str, data: bytes) -> Evasive:
    return Evasive(f"joblib: {title}", data, "m.joblib", unpickler=NumpyUnpickler)


def archives() -> Iterator[Evasive]:
    for title, data in tars.evasions(EVIL):
        yield Evasive(f"tar: {title}", data, "old.pt", _tar)


def _bz2(data: bytes) -> BinaryIO:
    return cast("BinaryIO", bz2.BZ2File(io.BytesIO(data)))


def _gzip(data: bytes) -> BinaryIO:
    return cast("BinaryIO", gzip.GzipFile(fileobj=io.BytesIO(data)))


def _lzma(data: bytes) -> BinaryIO:
    return cast("BinaryIO", lzma.LZMAFile(io.BytesIO(data)))


def _zlib(data: bytes) -> BinaryIO:
    return io.BytesIO(zlib.decompressobj().decompress(data, 8192))


def _zip(data: bytes) -> BinaryIO:
    archive = zipfile.ZipFile(io.BytesIO(data))
    return cast("BinaryIO", archive.open(archive.namelist()[0]))


def _zfile(data: bytes) -> BinaryIO:
    return io.BytesIO(zlib.decompress(data[21:], 15, int(data[2:21], 16)))


def _tar(data: bytes) -> BinaryIO:
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
        return io.BytesIO(cast("BinaryIO", archive.extractfile("pickle")).read())


def samples() -> list[Evasive]:
    return [sample for group in (texts, streams, arrays, archives) for sample in group()]
