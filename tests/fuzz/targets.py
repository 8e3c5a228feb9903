"""What is fuzzed: each target takes bytes, and may raise nothing but what its caller catches."""

from collections.abc import Callable

from validators.containers import Trouble, kinds, walk_source
from validators.containers.sources import Slice
from validators.pickle.search import search
from validators.pickle.stream import pickles
from validators.pickle.verdicts import judge

FUEL = 20_000  # opcodes; a fuzzer has no use for long walks
_MOST_MEMBERS = 200


class Bytes:
    """Bytes as a source."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = len(data)

    def read_at(self, offset: int, count: int) -> bytes:
        return self.data[offset : offset + count]


def pickle_stream(data: bytes) -> None:
    for pickle in pickles(Bytes(data), 0, FUEL):
        assert pickle.end >= pickle.start
        list(judge(pickle))


def containers(data: bytes) -> None:
    troubles: list[Trouble] = []
    for number, member in enumerate(walk_source("fuzz", Bytes(data), troubles.append)):
        assert member.kind
        if number > _MOST_MEMBERS:
            return
        try:
            Slice(member.source, 1, 5000).read_at(0, 5000)
        except Trouble:
            continue
    assert all(trouble.path and trouble.rule for trouble in troubles)


def everything(data: bytes) -> None:
    for number, member in enumerate(walk_source("fuzz", Bytes(data))):
        if number > _MOST_MEMBERS:
            return
        try:
            for found in search(member):
                list(judge(found.pickle))
        except Trouble:
            continue


def magic(data: bytes) -> None:
    kinds(data)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "pickle": pickle_stream,
    "containers": containers,
    "everything": everything,
    "magic": magic,
}
