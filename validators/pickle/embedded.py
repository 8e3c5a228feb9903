"""Pickles inside of something else: bytes of another pickle, or text in base64 or hexadecimal.

Loading the file around them does not load them, but its loader may do so next: stable-baselines3
unpickles base64 in its JSON, Ray bytes in its checkpoints, PyTables attributes of HDF5.
"""

import binascii
import re
from collections.abc import Callable, Iterator

from validators.pickle import opcodes as op
from validators.pickle.stream import pickles
from validators.pickle.values import Pickle
from validators.pickle.window import CUT, ENDED, Source

MOST_BYTES = 64 << 20  # searched, from the beginning
_PIECE_BYTES = 16 << 20
_OVERLAP_BYTES = 1 << 20  # that consecutive pieces share, and the most that is decoded at once
_FIRST_BYTES = 16 << 10  # of text that are decoded to see whether it is a pickle
_MOST_OPCODES = 50_000  # of one
_MOST_IN_ALL = 1_000_000
_PRICE = 100  # opcodes that beginning to read one is worth
_DEPTH = 3  # encoded in what is encoded

_RAW = re.compile(rb"\x80[\x02-\x05](?=(.))", re.DOTALL)
# The first two characters are those of PROTO; the third begins with the protocol.
_BASE64 = re.compile(rb"gA[I-X][A-Za-z0-9+/_-]{9}")
_HEX = re.compile(rb"80(?:0[2-5])[0-9A-Fa-f]{12}")
_BASE64_RUN = re.compile(rb"[A-Za-z0-9+/_\\\n-]*")
_HEX_RUN = re.compile(rb"(?:[0-9A-Fa-f]{2})*")
_WORD = re.compile(rb"[A-Za-z0-9+/_-]")
_BREAKS = re.compile(rb"\\n|\n|\\(?=/)")
_URL_SAFE = bytes.maketrans(b"-_", b"+/")

Decode = Callable[[bytes, int, int], bytes]


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
        for first in range(start, end, _PIECE_BYTES):
            piece = self._source.read_at(first, min(_PIECE_BYTES + _OVERLAP_BYTES, end - first))
            yield from self._piece(piece, first, raw=raw)
            if self._left <= 0:
                break
        if self._left <= 0 and not self._depth:
            said = "more pickles in it than are followed"
            yield Pickle(start, notes=[("too-many-opcodes", said, start)])

    def _piece(self, piece: bytes, first: int, *, raw: bool) -> Iterator[Pickle]:
        for match in _RAW.finditer(piece, 0, _PIECE_BYTES) if raw else ():
            if self._left <= 0:
                return
            if op.known(match[1][0]):
                yield from self._walk(self._source, first + match.start())
        for pattern, decode in ((_BASE64, _base64), (_HEX, _hex)):
            for match in pattern.finditer(piece, 0, _PIECE_BYTES):
                if self._left <= 0:
                    return
                # NB: in a text it is a word; in a pickle its length, maybe a letter, precedes it.
                if raw or not _WORD.match(piece, match.start() - 1):
                    yield from self._text(decode, piece, match.start(), first)

    def _walk(self, source: Source, start: int) -> Iterator[Pickle]:
        pickle = self._first(source, start)
        if pickle and pickle.complete and pickle.called:
            yield pickle

    def _first(self, source: Source, start: int) -> Pickle | None:
        if self._left <= 0:
            return None
        pickle = next(pickles(source, start, min(_MOST_OPCODES, self._left)), None)
        self._left -= _PRICE + (pickle.opcodes if pickle else 0)
        return pickle

    def _text(self, decode: Decode, piece: bytes, at: int, first: int) -> Iterator[Pickle]:
        """Decode what may be a pickle, and look at what it may hold in turn."""
        for most in (_FIRST_BYTES, _OVERLAP_BYTES):
            inner = _Bytes(decode(piece, at, at + most))
            pickle = self._first(inner, 0)
            if not pickle or pickle.stopped not in (ENDED, CUT):
                break
        if not pickle or not pickle.complete:
            return
        if pickle.called:
            yield _moved(pickle, first + at)
        if self._depth < _DEPTH:
            search = _Search(inner, self._depth + 1, self._left)
            for found in search.run(2, pickle.end, raw=True):
                yield _moved(found, first + at)
            self._left = search._left


def _moved(pickle: Pickle, place: int) -> Pickle:
    """Say where in the file it is, not where in what was decoded."""
    for use in pickle.uses.values():
        use.first = place
    pickle.notes = [(rule, message, place) for rule, message, _ in pickle.notes]
    return pickle


def _base64(text: bytes, start: int, end: int) -> bytes:
    run = _BASE64_RUN.match(text, start, end)
    plain = run[0] if run else b""
    if b"\n" in plain or b"\\" in plain:
        plain = _BREAKS.sub(b"", plain).partition(b"\\")[0]
    plain = plain.translate(_URL_SAFE)
    whole, rest = divmod(len(plain), 4)
    return binascii.a2b_base64(plain + b"=" * (4 - rest) if rest > 1 else plain[: 4 * whole])


def _hex(text: bytes, start: int, end: int) -> bytes:
    run = _HEX_RUN.match(text, start, end)
    return binascii.unhexlify(run[0] if run else b"")
