"""Unpacking zip and tar archives from strangers: bounded, inside the target, regular files only.

What such archives do to careless programs: https://nvd.nist.gov/vuln/detail/CVE-2007-4559 (tar),
https://security.snyk.io/research/zip-slip-vulnerability, https://www.bamsoftware.com/hacks/zipbomb/
"""

import lzma
import posixpath
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from common.digest import CHUNK_BYTES
from common.errors import DiskError, UnsafeError, UsageError
from common.files import check_path

MOST_FILES = 100_000
LARGEST_RATIO = 200  # unpacked to packed bytes; weights hardly compress
ALWAYS_BYTES = 1 << 30  # unpacked size that any archive may have, whatever its ratio
LONGEST_LINK = 4096  # bytes, as the kernel's own limit
_BROKEN = (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError)


@dataclass(frozen=True)
class _Member:
    path: str
    size: int
    content: IO[bytes] | None  # None for a link
    link: str | None = None  # path inside the archive of what the link means


def unpack(archive: Path, target: Path, name: str) -> None:
    """Unpack an archive into a directory that may hold files of other archives already.

    A link inside becomes a copy of the file it means. Modes, owners and times are dropped.

    Args:
        archive: a zip, or a tar with any compression that Python knows.
        target: an existing directory.
        name: of the archive, for messages.

    Raises:
        UnsafeError: a path or link leaves the target, a member is a device, or it holds too much.
        UsageError: it is no archive, is broken or encrypted, or names a path twice.
        DiskError: the disk is full or read-only.
    """
    budget = _Budget(name, max(ALWAYS_BYTES, LARGEST_RATIO * archive.stat().st_size))
    links = {}
    try:
        for member in _members(archive, name):
            budget.take(1, member.size)
            if member.content is None:
                links[member.path] = str(member.link)
            else:
                _write(target, member.path, member.content, name)
        for path, meant in links.items():
            origin = target / meant
            # Only files were ever written, so what is there is inside.
            if not origin.is_file():
                what = f"{name} holds a link to no file of it"
                raise UnsafeError(what, f"{path!r} -> {meant!r}")
            budget.take(0, origin.stat().st_size)
            with origin.open("rb") as content:
                _write(target, path, content, name)
    except DiskError:
        raise
    except (*_BROKEN, RuntimeError, NotImplementedError) as error:
        raise UsageError(
            f"{name} cannot be unpacked", str(error) or type(error).__name__
        ) from error


class _Budget:
    def __init__(self, name: str, most_bytes: int) -> None:
        self._name, self._most = name, most_bytes
        self._files = self._bytes = 0

    def take(self, files: int, count: int) -> None:
        self._files += files
        self._bytes += count
        if self._files > MOST_FILES:
            raise UnsafeError(f"{self._name} holds too many files", f"more than {MOST_FILES}")
        if self._bytes > self._most:
            what = f"{self._name} unpacks to too much for its size"
            raise UnsafeError(what, f"more than {self._most} bytes")


def _members(archive: Path, name: str) -> Iterator[_Member]:
    if zipfile.is_zipfile(archive):
        return _zip(archive, name)
    if tarfile.is_tarfile(archive):
        return _tar(archive, name)
    remedy = "leave `unpack` out to keep the file as it is"
    raise UsageError(f"{name} is neither a zip nor a tar archive", None, remedy)


def _zip(archive: Path, name: str) -> Iterator[_Member]:
    with zipfile.ZipFile(archive) as opened:
        for info in opened.infolist():
            if info.is_dir():
                continue
            path = _inside(info.filename, name)
            kind = stat.S_IFMT(info.external_attr >> 16)
            with opened.open(info) as content:
                if kind == stat.S_IFLNK:
                    link = content.read(LONGEST_LINK).decode("utf-8", "replace")
                    yield _Member(path, 0, None, _meant(path, link, name))
                elif kind in (0, stat.S_IFREG):
                    yield _Member(path, info.file_size, content)
                else:
                    raise _special(name, path)


def _tar(archive: Path, name: str) -> Iterator[_Member]:
    with tarfile.open(archive, "r|*") as opened:
        for info in opened:
            if info.isdir():
                continue
            path = _inside(info.name, name)
            if info.issym():
                yield _Member(path, 0, None, _meant(path, info.linkname, name))
            elif info.islnk():
                yield _Member(path, 0, None, _inside(info.linkname, name))
            elif info.isreg() and (content := opened.extractfile(info)) is not None:
                with closing(content):
                    yield _Member(path, info.size, content)
            else:
                raise _special(name, path)


def _special(name: str, path: str) -> UnsafeError:
    return UnsafeError(f"{name} holds something that is no file", repr(path))


def _inside(path: str, name: str) -> str:
    try:
        path.encode()
        # Archives made by `tar c .` begin every path with it.
        return check_path(path.removeprefix("./"))
    except (UsageError, UnicodeEncodeError) as error:
        raise UnsafeError(f"{name} holds a path that leaves its directory", repr(path)) from error


def _meant(path: str, link: str, name: str) -> str:
    meant = posixpath.normpath(posixpath.join(posixpath.dirname(path), link))
    if posixpath.isabs(link) or meant.startswith("../") or meant in (".", ".."):
        raise UnsafeError(f"{name} holds a link that leaves its directory", f"{path!r} -> {link!r}")
    return meant


def _write(target: Path, path: str, content: IO[bytes], name: str) -> None:
    place = target / path
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        file = place.open("xb")
    except (FileExistsError, NotADirectoryError) as error:
        raise UsageError(f"{name} holds the same path twice", repr(path)) from error
    except OSError as error:
        raise DiskError(f"cannot write {place}", error.strerror) from error
    with file:
        while chunk := content.read(CHUNK_BYTES):
            try:
                file.write(chunk)
            except OSError as error:
                raise DiskError(f"cannot write {place}", error.strerror) from error
