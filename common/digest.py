"""Digests and how Nix writes them: SRI, Nix base 32, git blob ids, NAR hashes, store paths.

Sources: SRI https://www.w3.org/TR/SRI/, NAR and store paths
https://nix.dev/manual/nix/latest/protocols/nix-archive and
https://nix.dev/manual/nix/latest/protocols/store-path
"""

import base64
import binascii
import hashlib
import os
import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from common.errors import UsageError

CHUNK_BYTES = 1 << 20
ALGORITHM_BYTES = {"sha256": 32, "sha512": 64}
_NIX_BASE32 = "0123456789abcdfghijklmnpqrsvwxyz"
_STORE_HASH_BYTES = 20


class Hasher(Protocol):
    """The part of a hashlib object that is used here."""

    def update(self, data: bytes | memoryview, /) -> None:
        """Take more bytes."""

    def hexdigest(self) -> str:
        """Give the digest as lower-case hex."""


def to_sri(hexdigest: str, algorithm: str = "sha256") -> str:
    """Write a hex digest as SRI, e.g. ``sha256-47DEQ…=``."""
    return f"{algorithm}-{base64.b64encode(bytes.fromhex(hexdigest)).decode()}"


def from_sri(text: str) -> tuple[str, str]:
    """Read ``sha256-…`` or ``sha512-…`` (also ``sha256:hex`` and bare 64-digit hex).

    Returns:
        The algorithm and the digest as lower-case hex.

    Raises:
        UsageError: when it is no hash, or its length does not fit its algorithm.
    """
    algorithm, digest = _split_hash(text)
    if algorithm not in ALGORITHM_BYTES or len(digest) != ALGORITHM_BYTES[algorithm]:
        raise UsageError(
            "this is no sha256 or sha512 hash", repr(text), "sha256-<44 base64 digits>"
        )
    return algorithm, digest.hex()


def _split_hash(text: str) -> tuple[str, bytes]:
    for separator, decode in (("-", _base64), (":", _hex_or_nix)):
        algorithm, found, body = text.partition(separator)
        if found and algorithm in ALGORITHM_BYTES:
            return algorithm, decode(body)
    return "sha256", _hex_or_nix(text)


def _base64(body: str) -> bytes:
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error:
        return b""


def _hex_or_nix(body: str) -> bytes:
    try:
        return bytes.fromhex(body)
    except ValueError:
        return from_nix_base32(body)


def to_nix_base32(digest: bytes) -> str:
    """Write bytes in Nix's own base 32 (reversed, without e, o, t and u)."""
    length = (len(digest) * 8 - 1) // 5 + 1
    number = int.from_bytes(digest, "little")
    return "".join(_NIX_BASE32[(number >> (5 * i)) & 31] for i in reversed(range(length)))


def from_nix_base32(text: str) -> bytes:
    """Read Nix's base 32; gives no bytes when the text is none."""
    number = 0
    for character in text:
        value = _NIX_BASE32.find(character)
        if value < 0:
            return b""
        number = number << 5 | value
    size = len(text) * 5 // 8
    return number.to_bytes(size, "little") if number < 1 << (8 * size) else b""


def file_sha256(path: Path) -> str:
    """Hash a file in constant memory; lower-case hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def git_blob_hasher(size: int) -> Hasher:
    """Start git's blob id (sha1 over a header and the content) of a file of `size` bytes.

    Source: https://git-scm.com/book/en/v2/Git-Internals-Git-Objects
    """
    # NB: sha1 names a git object here; what we trust it for is documented in docs/security.md.
    hasher = hashlib.sha1(usedforsecurity=False)
    hasher.update(b"blob %d\0" % size)
    return hasher


def nar_sha256(path: Path) -> str:
    """Give the sha256 (hex) of a file's or tree's NAR serialisation, in constant memory."""
    hasher = hashlib.sha256()
    _nar_write(hasher.update, (b"nix-archive-1",))
    _nar_node(hasher.update, path)
    return hasher.hexdigest()


def _nar_write(write: Callable[[bytes], None], words: Iterable[bytes]) -> None:
    for word in words:
        write(len(word).to_bytes(8, "little") + word + b"\0" * (-len(word) % 8))


def _nar_node(write: Callable[[bytes], None], path: Path) -> None:
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        target = os.fsencode(path.readlink())
        _nar_write(write, (b"(", b"type", b"symlink", b"target", target, b")"))
    elif stat.S_ISDIR(mode):
        _nar_write(write, (b"(", b"type", b"directory"))
        for child in sorted(path.iterdir(), key=lambda child: os.fsencode(child.name)):
            _nar_write(write, (b"entry", b"(", b"name", os.fsencode(child.name), b"node"))
            _nar_node(write, child)
            _nar_write(write, (b")",))
        _nar_write(write, (b")",))
    else:
        _nar_write(write, (b"(", b"type", b"regular"))
        if mode & stat.S_IXUSR:
            _nar_write(write, (b"executable", b""))
        _nar_contents(write, path)


def _nar_contents(write: Callable[[bytes], None], path: Path) -> None:
    size = path.stat().st_size
    _nar_write(write, (b"contents",))
    write(size.to_bytes(8, "little"))
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            write(chunk)
    write(b"\0" * (-size % 8))
    _nar_write(write, (b")",))


def fixed_output_path(
    name: str,
    hexdigest: str,
    *,
    algorithm: str = "sha256",
    recursive: bool = False,
    store: str = "/nix/store",
) -> str:
    """Compute the store path of fixed-output content, without asking Nix.

    Args:
        name: the store name, e.g. ``model.safetensors``.
        hexdigest: of the file's bytes, or of the NAR when `recursive`.
        algorithm: of `hexdigest`.
        recursive: whether the content is hashed as a NAR (a tree) or flat (one file).
        store: the store directory that is part of every path's hash.
    """
    if recursive and algorithm == "sha256":
        kind, inner = "source", hexdigest
    else:
        mode = "r:" if recursive else ""
        description = f"fixed:out:{mode}{algorithm}:{hexdigest}:"
        kind, inner = "output:out", hashlib.sha256(description.encode()).hexdigest()
    full = hashlib.sha256(f"{kind}:sha256:{inner}:{store}:{name}".encode()).digest()
    folded = bytearray(_STORE_HASH_BYTES)
    for index, byte in enumerate(full):
        folded[index % _STORE_HASH_BYTES] ^= byte
    return f"{store}/{to_nix_base32(bytes(folded))}-{name}"
