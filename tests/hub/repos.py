"""What the hub holds: repositories, their commits, and files with the ids that git and LFS give."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, Self
from urllib.parse import unquote

import yaml

from common.digest import file_sha256, git_blob_hasher
from common.files import walk

LFS_BYTES = 10 << 20  # from here on the real hub takes a file only as LFS
LFS_SUFFIXES = (
    *(".bin", ".ckpt", ".gguf", ".gz", ".h5", ".keras", ".msgpack", ".npy", ".npz", ".onnx"),
    *(".parquet", ".pickle", ".pkl", ".pt", ".pth", ".safetensors", ".tar", ".tflite", ".zip"),
)
_FRONT_MATTER = re.compile(rb"\A---\r?\n(.*?)\r?\n---", re.DOTALL)


@dataclass(frozen=True)
class Sparse:
    """Content that exists only as a size and a sha256; a request for its bytes is a failure."""

    size: int
    sha256: str


Content = bytes | Path | Sparse


@dataclass(frozen=True)
class File:
    """A file of a commit; `oid` is the git blob id (for LFS: of the pointer)."""

    path: str
    content: Content
    size: int
    sha256: str
    oid: str
    lfs: bool

    @property
    def pointer(self) -> bytes:
        """Text git holds instead of an LFS file (git-lfs.com, docs/spec.md)."""
        return lfs_pointer(self.sha256, self.size)

    @property
    def etag(self) -> str:
        """What the hub calls the content, quoted."""
        return f'"{self.sha256 if self.lfs else self.oid}"'


def lfs_pointer(sha256: str, size: int) -> bytes:
    return (
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n".encode()
    )


def _git_oid(content: bytes) -> str:
    hasher = git_blob_hasher(len(content))
    hasher.update(content)
    return hasher.hexdigest()


def read(content: Content) -> bytes:
    """Give the bytes of a small file."""
    if isinstance(content, Sparse):
        raise TypeError("a sparse file has no bytes")
    return content.read_bytes() if isinstance(content, Path) else content


def _measure(content: Content) -> tuple[int, str]:
    match content:
        case Sparse():
            return content.size, content.sha256
        case Path():
            return content.stat().st_size, file_sha256(content)
    return len(content), hashlib.sha256(content).hexdigest()


def make_file(path: str, content: Content) -> File:
    size, sha256 = _measure(content)
    lfs = (
        isinstance(content, Sparse)
        or size >= LFS_BYTES
        or PurePosixPath(path).suffix in LFS_SUFFIXES
    )
    oid = _git_oid(lfs_pointer(sha256, size)) if lfs else _git_oid(read(content))
    return File(path, content, size, sha256, oid, lfs)


@dataclass(frozen=True)
class Commit:
    """The files of a repository at one moment, sorted by path."""

    files: Mapping[str, File]

    @classmethod
    def of(cls, contents: Mapping[str, Content]) -> Self:
        return cls({path: make_file(path, contents[path]) for path in sorted(contents)})

    @cached_property
    def sha(self) -> str:
        """40 hex digits that follow from the content alone."""
        text = "".join(f"{file.oid} {path}\n" for path, file in self.files.items())
        return hashlib.sha1(text.encode()).hexdigest()

    @cached_property
    def card(self) -> dict[str, Any]:
        """The YAML header of README.md."""
        readme = self.files.get("README.md")
        if readme is None or isinstance(readme.content, Sparse):
            return {}
        found = _FRONT_MATTER.match(read(readme.content))
        return (yaml.safe_load(found[1]) or {}) if found else {}


@dataclass(frozen=True)
class Repo:
    """A repository to serve.

    Attributes:
        id: ``org/name``, or a bare ``name``.
        kind: ``model``, ``dataset`` or ``space``.
        files: of the branch ``main``.
        revisions: other branches, tags and ``refs/pr/1``: their files, or the name of a revision
            they share a commit with.
        gated: False, ``"auto"`` or ``"manual"``; metadata stays public, content needs a grant.
        private: without a grant the repository does not exist.
        tokens: those that have the grant.
        moved_from: older ids, redirected to this one.
    """

    id: str
    kind: str = "model"
    files: Mapping[str, Content] = field(default_factory=dict)
    revisions: Mapping[str, Mapping[str, Content] | str] = field(default_factory=dict)
    gated: bool | str = False
    private: bool = False
    tokens: tuple[str, ...] = ()
    moved_from: tuple[str, ...] = ()

    @cached_property
    def commits(self) -> Mapping[str, Commit]:
        """Every revision's commit by name, ``main`` first."""
        made = {"main": Commit.of(self.files)}
        for name, value in self.revisions.items():
            made[name] = made[value] if isinstance(value, str) else Commit.of(value)
        return made

    @property
    def sha(self) -> str:
        """Commit of ``main``."""
        return self.commits["main"].sha

    def commit(self, revision: str) -> Commit | None:
        """Find a commit by branch, tag, ref or full id."""
        by_sha = (commit for commit in self.commits.values() if commit.sha == revision)
        return self.commits.get(revision) or next(by_sha, None)


def repos_of(root: Path, settings: Mapping[str, Mapping[str, Any]]) -> Iterator[Repo]:
    """Read ROOT/{models,datasets,spaces}/[ORG/]NAME; ``NAME@REV`` holds another revision.

    Args:
        root: A directory without an owner is a repository when it holds a file itself.
        settings: by ``models/ORG/NAME``: ``gated``, ``private``, ``tokens``, and ``sparse``
            (path to ``[size, sha256]``).
    """
    for kind in ("model", "dataset", "space"):
        base = root / f"{kind}s"
        found = sorted(_repo_dirs(base)) if base.is_dir() else []
        for directory in (path for path in found if "@" not in path.name):
            key = directory.relative_to(root).as_posix()
            options = dict(settings.get(key, {}))
            sparse = {path: Sparse(*pair) for path, pair in options.pop("sparse", {}).items()}
            others = [path for path in found if str(path).startswith(f"{directory}@")]
            yield Repo(
                directory.relative_to(base).as_posix(),
                kind,
                files=_contents(directory) | sparse,
                revisions={unquote(o.name.partition("@")[2]): _contents(o) for o in others},
                **options,
            )


def _repo_dirs(base: Path) -> Iterator[Path]:
    for first in (path for path in base.iterdir() if path.is_dir()):
        if any(path.is_file() for path in first.iterdir()):
            yield first
        else:
            yield from (path for path in first.iterdir() if path.is_dir())


def _contents(directory: Path) -> dict[str, Content]:
    return dict(walk(directory))
