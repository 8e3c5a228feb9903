"""Everything in a file: the file itself, and the members of every container in it."""

import io
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, cast

from validators.base import ModelFile
from validators.containers import deflate, magic, sevenzip, streams, tararchive, ziparchive
from validators.containers.limits import HEAD_BYTES, MAX_DEPTH, Budget, Trouble
from validators.containers.sources import (
    Decoder,
    FileSource,
    Reader,
    Source,
    Unpacked,
    budget_of,
    length,
)

MOST_ALIKE = 10_000  # troubles of one rule that are told of one file
_ZFILE_HEADER_BYTES = 21  # "ZF", then the size as 19 hex characters
_STREAMS: dict[str, tuple[int, Callable[[], Decoder]]] = {
    "gzip": (0, deflate.Gzip),
    "bzip2": (0, streams.bzip2),
    "xz": (0, streams.xz),
    "lzma": (0, streams.OldLzma),
    "zlib": (0, deflate.Zlib),
    "zstd": (0, streams.zstandard),
    "zfile": (_ZFILE_HEADER_BYTES, deflate.Zlib),
}
_WEAK = frozenset({"lzma", "zlib"})  # recognised by so little that other files look like them
_STRONG_BYTES = 64 << 10  # that no other file unpacks to by chance


@dataclass(frozen=True)
class Member:
    """A file of the model, or a member of a container in it.

    Attributes:
        path: inside the model; a member follows its container behind ``!``: ``a.zip!data.pkl``.
        source: its bytes, to be read at any offset.
        head: its first bytes, up to `HEAD_BYTES`.
        kind: what these bytes are, see `magic.identify`.
        kinds: everything else they can be.
        link: target of a link in an archive; None for files.
        hard: whether the link is a hard one.
        depth: how many containers it is in.
        container: kind of the container it is in; empty for a file of the model.
        within: path of the container it is in; empty for a file of the model.
    """

    path: str
    source: Source
    head: bytes
    kind: str
    kinds: tuple[str, ...] = ()
    link: str | None = None
    hard: bool = False
    depth: int = 0
    container: str = ""
    within: str = ""

    @property
    def size(self) -> int | None:
        """Bytes, where that is known without unpacking everything."""
        return self.source.size

    @property
    def name(self) -> str:
        """The path inside its container, or in the model."""
        # NB: a name may hold a "!" itself, so the path alone would not tell.
        return self.path[len(self.within) + 1 :] if self.within else self.path

    def open(self) -> BinaryIO:
        """Open it as a seekable binary file."""
        return cast("BinaryIO", io.BufferedReader(Reader(self.source)))


class _Walker:
    def __init__(self, budget: Budget, trouble: Callable[[Trouble], None]) -> None:
        self._budget = budget
        self._trouble = trouble
        self._told: Counter[str] = Counter()

    def visit(
        self, path: str, source: Source, container: str, depth: int, within: str = ""
    ) -> Iterator[Member]:
        try:
            head = source.read_at(0, HEAD_BYTES)
        except Trouble as trouble:
            self._report(trouble, path)
            return
        kinds = magic.kinds(head)
        if "zip" not in kinds and _ends_as_zip(source):
            kinds.append("zip")
        kind = magic.identify(head)
        yield Member(
            path, source, head, kind, tuple(kinds), depth=depth, container=container, within=within
        )
        for kind in kinds:
            yield from self._open(kind, path, source, depth)

    def _open(self, kind: str, path: str, source: Source, depth: int) -> Iterator[Member]:
        if kind in magic.UNREADABLE:
            self._report(
                Trouble("unreadable", f"is a {kind} archive, which cannot be opened"), path
            )
        elif kind in _STREAMS or kind in ("zip", "tar", "7z"):
            if depth >= MAX_DEPTH:
                self._report(Trouble("too-deep", f"holds more than {MAX_DEPTH} containers"), path)
                return
            try:
                yield from self._members(kind, path, source, depth + 1)
            except Trouble as trouble:
                self._report(trouble, path)

    def _members(self, kind: str, path: str, source: Source, depth: int) -> Iterator[Member]:
        def report(trouble: Trouble) -> None:
            self._report(trouble, path)

        if kind == "zip":
            length(source)  # a zip is read from its end
            for found in ziparchive.members(source, report):
                self._budget.open()
                yield from self._zip_member(found, path, depth)
        elif kind == "tar":
            for item in tararchive.members(source, report):
                self._budget.open()
                yield from self._tar_member(item, path, depth)
        elif kind == "7z":
            for packed_file in sevenzip.members(source, report):
                self._budget.open()
                inner = f"{path}!{packed_file.name}"
                yield from self.visit(inner, packed_file.source, "7z", depth, path)
        else:
            yield from self._unpacked(kind, path, source, depth)

    def _unpacked(self, kind: str, path: str, source: Source, depth: int) -> Iterator[Member]:
        start, make = _STREAMS[kind]
        if kind == "zfile" and source.read_at(start, 1) == b" ":
            start += 1  # joblib 0.8.4 on Python 2 has one more
        packed = source.size - start if source.size is not None else None
        inner = Unpacked(source, start, packed, make)
        if inner.read_at(0, 1):
            self._budget.open()
            yield from self.visit(f"{path}!{kind}", inner, kind, depth, path)
            inner.finish()
        if kind not in _WEAK or (inner.size or 0) > _STRONG_BYTES:
            self._report_break(inner, path)

    def _report_break(self, source: Source, path: str) -> None:
        if isinstance(source, Unpacked) and source.broken:
            self._report(Trouble("broken", f"is damaged: {source.broken}"), path)

    def _zip_member(self, found: ziparchive.Found, path: str, depth: int) -> Iterator[Member]:
        if found.part is not None:
            path = f"{path}!@{found.part}"
        inner = f"{path}!{found.name}"
        if found.link:
            target = found.source.read_at(0, HEAD_BYTES).decode("utf-8", "replace")
            yield _link(inner, found.source, target, depth, "zip", path)
        yield from self.visit(inner, found.source, "zip", depth, path)
        self._report_break(found.source, inner)

    def _tar_member(self, found: tararchive.Found, path: str, depth: int) -> Iterator[Member]:
        inner = f"{path}!{found.name}"
        if found.target is None:
            yield from self.visit(inner, found.source, "tar", depth, path)
        else:
            yield _link(inner, found.source, found.target, depth, "tar", path, hard=found.hard)

    def _report(self, trouble: Trouble, path: str) -> None:
        self._told[trouble.rule] += 1
        if self._told[trouble.rule] > MOST_ALIKE:
            return
        place = f"{path}!{trouble.path}" if trouble.path else path
        self._trouble(Trouble(trouble.rule, trouble.message, place))


def _link(
    path: str,
    source: Source,
    target: str,
    depth: int,
    container: str,
    within: str,
    *,
    hard: bool = False,
) -> Member:
    return Member(path, source, b"", "link", (), target, hard, depth, container, within)


def _ends_as_zip(source: Source) -> bool:
    """Whether a zip is appended to something else, as readers of zips allow."""
    return bool(source.size) and ziparchive.has_directory(source)


def walk(file: ModelFile, trouble: Callable[[Trouble], None] = lambda _: None) -> Iterator[Member]:
    """Give a file of the model and, depth first, everything in it.

    Members are read in place where they are stored, and unpacked only as far as somebody reads.

    Args:
        file: of the model.
        trouble: is told what cannot be looked into; the check ``file-types`` makes findings of it,
            so
            other checks may leave it out.
    """
    source = FileSource(file.local)
    try:
        yield from walk_source(file.path, source, trouble)
    finally:
        source.close()


def walk_source(
    path: str, source: Source, trouble: Callable[[Trouble], None] = lambda _: None
) -> Iterator[Member]:
    """Do as `walk` does, for bytes that are in no file."""
    yield from _Walker(budget_of(source), trouble).visit(path, source, "", 0)
