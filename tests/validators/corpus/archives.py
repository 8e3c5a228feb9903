"""Archives assembled by hand, so that their headers can lie."""

import io
import lzma
import struct
import tarfile
import zlib
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Member:
    """A zip member; `local` changes fields of its own header, `central` those of the directory."""

    name: str
    data: bytes
    method: int = 0
    local: dict[str, Any] = field(default_factory=dict)
    central: dict[str, Any] = field(default_factory=dict)
    listed: bool = True
    present: bool = True


def _pack(member: Member) -> bytes:
    if member.method == 8:
        deflate = zlib.compressobj(wbits=-15)
        return deflate.compress(member.data) + deflate.flush()
    return member.data


def _fields(member: Member, packed: bytes, changes: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": member.name,
        "flags": 0,
        "method": member.method,
        "crc": zlib.crc32(member.data),
        "packed": len(packed),
        "unpacked": len(member.data),
    } | changes


def make_zip(*members: Member, prefix: bytes = b"", comment: bytes = b"") -> bytes:
    body, directory, count = bytearray(prefix), bytearray(), 0
    for member in members:
        packed = _pack(member)
        offset = len(body)
        own = _fields(member, packed, member.local)
        name = own["name"].encode()
        body += struct.pack(
            "<4sHHHHHIIIHH", b"PK\3\4", 20, own["flags"], own["method"], 0, 0x21, own["crc"],
            own["packed"], own["unpacked"], len(name), 0,
        )  # fmt: skip
        body += name + packed
        if member.listed:
            count += 1
            listed = _fields(member, packed, member.central)
            name = listed["name"].encode()
            directory += struct.pack(
                "<4sHHHHHHIIIHHHHHII", b"PK\1\2", 20, 20, listed["flags"], listed["method"], 0,
                0x21, listed["crc"], listed["packed"], listed["unpacked"], len(name), 0, 0, 0, 0,
                listed.get("mode", 0) << 16, listed.get("offset", offset),
            )  # fmt: skip
            directory += name
    end = struct.pack(
        "<4sHHHHIIH", b"PK\5\6", 0, 0, count, count, len(directory), len(body), len(comment)
    )
    return bytes(body + directory + end + comment)


def make_tar(*members: tuple[str, bytes], format_: int = tarfile.USTAR_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format_) as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def make_link_tar(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, target
        archive.addfile(info)
    return out.getvalue()


def make_7z(name: str, data: bytes, *, method: bytes = b"\x21") -> bytes:
    """A 7z with one file, stored (method 0) or by LZMA2."""
    packed, properties = data, b""
    if method == b"\x21":
        filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 16}]
        packed, properties = lzma.compress(data, lzma.FORMAT_RAW, filters=filters), b"\x08"
    flags = len(method) | (0x20 if properties else 0)
    coder = bytes([flags]) + method + (bytes([len(properties)]) + properties if properties else b"")
    names = b"\0" + name.encode("utf-16-le") + b"\0\0"
    header = (
        b"\x01\x04\x06\0\x01\x09" + _number(len(packed)) + b"\0"
        b"\x07\x0b\x01\0\x01" + coder + b"\x0c" + _number(len(data)) + b"\0\0"
        b"\x05\x01\x11" + _number(len(names)) + names + b"\0\0"
    )  # fmt: skip
    start = struct.pack("<QQI", len(packed), len(header), zlib.crc32(header))
    return b"7z\xbc\xaf'\x1c\0\4" + struct.pack("<I", zlib.crc32(start)) + start + packed + header


def _number(value: int) -> bytes:
    return bytes([value]) if value < 0x80 else b"\xc0" + struct.pack("<H", value)


def make_npy(payload: bytes, descr: str = "|O", version: int = 1) -> bytes:
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': (1,), }}".encode()
    width = "<H" if version == 1 else "<I"
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack(width, len(header)) + header + payload
