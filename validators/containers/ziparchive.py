"""Zip archives, as every reader of them might see them.

Readers disagree about which directory counts, whether a local header is believed, and whether check
sums and flags matter; torch and numpy load what Python's zipfile refuses. So members are taken from
every directory and from local headers that none lists, with every method that either header names.
Format: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice, pairwise

from validators.containers import deflate, streams, zipheaders
from validators.containers.limits import BOMB_RATIO, Trouble
from validators.containers.sources import Decoder, Slice, Source, Unpacked, budget_of
from validators.containers.zipheaders import END, END_BYTES, LOCAL, LOCAL_BYTES, Entry, Local

_GAP_BYTES = 1 << 20  # searched at either end of a gap between members
_ENCRYPTED, _DESCRIPTOR = 1, 8
_DECLARED_BOMB_BYTES = 256 << 20  # of all members together, which nobody may ever read
_TYPE_MODE, _LINK_MODE = 0o170000, 0o120000
_STORED = 0
_KNOWN_METHODS = frozenset(range(21)) | frozenset(range(93, 100))


@dataclass(frozen=True)
class Found:
    """A member to look at.

    Attributes:
        name: as the archive has it.
        source: its content.
        link: whether it is a symbolic link, whose content is the target.
        part: offset of its archive where several follow each other in one file, but the last; or
            of what describes it, where another reading of that leads to another member.
    """

    name: str
    source: Source
    link: bool = False
    part: int | None = None


def members(source: Source, trouble: Callable[[Trouble], None]) -> Iterator[Found]:
    """Give every member that any reader could see; report what does not fit together."""
    seen: set[tuple[int, int, int]] = set()
    counted: set[int] = set()
    covered: list[tuple[int, int]] = []
    declared = [0, 0]
    end = first = size = source.size or 0
    budget = budget_of(source)
    while True:
        readings = _readings(source, end, budget.entries + 1)
        budget.enter(len(readings))
        for entry, local in readings.judged(trouble):
            start, header = local
            packed = max(entry.packed, 0 if header.flags & _DESCRIPTOR else header.packed)
            if _STORED in (entry.method, header.method):
                packed = max(packed, entry.unpacked)
            own = entry.record and not readings.doubtful(entry, local)
            if own and entry.place not in counted:
                counted.add(entry.place)
                first = min(first, entry.header)
                covered.append((entry.header, start + entry.packed))
                declared[0] += entry.unpacked
                declared[1] += entry.packed
            last = entry.record == readings.last and end == size
            part = None if last else entry.base
            if readings.strays(entry, local):
                part = entry.place
            for method in sorted({entry.method, header.method}):
                if (place := (start, packed, method)) not in seen:
                    seen.add(place)
                    yield from _found(source, entry, place, trouble, part)
        before = first - END_BYTES
        if not 0 <= before < end - END_BYTES or source.read_at(before, 4) != END:
            break
        end = first  # one archive behind another, as torch.distributed.checkpoint writes them
    _judge_sizes(covered, declared, trouble)
    yield from _hidden(source, covered, trouble)


class _Readings:
    """All entries of the directories of a file, in every way that a reader could take them.

    Offsets count from the start of the file or from that of the archive. Where one way of reading a
    directory's entry leads to a header that agrees with it, the other is not held against it: an
    archive inside another or behind another is no lie.
    """

    def __init__(self, found: list[tuple[Entry, Local | None]]) -> None:
        self._found = found
        self.last = max((entry.record for entry, _ in found), default=0)
        # The last one wins: offsets that count from the start of the archive, as `zipfile` has it.
        self._sound = {
            entry.place: local
            for entry, local in sorted(found, key=lambda pair: pair[0].base)
            if local and not any(_compare(entry, local[1]))
        }
        self._headers = {local[1].header for local in self._sound.values()}
        self._stored = self._outermost()

    def __len__(self) -> int:
        return len(self._found)

    def judged(self, trouble: Callable[[Trouble], None]) -> Iterator[tuple[Entry, Local]]:
        """Give the entries that lead to a member, those that agree with it first."""
        for entry, local in self._found:
            if self._agrees(entry, local) and local and not self._inside(entry):
                yield entry, local
        for entry, local in self._found:
            if self._agrees(entry, local):
                continue
            if local is None:
                if entry.place not in self._sound:
                    message = "has no local header where its directory says"
                    trouble(Trouble("lying-header", message, entry.name))
                continue
            if not self.doubtful(entry, local):
                for problem in _compare(entry, local[1]):
                    trouble(problem)
            yield entry, local

    def doubtful(self, entry: Entry, local: Local) -> bool:
        """Whether this reading leads to what belongs to another entry, and another to its own."""
        return self.strays(entry, local) and entry.header in self._headers

    def strays(self, entry: Entry, local: Local) -> bool:
        """Whether this reading leads elsewhere than another, which leads to its own."""
        return entry.place in self._sound and not self._agrees(entry, local)

    def _agrees(self, entry: Entry, local: Local | None) -> bool:
        return local is not None and self._sound.get(entry.place) == local

    def _outermost(self) -> list[tuple[int, int]]:
        """Give the places of stored members that are in no other."""
        places = sorted(
            (self._sound[entry.place][0], self._sound[entry.place][0] + entry.packed)
            for entry, local in self._found
            if entry.method == _STORED and self._agrees(entry, local)
        )
        outer: list[tuple[int, int]] = []
        for start, end in places:
            if not outer or start >= outer[-1][1]:
                outer.append((start, end))
        return outer

    def _inside(self, entry: Entry) -> bool:
        """Whether an entry, its directory and its member are in one stored member: an archive."""
        index = bisect_right(self._stored, (entry.header, 1 << 64)) - 1
        if index < 0:
            return False
        start, end = self._stored[index]
        return all(start <= at < end for at in (entry.header, entry.place, entry.record))


def _readings(source: Source, end: int, most: int) -> _Readings:
    entries = list(islice(zipheaders.central(source, end), most))
    return _Readings([(entry, zipheaders.local(source, entry.header)) for entry in entries])


def _found(
    source: Source,
    entry: Entry,
    place: tuple[int, int, int],
    trouble: Callable[[Trouble], None],
    part: int | None = None,
) -> Iterator[Found]:
    link = entry.mode & _TYPE_MODE == _LINK_MODE
    try:
        yield Found(entry.name, _content(source, *place), link, part)
    except Trouble as cannot:
        trouble(Trouble(cannot.rule, cannot.message, entry.name))


def _content(source: Source, start: int, packed: int, method: int) -> Source:
    if method == _STORED:
        return Slice(source, start, packed)
    makers: dict[int, Callable[[], Decoder]] = {
        8: deflate.Inflate,
        12: streams.bzip2,
        14: streams.ZipLzma,
        20: streams.zstandard,
        93: streams.zstandard,
        95: streams.xz,
    }
    if method not in makers:
        raise Trouble("unreadable", f"uses compression method {method}, which cannot be read")
    return Unpacked(source, start, packed, makers[method])


def _compare(entry: Entry, header: Entry) -> Iterator[Trouble]:
    """Say where a member's two headers contradict each other."""
    if (entry.flags | header.flags) & _ENCRYPTED:
        yield Trouble("encrypted", "is marked as encrypted", entry.name)
    sized = not header.flags & _DESCRIPTOR
    pairs = (
        ("name", entry.name, header.name),
        ("method", entry.method, header.method),
        ("check sum", entry.crc, header.crc if sized else entry.crc),
        ("size", entry.packed, header.packed if sized else entry.packed),
    )
    encrypted = entry.flags & _ENCRYPTED  # by a few bytes longer
    if entry.method == _STORED and entry.packed != entry.unpacked and not encrypted:
        yield Trouble("lying-header", "is stored, and its two sizes differ", entry.name)
    for what, central, local in pairs:
        if central != local:
            message = f"has {what} {central!r} in its directory and {local!r} in its own header"
            yield Trouble("lying-header", message, entry.name)


def _judge_sizes(
    covered: list[tuple[int, int]], declared: list[int], trouble: Callable[[Trouble], None]
) -> None:
    covered.sort()
    for (_, end), (start, _) in pairwise(covered):
        if start < end:
            trouble(Trouble("bomb", "has members that overlap"))
            break
    unpacked, packed = declared
    if unpacked > _DECLARED_BOMB_BYTES and unpacked > BOMB_RATIO * packed:
        trouble(Trouble("bomb", f"unpacks from {packed:,} to {unpacked:,} bytes"))


def has_directory(source: Source) -> bool:
    """Whether a reader that begins at the end would find a zip, whatever the beginning is."""
    return next(zipheaders.central(source, source.size or 0), None) is not None


def _hidden(
    source: Source, covered: list[tuple[int, int]], trouble: Callable[[Trouble], None]
) -> Iterator[Found]:
    """Give members that no directory lists: readers of streams see them."""
    size = source.size or 0
    position = 0
    for start, end in [*sorted(covered), (size, size)]:
        while position < start:
            at = _search(source, position, start)
            local = zipheaders.local(source, at) if at is not None else None
            if at is None or local is None:
                break
            data, entry = local
            if not _plausible(entry):  # a program can hold these bytes by chance
                position = at + LOCAL_BYTES
                continue
            packed = entry.packed or start - data
            trouble(Trouble("hidden-member", "is listed in no directory", entry.name))
            yield from _found(source, entry, (data, packed, entry.method), trouble)
            position = max(data + entry.packed, at + LOCAL_BYTES)
        position = max(position, end)


def _plausible(entry: Entry) -> bool:
    return entry.method in _KNOWN_METHODS and entry.name.isprintable() and bool(entry.name)


def _search(source: Source, start: int, end: int) -> int | None:
    """Find a local header in a gap, in its first and last mebibyte."""
    for first in (start, max(start, end - _GAP_BYTES)):
        at = source.read_at(first, min(_GAP_BYTES, end - first)).find(LOCAL)
        if at >= 0:
            return first + at
    return None
