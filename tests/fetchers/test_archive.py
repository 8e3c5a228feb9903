"""Archives from strangers: everything inside the target, or nothing at all."""

import gzip
import io
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from common.errors import UnsafeError, UsageError
from fetchers import archive
from fetchers.archive import unpack
from tests.servers import sample


def tar(path: Path, *members: tarfile.TarInfo, mode: str = "w") -> Path:
    with tarfile.open(path, mode) as opened:
        for member in members:
            opened.addfile(member, io.BytesIO(b"x" * member.size))
    return path


def member(
    name: str, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 0
) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, size
    return info


def zipped(path: Path, name: str, content: bytes = b"x", mode: int = stat.S_IFREG) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        info = zipfile.ZipInfo(name)
        info.external_attr, info.compress_type = (mode | 0o644) << 16, zipfile.ZIP_DEFLATED
        opened.writestr(info, content)
    return path


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "inner" / "target").mkdir(parents=True)
    return tmp_path / "inner" / "target"


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_tar(tmp_path: Path, target: Path, mode: str) -> None:
    files = sample.write(tmp_path / "files")
    with tarfile.open(tmp_path / "a", mode) as opened:
        opened.add(files, ".")
        opened.addfile(member("latest.txt", tarfile.SYMTYPE, "tokenizer/vocab list.txt"))
        opened.addfile(member("tokenizer/up.json", tarfile.SYMTYPE, "../config.json"))
        opened.addfile(member("hard.json", tarfile.LNKTYPE, "config.json"))
    unpack(tmp_path / "a", target, "a")
    config = sample.FILES["config.json"]
    links = {"hard.json": config, "tokenizer/up.json": config, "latest.txt": b"a\nb\n"}
    assert sample.read(target) == {**sample.FILES, **links}
    assert not any(path.is_symlink() for path in target.rglob("*"))


def test_zip(tmp_path: Path, target: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a", "w") as opened:
        for path, content in sample.FILES.items():
            opened.writestr(path, content)
    unpack(tmp_path / "a", target, "a")
    assert sample.read(target) == dict(sample.FILES)


ATTACKS: dict[str, Callable[[Path], Path]] = {
    "tar-up": lambda path: tar(path, member("../out", size=1)),
    "tar-absolute": lambda path: tar(path, member("/tmp/out", size=1)),
    "tar-deep-up": lambda path: tar(path, member("a/b/../../../out", size=1)),
    "tar-control": lambda path: tar(path, member("a\nb", size=1)),
    "tar-link-out": lambda path: tar(path, member("l", tarfile.SYMTYPE, "../../out")),
    "tar-link-absolute": lambda path: tar(path, member("l", tarfile.SYMTYPE, "/etc/passwd")),
    "tar-hard-link-out": lambda path: tar(path, member("l", tarfile.LNKTYPE, "../out")),
    "tar-link-to-nothing": lambda path: tar(path, member("l", tarfile.SYMTYPE, "none")),
    "tar-link-to-itself": lambda path: tar(path, member("l", tarfile.SYMTYPE, "l")),
    "tar-through-link": lambda path: tar(
        path, member("d", tarfile.SYMTYPE, "../.."), member("d/out", size=1)
    ),
    "tar-device": lambda path: tar(path, member("d", tarfile.CHRTYPE)),
    "tar-fifo": lambda path: tar(path, member("d", tarfile.FIFOTYPE)),
    "zip-up": lambda path: zipped(path, "../out"),
    "zip-absolute": lambda path: zipped(path, "/tmp/out"),
    "zip-backslash": lambda path: zipped(path, "..\\out"),
    "zip-link-out": lambda path: zipped(path, "l", b"../../out", stat.S_IFLNK),
    "zip-device": lambda path: zipped(path, "d", mode=stat.S_IFCHR),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_attacks_are_refused(tmp_path: Path, target: Path, attack: str) -> None:
    made = ATTACKS[attack](tmp_path / "archive")
    with pytest.raises(UnsafeError, match=r"^archive\.x holds"):
        unpack(made, target, "archive.x")
    assert not list(target.parent.glob("out*"))
    assert not list(tmp_path.glob("out*"))


def test_too_many_files(tmp_path: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MOST_FILES", 10)
    made = tar(tmp_path / "a", *(member(f"{i}") for i in range(11)))
    with pytest.raises(UnsafeError, match="holds too many files, got more than 10"):
        unpack(made, target, "a")


@pytest.mark.parametrize("kind", ["tar", "zip", "links"])
def test_bombs(tmp_path: Path, target: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(archive, "ALWAYS_BYTES", 1 << 20)
    made = tmp_path / "a"
    if kind == "zip":
        zipped(made, "big", bytes(8 << 20))
    elif kind == "tar":
        tar(made, member("big", size=8 << 20), mode="w:gz")
    else:
        links = (member(f"l{i}", tarfile.SYMTYPE, "one") for i in range(100))
        tar(made, member("one", size=900_000), *links, mode="w:gz")
    with pytest.raises(UnsafeError, match="a unpacks to too much for its size"):
        unpack(made, target, "a")
    assert sum(path.stat().st_size for path in target.rglob("*")) < 8 << 20


def test_what_is_no_archive_or_a_broken_one(tmp_path: Path, target: Path) -> None:
    (tmp_path / "a").write_bytes(b"nothing of the kind" * 100)
    with pytest.raises(UsageError, match="a is neither a zip nor a tar archive"):
        unpack(tmp_path / "a", target, "a")
    whole = tar(tmp_path / "b", member("x", size=300_000), mode="w:gz").read_bytes()
    (tmp_path / "b").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UsageError, match="b cannot be unpacked"):
        unpack(tmp_path / "b", target, "b")
    (tmp_path / "c").write_bytes(gzip.compress(b"not a tar" * 1000))
    with pytest.raises(UsageError, match="c is neither"):
        unpack(tmp_path / "c", target, "c")


def test_the_same_path_twice(tmp_path: Path, target: Path) -> None:
    for members in ([member("x"), member("x")], [member("x"), member("x/y")]):
        with pytest.raises(UsageError, match="a holds the same path twice"):
            unpack(tar(tmp_path / "a", *members), target, "a")
        (target / "x").unlink()
