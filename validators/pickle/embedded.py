"""Pickles inside of something else: bytes of another pickle, or text in base64 or hexadecimal.

Loading the file around them does not load them, but its loader may do so next: stable-baselines3
unpickles base64 in its JSON, Ray bytes in its checkpoints, PyTables attributes of HDF5.
"""

import binascii
import re
from collections.abc import Iterator

from validators.pickle import opcodes as op
from validators.pickle.stream import pickles
from validators.pickle.values import Pickle
from validators.pickle.window import Source

MOST_BYTES = 64 << 20  # searched, from the beginning
_PIECE_BYTES = 16 << 20
_OVERLAP_BYTES = 1 << 20  # that consecutive pieces share; no longer text is decoded whole
_MOST_OPCODES = 50_000  # of one
_MOST_IN_ALL = 2_000_000
_PRICE = 20  # opcodes that beginning to read one is worth
_DEPTH = 3  # encoded in what is encoded
_SHORTEST = 16  # characters

_RAW = re.compile(rb"\x80[\x02-\x05](?=(.))", re.DOTALL)
# The first two characters are those of PROTO; the third begins with the protocol.
_BASE64 = rb"gA[I-X](?:[A-Za-z0-9+/_-]|\\[n/]|\n){%d,}" % _SHORTEST
_HEX = rb"80(?:0[2-5])(?:[0-9A-Fa-f]{2}){%d,}" % (_SHORTEST // 2)
_IN_BYTES = re.compile(b"(?P<base64>%s)|(?P<hex>%s)" % (_BASE64, _HEX))
# In a text it is a word of its own; in a pickle its length precedes it, which can be a letter.
_IN_TEXT = re.compile(rb"(?<![A-Za-z0-9+/_-])(?:%s)" % _IN_BYTES.pattern)
_BREAKS = re.compile(rb"\\n|\n|\\(?=/)")
_URL_SAFE = bytes.maketrans(b"-_", b"+/")


class _Bytes:
    def __init__(self, data: bytes) -> None:
        self._data = data

    def read_at(self, offset: int, count: int) -> bytes:
        return self._data[offset : offset + count]


def embedded(source: Source, start: int, end: int, *, raw: bool = True) -> Iterator[Pickle]:
    """Give every complete pickle that calls something, with offsets in `source`.

    Args:
        source: the bytes.
        start: offset at which to begin.
        end: offset behind what to search; no more than `MOST_BYTES` are.
        raw: whether to look for bytes, too, and not only for text.
    """
    yield from _Search(source).run(start, min(end, start + MOST_BYTES), raw=raw)


class _Search:
    """One search with what it may still spend."""

    def __init__(self, source: Source, depth: int = 0, left: int = _MOST_IN_ALL) -> None:
        self._source, self._depth, self._left = source, depth, left

    def run(self, start: int, end: int, *, raw: bool) -> Iterator[Pickle]:
        seen = start - 1
        for first in range(start, end, _PIECE_BYTES):
            piece = self._source.read_at(first, min(_PIECE_BYTES + _OVERLAP_BYTES, end - first))
            for at in _raw_places(piece) if raw else ():
                if first + at > seen:
                    seen = first + at
                    yield from self._walk(self._source, seen, seen)
            for match in (_IN_BYTES if raw else _IN_TEXT).finditer(piece):
                yield from self._decoded(_decode(match), first + match.start())
            if not piece or self._left <= 0:
                break
        if self._left <= 0:
            said = "more pickles in it than are followed"
            yield Pickle(start, notes=[("too-many-opcodes", said, start)])

    def _walk(self, source: Source, start: int, place: int) -> Iterator[Pickle]:
        if self._left <= 0:
            return
        pickle = next(pickles(source, start, min(_MOST_OPCODES, self._left)), None)
        self._left -= _PRICE + (pickle.opcodes if pickle else 0)
        if pickle and pickle.complete and pickle.called:
            yield _moved(pickle, place)

    def _decoded(self, data: bytes, place: int) -> Iterator[Pickle]:
        inner = _Bytes(data)
        yield from self._walk(inner, 0, place)
        if self._depth < _DEPTH:
            search = _Search(inner, self._depth + 1, self._left)
            for pickle in search.run(2, len(data), raw=True):
                yield _moved(pickle, place)
            self._left = search._left


def _moved(pickle: Pickle, place: int) -> Pickle:
    """Say where in the file it is, not where in what was decoded."""
    for use in pickle.uses.values():
        use.first = place
    pickle.notes = [(rule, message, place) for rule, message, _ in pickle.notes]
    return pickle


def _raw_places(piece: bytes) -> Iterator[int]:
    return (match.start() for match in _RAW.finditer(piece) if op.known(match[1][0]))


def _decode(match: re.Match[bytes]) -> bytes:
    if match["hex"]:
        return binascii.unhexlify(match["hex"])
    plain = _BREAKS.sub(b"", match["base64"]).translate(_URL_SAFE)
    whole, rest = divmod(len(plain), 4)
    padded = plain + b"=" * (4 - rest) if rest > 1 else plain[: 4 * whole]
    return binascii.a2b_base64(padded)
