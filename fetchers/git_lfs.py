"""Git repositories with LFS: https, ssh and file, at a commit, tag or branch.

The listing comes from one shallow fetch of small blobs, the hashes of weights from their pointers.
A weight is one request to the LFS server and one download, straight to its place.
"""

import io
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urljoin

from common.errors import NotFoundError, UsageError
from common.files import LARGE_BYTES, RemoteFile, check_path, select
from common.reference import Source, show_reference
from common.secrets import public_url
from fetchers import git, lfs
from fetchers.base import Digests, Snapshot
from fetchers.context import Context
from fetchers.git_command import check_address
from fetchers.transfer import Opened, receive

DEEPEST = 8  # submodules within submodules
_LFS = "lfs"  # pins: `lfs`, `lfs:ENDPOINT`, and `git:COMMIT:URL PATH` for a submodule's own files
_GIT = "git"


@dataclass(frozen=True)
class _Found:
    file: RemoteFile
    is_lfs: bool


def resolve(source: Source, context: Context) -> Snapshot:
    """Find the commit, and every file of it; weights are known by their pointers.

    Raises:
        NotFoundError: no such repository, revision or directory, or no file is wanted.
        AuthError, TransferError; UsageError for an address that git cannot take.
    """
    attrs = source.attrs
    url = check_address(attrs["url"])
    commit = git.find_commit(url, attrs.get("rev", "HEAD"), context)
    found, notes = [], []
    for one in _look(url, commit, "", source, context, 0):
        if isinstance(one, str):
            notes.append(one)
        else:
            found.append(one)
    files = _choose(source, found)
    return Snapshot(source, commit, files, tuple(notes))


def _choose(source: Source, found: list[_Found]) -> tuple[RemoteFile, ...]:
    attrs = source.attrs
    prefix = f"{attrs['subdir'].strip('/')}/" if attrs.get("subdir") else ""
    below = [one for one in found if one.file.path.startswith(prefix)]
    by_path = {
        path: replace(one, file=replace(one.file, path=path))
        for one in below
        if (path := one.file.path.removeprefix(prefix))
    }
    wanted = select(by_path, attrs.get("files", ()), attrs.get("exclude", ()))
    weights = [path for path in wanted if by_path[path].is_lfs]
    dropped = set(weights) - set(select(weights, attrs.get("lfsFiles", ()), ()))
    chosen = tuple(by_path[check_path(path)].file for path in wanted if path not in dropped)
    if not chosen:
        some = ", ".join(sorted(one.file.path for one in found)[:5])
        raise NotFoundError(
            f"{show_reference(source)} has no file that is wanted", None, f"globs for {some}"
        )
    return chosen


def _look(
    url: str, commit: str, prefix: str, source: Source, context: Context, depth: int
) -> Iterator[_Found | str]:
    """Yield the files of a commit below `prefix`, and sentences about what was left out."""
    repository = git.checkout(url, commit, git.SMALL, context)
    entries = repository.entries.values()
    endpoint = source.attrs.get("lfsUrl") if depth == 0 else None
    endpoint = endpoint or lfs.endpoint_of(url, repository.config(".lfsconfig"))
    own = endpoint == lfs.default_endpoint(source.attrs["url"])
    pin = _LFS if own else f"{_LFS}:{endpoint}"
    for entry in entries:
        path = f"{prefix}{entry.path}"
        if entry.is_submodule:
            yield from _submodule(repository, entry, path, source, context, depth)
        elif entry.is_link:
            yield f"left out {path}: it is a symbolic link"
        elif pointer := lfs.read_pointer(repository.tiny.get(entry.oid, b"")):
            yield _Found(RemoteFile(path, pointer[1], pointer[0], pin=pin), is_lfs=True)
        else:
            place = f"{_GIT}:{commit}:{url} {entry.path}" if depth else None
            file = RemoteFile(path, entry.size, git_sha1=entry.oid, pin=place)
            yield _Found(file, is_lfs=False)


def _submodule(
    parent: git.Checkout, entry: git.Entry, path: str, source: Source, context: Context, depth: int
) -> Iterator[_Found | str]:
    if not source.attrs.get("submodules", False):
        yield f"left out the submodule {path}; `submodules = true` takes it"
        return
    if depth >= DEEPEST:
        raise UsageError("submodules are nested too deeply", repr(path))
    settings = parent.config(".gitmodules")
    names = [key[len("submodule.") : -len(".path")] for key in settings if key.endswith(".path")]
    urls = [
        settings.get(f"submodule.{name}.url", "")
        for name in names
        if settings[f"submodule.{name}.path"] == entry.path
    ]
    if not urls or not urls[0]:
        raise NotFoundError(f"{public_url(parent.url)} does not say where a submodule is", path)
    url = check_address(_absolute(parent.url, urls[0]))
    if lfs.is_file(url) and not lfs.is_file(parent.url):
        raise UsageError("a submodule names a path of this machine", repr(url))
    yield from _look(url, entry.oid, f"{path}/", source, context, depth + 1)


def _absolute(parent: str, url: str) -> str:
    """Resolve a submodule's relative address: https://git-scm.com/docs/gitmodules."""
    if not url.startswith(("./", "../")):
        return url
    if "://" in parent:
        return urljoin(f"{parent.rstrip('/')}/", url)
    host, colon, path = parent.partition(":") if not parent.startswith("/") else ("", "", parent)
    return f"{host}{colon}{posixpath.normpath(posixpath.join(path, url))}"


def download(
    source: Source, revision: str, file: RemoteFile, target: Path, context: Context
) -> Digests:
    """Download one file: a weight by the LFS server, another from git; see `fetchers.base`."""
    url = check_address(source.attrs["url"])
    kind, _, rest = (file.pin or "").partition(":")
    if kind == _LFS and file.sha256 and file.size is not None:
        endpoint = rest or lfs.default_endpoint(url)
        return _weight(endpoint, url, file, target, context)
    commit, path = revision, file.path
    if source.attrs.get("subdir"):
        path = f"{source.attrs['subdir'].strip('/')}/{path}"
    if kind == _GIT:
        commit, _, place = rest.partition(":")
        url, _, path = place.partition(" ")
    return _from_git(source, url, commit, path, file, target, context)


def _weight(
    endpoint: str,
    url: str,
    file: RemoteFile,
    target: Path,
    context: Context,
    pointer: RemoteFile | None = None,
) -> Digests:
    opener = lfs.opener(endpoint, url, pointer or file, context)
    return receive(file, target, opener, context, origin=public_url(endpoint))


def _from_git(
    source: Source,
    url: str,
    commit: str,
    path: str,
    file: RemoteFile,
    target: Path,
    context: Context,
) -> Digests:
    # A single large file is fetched alone; for the tree of small files one fetch brings all.
    what = git.NOTHING if (file.size or 0) >= LARGE_BYTES else git.SMALL
    commit = git.find_commit(url, commit, context)
    repository = git.checkout(url, commit, what, context)
    entry = repository.entries.get(path)
    if entry is None or entry.is_submodule or entry.is_link:
        raise NotFoundError(f"{show_reference(source)} has no such file", repr(file.path))
    content = repository.tiny.get(entry.oid)
    if pointer := lfs.read_pointer(content or b""):
        # Pinned by a hash of its own (`fileHashes`), which knows nothing of LFS.
        endpoint = source.attrs.get("lfsUrl")
        endpoint = endpoint or lfs.endpoint_of(url, repository.config(".lfsconfig"))
        meant = RemoteFile(file.path, pointer[1], pointer[0])
        return _weight(endpoint, url, file, target, context, meant)

    def open_at(offset: int, validator: str | None) -> Opened:  # noqa: ARG001 - from the beginning
        if content is not None:
            stream = io.BytesIO(content)
            return Opened(0, len(content), None, stream.read, stream.close)
        return repository.open_blob(entry)

    return receive(file, target, open_at, context, origin=public_url(url))
