"""What bytes are, by their beginning. A name is never asked."""

import re
import struct

from validators.containers.limits import HEAD_BYTES

_TAR_MAGIC_AT = 257
_TAR_SUM = slice(148, 156)
_TAR_BLOCK = 512
_BZIP2_BLOCKS = (b"1AY&SY", b"\x17rE8P\x90")  # a block, or the end of the stream
_LZMA_HEADER = 13
_LZMA_MOST_PROPERTIES = 9 * 5 * 5
_LZMA_MOST_SIZE = 1 << 38  # liblzma takes larger ones for another format
_WIDEST_DICTIONARY = (1 << 32) - 1
_ZLIB_MODULUS = 31
_UNKNOWN_SIZE = (1 << 64) - 1
_PE_POINTER = slice(0x3C, 0x40)
_FAT_MOST_ARCHITECTURES = 30  # a Java class has its version there, at least 45
_SAFETENSORS_HEAD = re.compile(rb"\{\s*(\"|\})")
_SCRIPT = re.compile(rb"#![ \t]*[!-~][ -~\t]{0,254}(?:\r?\n|\Z)")
_PE_MOST_STUB = 1 << 20  # bytes before the header of a program for Windows; must be aligned
_BYTECODE_MAJORS = (12, 13, 14)  # high byte of the magic of Python 3.6 and later
_BYTECODE_MOST_FLAGS = 3
_BYTECODE_FIRST, _BYTECODE_WITH_FLAGS = 3000, 3390  # of Python 3.0, and of 3.7
_BYTECODE_2 = frozenset((62131, 62161, 62211))  # Python 2.5 to 2.7
_ARFF = b"!<arch>\n"
_ZFILE_SIZE = slice(2, 21)
_ZSTD = re.compile(rb"(?s)[\x50-\x5f]\x2aM\x18|[\x1e\x22-\x28]\xb5/\xfd")  # skipped, or old
_CPIO = re.compile(rb"07070[127][0-7A-Fa-f]{64}")

_MAGICS = (
    (b"PK\x03\x04", "zip"), (b"PK\x05\x06", "zip"), (b"PK\x07\x08", "zip"),
    (b"\x1f\x8b\x08", "gzip"), (b"\xfd7zXZ\0", "xz"),
    (b"(\xb5/\xfd", "zstd"), (b"7z\xbc\xaf'\x1c", "7z"), (b"\x93NUMPY", "npy"),
    (b"GGUF", "gguf"), (b"\x89HDF\r\n\x1a\n", "hdf5"),
    (b"MZqFpD='", "pe"), (b"jartsr='", "script"),  # llamafile and other portable executables
    (b"\x7fELF", "elf"), (b"\xac\xed\0\5", "java-objects"), (b"dex\n0", "dalvik"),
    (b"\x1bLua", "lua-bytecode"), (b"BC\xc0\xde", "llvm-bitcode"), (b"\xed\xab\xee\xdb", "rpm"),
    (b"Rar!\x1a\x07", "rar"),
    (b'\x04"M\x18', "lz4"), (b"\x1f\x9d", "compress"), (b"MSCF", "cab"), (_ARFF, "ar"),
    (b"LZIP", "lzip"), (b"hsqs", "squashfs"), (b"sqsh", "squashfs"), (b"\0asm", "wasm"),
    (b"!<thin>\n", "ar"), (b"\x89LZO\0\r\n\x1a\n", "lzop"), (b"\xff\x06\0\0sNaPpY", "snappy"),
    (b"LRZI", "lrzip"), (b"xar!", "xar"), (b"MSWIM\0\0\0", "wim"), (b"\xed\xab\xee\xdb", "rpm"),
    (b"\xfe\xed\xfa\xce", "mach-o"), (b"\xfe\xed\xfa\xcf", "mach-o"),
    (b"\xce\xfa\xed\xfe", "mach-o"), (b"\xcf\xfa\xed\xfe", "mach-o"),
    (b"\x89PNG\r\n\x1a\n", "png"), (b"\xff\xd8\xff", "jpeg"), (b"GIF8", "gif"), (b"%PDF", "pdf"),
    (b"PAR1", "parquet"), (b"ARROW1", "arrow"), (b"OggS", "ogg"), (b"fLaC", "flac"),
)  # fmt: skip

# Archives and streams that nothing here can open: they cannot be judged.
UNREADABLE = frozenset(
    {
        "rar", "lz4", "compress", "cab", "ar", "lzip", "cpio", "squashfs", "lzop", "snappy",
        "lrzip", "xar", "wim", "rpm",
    },
)  # fmt: skip
# Machine code, byte code and object graphs: nothing here can say what they do.
NATIVE = frozenset(
    {"elf", "pe", "mach-o", "java-class", "java-objects", "python-bytecode", "dalvik"}
    | {"lua-bytecode", "llvm-bitcode"}
)
EXECUTABLE = NATIVE | {"script", "wasm"}


def kinds(head: bytes) -> list[str]:
    """Name everything that these first bytes can be, the most certain first; may be empty.

    NB: one beginning can be several things, and every one of them has to be looked at.
    """
    found = [kind for magic, kind in _MAGICS if head.startswith(magic)]
    tests = (
        ("tar", is_tar(head)),
        ("bzip2", head[:3] == b"BZh" and head[4:10] in _BZIP2_BLOCKS),
        ("zstd", bool(_ZSTD.match(head))),
        ("zfile", _is_zfile(head)),
        ("cpio", bool(_CPIO.match(head))),
        ("pe", _is_pe(head)),
        ("safetensors", _is_safetensors(head)),
        ("lzma", _is_lzma(head)),
        ("zlib", _is_zlib(head)),
        ("script", bool(_SCRIPT.match(head))),
        ("python-bytecode", _is_bytecode(head)),
    )
    found += [kind for kind, matches in tests if matches]
    if head.startswith(b"\xca\xfe\xba\xbe"):
        fat = int.from_bytes(head[4:8], "big") <= _FAT_MOST_ARCHITECTURES
        found.append("mach-o" if fat else "java-class")
    return found


def identify(head: bytes) -> str:
    """Give the most likely kind: one of `kinds`, or ``empty``, ``text`` or ``data``."""
    if not head:
        return "empty"
    return next(iter(kinds(head)), "text" if is_text(head) else "data")


def is_text(head: bytes) -> bool:
    """Whether bytes look like text: UTF-8 without control characters but white space."""
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        cut = (
            len(head) >= HEAD_BYTES and error.start >= len(head) - 4
        )  # in the midst of a character
        if not cut:
            return False
        text = head[: error.start].decode()
    return all(character >= " " or character in "\t\r\n\f\x1b" for character in text)


def is_tar(block: bytes) -> bool:
    """Whether a block is a tar header, by its check sum or its magic number."""
    if len(block) < _TAR_BLOCK:
        return False
    if block[_TAR_MAGIC_AT : _TAR_MAGIC_AT + 5] == b"ustar":
        return True
    wanted = tar_number(block[_TAR_SUM])
    rest = block[: _TAR_SUM.start] + b" " * 8 + block[_TAR_SUM.stop : _TAR_BLOCK]
    signed = sum(byte - 256 if byte > 127 else byte for byte in rest)  # noqa: PLR2004 - a byte's sign
    return wanted in (sum(rest), signed)


def tar_number(field: bytes) -> int | None:
    """Read a number of a tar header: octal or, with the first bit set, binary; None for others."""
    if field[0] == 0x80:  # noqa: PLR2004 - positive
        return int.from_bytes(field[1:], "big")
    try:
        value = int(field.split(b"\0")[0].decode("ascii").strip() or "0", 8)
    except ValueError:
        return None
    return value if value >= 0 else None


def _is_zfile(head: bytes) -> bool:
    """Whether joblib before 0.10 wrote it: "ZF", then a size in hex as Python reads it."""
    if head[:2] != b"ZF" or len(head) < _ZFILE_SIZE.stop:
        return False
    try:
        return int(head[_ZFILE_SIZE], 16) >= 0
    except ValueError:
        return False


def _is_pe(head: bytes) -> bool:
    if head[:2] != b"MZ":
        return False
    at = int.from_bytes(head[_PE_POINTER], "little")
    if at + 4 > len(head):  # NB: numbers that happen to begin with "MZ" point anywhere
        return len(head) < _PE_POINTER.stop or (at % 4 == 0 and at < _PE_MOST_STUB)
    return head[at : at + 4] == b"PE\0\0"


def _is_bytecode(head: bytes) -> bool:
    if head[2:4] != b"\r\n":
        return False
    number = int.from_bytes(head[:2], "little")
    if number < _BYTECODE_WITH_FLAGS or number in _BYTECODE_2:
        return number >= _BYTECODE_FIRST
    flags = int.from_bytes(head[4:8], "little")  # https://peps.python.org/pep-0552/
    return head[1] in _BYTECODE_MAJORS and flags <= _BYTECODE_MOST_FLAGS


def _is_safetensors(head: bytes) -> bool:
    size = int.from_bytes(head[:8], "little")
    return 2 <= size < 1 << 40 and bool(_SAFETENSORS_HEAD.match(head, 8))  # noqa: PLR2004 - "{}"


def _is_lzma(head: bytes) -> bool:
    if len(head) < _LZMA_HEADER or head[0] >= _LZMA_MOST_PROPERTIES:
        return False
    dictionary, size = struct.unpack("<IQ", head[1:_LZMA_HEADER])
    top = 1 << max(dictionary.bit_length() - 1, 0)
    usual = dictionary in (0, _WIDEST_DICTIONARY, top, top + top // 2)  # as liblzma demands
    return usual and (size == _UNKNOWN_SIZE or 0 < size < _LZMA_MOST_SIZE)


def _is_zlib(head: bytes) -> bool:
    first = head[:2]
    return (
        len(first) == 2  # noqa: PLR2004 - the header
        and first[0] & 0x8F == 0x08  # noqa: PLR2004 - deflate, window up to 32 KiB
        and int.from_bytes(first, "big") % _ZLIB_MODULUS == 0
    )
