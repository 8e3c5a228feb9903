"""Where in a file pickles can begin, and all of them.

A loader may read a pickle at the start of a file, behind the header of a numpy array, behind
another pickle, behind raw data that follows one, as torch's oldest format (a tar) has it, or within
another file from which it is loaded in a second step.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from validators.containers import Member, is_text
from validators.containers.sources import budget_of
from validators.pickle import embedded, evidence
from validators.pickle.machine import MAX_OPCODES
from validators.pickle.stream import pickles
from validators.pickle.values import Pickle

_NPY_MAJOR = 6  # offset of the format's version
_NPY_LENGTHS = {1: (8, 2)}  # major version: place and width of the header's size
_NPY_LATER = (8, 4)
_ITEM_BYTES = (1, 2, 4, 8, 16)  # of torch's storages
_MOST_PLACES = 20_000  # looked at in one tar member
_MOST_DIMENSIONS = 4096
_PROTO = 0x80
_REST_BYTES = 1 << 20  # behind a pickle, searched for another
_REST_CANDIDATES = 256
_REST_OPCODES = 50_000
_UNKNOWN_BYTES = 16 << 20  # searched of a file of unknown format
_BEGINNING = re.compile(rb"\x80[\x01-\x05]|(?<![\w.])[\w.]++\n(?=[A-Za-z_][\w.]*+\n)")
_GLOBAL = re.compile(rb"c(?=[A-Za-z_])")
_LONGEST_MODULE = 64  # characters


@dataclass(frozen=True)
class Found:
    """A pickle of a file, and whether what it names counts."""

    pickle: Pickle
    matters: bool


def search(member: Member) -> Iterator[Found]:
    """Walk every pickle of a file.

    Raises:
        Trouble: the member unpacks to too much, or its file has more pickles than are followed.
    """
    last, later = None, False
    for start in _starts(member):
        later = False
        for pickle in _follow(member, start):
            yield Found(pickle, evidence.matters(pickle, member.head, later=later))
            if pickle.complete:
                later = True
                yield from _within(member, pickle.start + 2, pickle.end)
            last = pickle
        if last and later:
            yield from _rest(member, last.end)
    if not later:
        yield from _around(member)
    if member.container == "tar" and last:
        yield from _between_raw_data(member)


def _follow(member: Member, start: int, most: int = MAX_OPCODES) -> Iterator[Pickle]:
    """Follow pickles at the expense of the file that the member is in."""
    budget = budget_of(member.source)
    budget.check()
    for pickle in pickles(member.source, start, min(most, budget.effort)):
        budget.follow(pickle.effort)
        yield pickle
        if pickle.complete:
            budget.check()


def _around(member: Member) -> Iterator[Found]:
    """Look for pickles in a file that is none itself."""
    if is_text(member.head):
        yield from _within(member, 0, embedded.MOST_BYTES, raw=False)
    elif member.kind == "hdf5":
        yield from _within(member, 0, embedded.MOST_BYTES)
    elif member.kind == "data" and not member.depth:
        yield from _within(member, 0, _UNKNOWN_BYTES)


def _within(member: Member, start: int, end: int, *, raw: bool = True) -> Iterator[Found]:
    for pickle in embedded.embedded(member.source, start, end, raw=raw):
        yield Found(pickle, matters=True)


def _starts(member: Member) -> Iterator[int]:
    yield 0
    if "npy" in member.kinds and len(member.head) > _NPY_MAJOR:
        place, width = _NPY_LENGTHS.get(member.head[_NPY_MAJOR], _NPY_LATER)
        yield place + width + int.from_bytes(member.head[place : place + width], "little")


def _rest(member: Member, start: int) -> Iterator[Found]:
    """Look for a pickle in what follows one, behind bytes that are none."""
    data = member.source.read_at(start, _REST_BYTES)
    for place in islice(_beginnings(data), _REST_CANDIDATES):
        for pickle in _follow(member, start + place, _REST_OPCODES):
            sure = pickle.called and pickle.complete
            yield Found(pickle, sure and evidence.matters(pickle, member.head, later=True))


def _beginnings(data: bytes) -> Iterator[int]:
    """Give where PROTO may be, or GLOBAL, whose two lines may follow any other character."""
    for match in _BEGINNING.finditer(data):
        if data[match.start()] == _PROTO:
            yield match.start()
        else:
            first = max(match.start(), match.end() - _LONGEST_MODULE)
            yield from (found.start() for found in _GLOBAL.finditer(data, first, match.end()))


def _between_raw_data(member: Member) -> Iterator[Found]:
    """Follow a member of torch's tar format: pickles with raw storages or shapes between them.

    Source: ``_legacy_load`` in ``torch/serialization.py``. Instead of believing the type that a
        pickle names, every item size is tried.
    """
    todo, seen = [0], {0}
    while todo and len(seen) < _MOST_PLACES:
        for pickle in _follow(member, todo.pop()):
            sure = pickle.complete or (pickle.declared and pickle.called)
            yield Found(pickle, sure and evidence.matters(pickle, member.head, later=True))
            if not pickle.complete:
                break
            places = [place for place in _behind_raw(member, pickle.end) if place not in seen]
            seen.update(places)
            todo += places
    if todo:
        said = ("too-many-opcodes", "more storages, or more of them, than are followed", todo[-1])
        yield Found(Pickle(todo[-1], notes=[said]), matters=False)


def _behind_raw(member: Member, start: int) -> Iterator[int]:
    head = member.source.read_at(start, 8)
    count, dimensions = int.from_bytes(head, "little"), int.from_bytes(head[:4], "little")
    for size in _ITEM_BYTES:
        place = start + 8 + count * size
        if member.source.read_at(place, 1):
            yield place
    if dimensions <= _MOST_DIMENSIONS:
        yield start + 8 + 16 * dimensions + 8
