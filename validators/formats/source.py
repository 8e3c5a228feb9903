"""The bytes a check looks at: a file of the model, or a member of an archive in it."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import islice
from typing import Protocol

from common.findings import Finding
from validators.base import Model
from validators.containers import Member, Trouble
from validators.containers.sources import Source as Bytes
from validators.containers.sources import length
from validators.formats.problem import FormatError, Problem
from validators.visits import Shared, Sight, Visit

SHOWN_CHARACTERS = 160
MEMORY_BYTES = 256 << 20  # of a check's process; the readers keep far below whatever they read
MAX_FINDINGS = 20  # a file and check; the first ones say enough


@dataclass(frozen=True)
class Source:
    """A file or member that can be read at any place.

    Attributes:
        name: path inside the model, a member's behind ``!``, as findings show it.
        content: its bytes; unpacked no further than somebody reads.
        kinds: what its first bytes can be, see `validators.containers.magic.kinds`.
        container: kind of the container it is in; empty for a file of the model.
    """

    name: str
    content: Bytes
    kinds: frozenset[str] = field(default=frozenset())
    container: str = ""

    def read(self, offset: int, count: int) -> bytes:
        """Read up to `count` bytes at `offset`; fewer, or none, behind the end."""
        return self.content.read_at(offset, count) if count > 0 else b""

    @cached_property
    def size(self) -> int:
        """Bytes in all. NB: of a compressed member this unpacks everything."""
        return length(self.content)

    @property
    def member(self) -> str:
        """The path inside its container, or inside the model."""
        return self.name.rpartition("!")[2]

    @cached_property
    def base(self) -> str:
        """The file's own name as a careless reader sees it: last part, no case, no odd spaces."""
        last = self.member.replace("\\", "/").rpartition("/")[2]
        return unicodedata.normalize("NFKC", last).strip(" .").casefold()


class Judge(Protocol):
    """What a check says about one source."""

    def __call__(self, source: Source, model: Model, /) -> Iterator[Problem]:
        """Yield problems; may raise FormatError for the one that makes it give up."""


class Judging(Visit):
    """The visit of a check that has something to say about each file and member by itself."""

    def __init__(self, model: Model, check: str, judge: Judge) -> None:
        super().__init__(model)
        self._check, self._judge = check, judge

    def member(self, member: Member, _: Sight) -> Iterator[Finding]:
        """Judge a file or member."""
        if member.link is None:
            source = source_of(member)
            for problem in islice(problems_of(self._judge, source, self.model), MAX_FINDINGS):
                yield problem.at(source.name, self._check)


def judged_by(check: str, judge: Judge) -> Shared:
    """Make the `run` of a check from what it says about each file and member."""
    return Shared(lambda model: Judging(model, check, judge))


@lru_cache(maxsize=1)  # one member at a time is shown to all checks
def source_of(member: Member) -> Source:
    """Give the bytes of a member as the checks read them."""
    kinds = frozenset((*member.kinds, member.kind))
    return Source(member.path, member.source, kinds, member.container)


def problems_of(judge: Judge, source: Source, model: Model) -> Iterator[Problem]:
    """Yield what a check says about one source; what makes it give up is a problem, too."""
    try:
        yield from judge(source, model)
    except FormatError as error:
        yield error.problem
    except Trouble as trouble:
        yield Problem(trouble.rule, f"it cannot be read to its end: {trouble.message}")


def shown(value: object) -> str:
    """Write what came from a file so that a report stays short, printable and on one line."""
    text = repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"
