"""One commit of a git repository, without its history and without a checkout.

Large blobs stay upstream until they are asked for (a partial clone), so that looking at a
repository costs its small files. Source: https://git-scm.com/docs/partial-clone
"""

import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from common.secrets import public_url
from fetchers.context import Context
from fetchers.git_command import COMMIT, call, environment, explain, no_revision
from fetchers.retry import retrying
from fetchers.scratch import Scratch
from fetchers.transfer import Opened

SMALL = "blob:limit=1m"  # filters of a fetch: what comes at once, and
NOTHING = "blob:none"  # what to use for a single file
TINY = 1024  # bytes; what is shorter is read at once
_GITLINK, _LINK = "160000", "120000"


@dataclass(frozen=True)
class Entry:
    """What a commit has at a path.

    Attributes:
        path: from the root of the repository.
        mode: as git writes it, e.g. ``100644``.
        oid: of the blob, or of a submodule's commit.
        size: bytes; None for a blob that was not fetched.
    """

    path: str
    mode: str
    oid: str
    size: int | None

    @property
    def is_submodule(self) -> bool:
        """Whether another repository belongs here."""
        return self.mode == _GITLINK

    @property
    def is_link(self) -> bool:
        """Whether it is a symbolic link."""
        return self.mode == _LINK


class Checkout:
    """A commit in a bare repository of its own; see `checkout`."""

    def __init__(self, folder: Path, url: str, commit: str, context: Context) -> None:
        self.url, self.commit = url, commit
        self._folder, self._context = folder, context

    @cached_property
    def entries(self) -> dict[str, Entry]:
        """Every file, link and submodule of the commit by its path."""
        listing = self._git("ls-tree", "-r", "-z", "--full-tree", self.commit).decode()
        rows = [row.partition("\t") for row in listing.split("\0") if row]
        told = [(path, *head.split(" ")) for head, _, path in rows]
        missing = self._missing()
        here = {oid for _, _, kind, oid in told if kind == "blob" and oid not in missing}
        sizes = self._sizes(sorted(here))
        return {path: Entry(path, mode, oid, sizes.get(oid)) for path, mode, _, oid in told}

    def _missing(self) -> set[str]:
        words = ("rev-list", "--objects", "--missing=print", "--no-walk", self.commit)
        lines = self._git(*words).decode("utf-8", "replace").splitlines()
        return {line[1:] for line in lines if line.startswith("?")}

    def _sizes(self, oids: Sequence[str]) -> dict[str, int]:
        asked = "\n".join(oids).encode()
        out = self._git("cat-file", "--batch-check=%(objectname) %(objectsize)", stdin=asked)
        rows = (line.split() for line in out.decode().splitlines())
        return {oid: int(size) for oid, size in rows}

    @cached_property
    def tiny(self) -> dict[str, bytes]:
        """The content of every blob that is short enough to be a pointer, by its id."""
        sizes = ((entry.oid, entry.size) for entry in self.entries.values())
        return self._read({oid for oid, size in sizes if size is not None and size < TINY})

    def _read(self, oids: Iterable[str]) -> dict[str, bytes]:
        wanted = sorted(oids)
        out = self._git("cat-file", "--batch", stdin="\n".join(wanted).encode())
        found, start = {}, 0
        for oid in wanted:
            end = out.index(b"\n", start)
            size = int(out[start:end].rpartition(b" ")[2])
            found[oid] = out[end + 1 : end + 1 + size]
            start = end + size + 2
        return found

    def config(self, file: str) -> dict[str, str]:
        """Read a file of the commit that is written like git's settings; empty where it is none."""
        done = self._run("config", f"--blob={self.commit}:{file}", "-z", "--list")
        if done.returncode:
            return {}
        rows = (row.partition("\n") for row in done.stdout.decode("utf-8", "replace").split("\0"))
        return {key: value for key, _, value in rows if key}

    def open_blob(self, entry: Entry) -> Opened:
        """Open a blob from its beginning; one that is not here is fetched first."""
        size = entry.size
        if size is None:
            size = int(self._git("cat-file", "-s", entry.oid))
        process = subprocess.Popen(
            self._command("cat-file", "blob", entry.oid),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=self._environment(),
        )
        stream = process.stdout
        assert stream is not None  # noqa: S101 - what PIPE promises

        def close() -> None:
            stream.close()
            process.kill()
            process.wait()

        return Opened(0, size, None, stream.read, close)

    def _git(self, *words: str, stdin: bytes = b"") -> bytes:
        done = self._run(*words, stdin=stdin)
        if done.returncode:
            raise explain(done.stderr, self.url, self.commit)
        return done.stdout

    def _run(self, *words: str, stdin: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
        return call(self._command(*words), self._environment(), stdin)

    def _command(self, *words: str) -> list[str]:
        return ["git", f"--git-dir={self._folder}", *words]

    def _environment(self) -> dict[str, str]:
        return environment(self.url, self._context)


_checkouts: Scratch[Checkout] = Scratch()


def checkout(url: str, commit: str, what: str, context: Context) -> Checkout:
    """Fetch a commit without its history, once a process.

    Args:
        url: checked by `check_address`.
        commit: all its digits.
        what: `SMALL` or `NOTHING`.
        context: gives environment, credentials and patience.

    Raises:
        NotFoundError, AuthError, TransferError.
    """
    return _checkouts.get(
        (url, commit, what), lambda folder: _fetch(folder, url, commit, what, context)
    )


def find_commit(url: str, revision: str, context: Context) -> str:
    """Find the commit of a branch, tag, commit or ``HEAD``.

    Raises:
        NotFoundError, AuthError, TransferError; UsageError for a shortened commit.
    """
    if COMMIT.fullmatch(revision):
        return revision
    names = [revision, f"refs/heads/{revision}", f"refs/tags/{revision}"]
    words = ["git", "ls-remote", "--", url, *names, f"refs/tags/{revision}^{{}}"]

    def ask() -> str:
        done = call(words, environment(url, context))
        if done.returncode:
            raise explain(done.stderr, url, revision)
        return done.stdout.decode("utf-8", "replace")

    rows = (line.split("\t", 1) for line in retrying(public_url(url), context, ask).splitlines())
    found = {name: oid for oid, name in rows}
    # A tag's own object comes before the commit it names (^{}), which is the one to have.
    for name in (f"refs/tags/{revision}^{{}}", *names[::-1], *found):
        if name in found:
            return found[name]
    raise no_revision(url, revision)


def _fetch(folder: Path, url: str, commit: str, what: str, context: Context) -> Checkout:
    repository = Checkout(folder, url, commit, context)
    repository._git("init", "--quiet", "--bare", "--template=", str(folder))  # noqa: SLF001 - ours
    repository._git("remote", "add", "origin", url)  # noqa: SLF001 - ours
    words = ("fetch", "--quiet", "--depth=1", "--no-tags", f"--filter={what}", "origin", commit)
    retrying(public_url(url), context, lambda: repository._git(*words))  # noqa: SLF001 - ours
    return repository
