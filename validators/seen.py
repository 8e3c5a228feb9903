"""What our own walk saw of the files that concern other people's scanners.

They are told nothing of it; it decides what they are shown. A file that our walk refuses as a bomb,
or gave up on, is not shown at all: these scanners know no bounds.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from common.findings import Finding
from validators.base import Model, ModelFile
from validators.containers import Member, Trouble
from validators.visits import Sight, Visit

# Endings under which the scanners know the kinds that are worth showing to them.
_ENDINGS = {"zip": ".zip", "npy": ".npy"}
_SAVED_MODEL = ".pb"
# Rules of our own walk that stand for more than anybody should try to read.
_HOSTILE = frozenset({"bomb", "too-large", "too-many-members", "too-deep", "too-many-opcodes"})
# Rules of checks that stand for a header which others would believe.
_LIES = frozenset({"huge-header", "header-length", "lying-length", "lying-count", "huge-value"})


@dataclass
class Seen:
    """One file that concerns a scanner, or has a member that does.

    Attributes:
        ending: under which scanners of whole files know it; empty where they do not.
        followed: whether our own walk read all of it.
        pickles: members that are pickles by their content; the file itself is the empty name.
        opcodes: how many all its pickles have.
        hostile: why it is not to be shown to anybody; empty where it may be.
    """

    ending: str = ""
    followed: bool = True
    pickles: list[str] = field(default_factory=list)
    opcodes: int = 0
    hostile: str = ""


class Seeing(Visit):
    """The visit that takes note of it; `seen` is its result, as JSON data."""

    needs_pickles = True

    def __init__(self, model: Model) -> None:
        super().__init__(model)
        self.seen: dict[str, dict[str, Any]] = {}
        self._file, self._path = Seen(), ""

    def file(self, file: ModelFile) -> Iterable[Finding]:
        """Begin with a file."""
        self._file, self._path = Seen(), file.path
        return ()

    def member(self, member: Member, sight: Sight) -> Iterable[Finding]:
        """Take note of a member."""
        seen = self._file
        if not member.depth:
            seen.ending = _ending(member, sight)
        seen.followed &= sight.followed
        seen.opcodes += sight.opcodes
        if sight.is_pickle:
            seen.pickles.append(member.path[len(self._path) + 1 :])
        for rule, message in sight.given_up:
            if rule in _HOSTILE:
                seen.hostile = seen.hostile or message
        return ()

    def left(self, file: ModelFile, troubles: list[Trouble]) -> Iterable[Finding]:
        """Keep what is of interest."""
        hostile = (trouble.message for trouble in troubles if trouble.rule in _HOSTILE)
        self._file.hostile = self._file.hostile or next(hostile, "")
        if self._file.ending or self._file.pickles:
            self.seen[file.path] = asdict(self._file)
        return ()

    def heed(self, findings: Iterable[Finding]) -> None:
        """Take note of what other checks found in the same walk."""
        lies = [one for one in findings if one.severity == "error" and one.rule in _LIES]
        for path, seen in self.seen.items() if lies else ():
            for lie in lies:
                if lie.file == path or lie.file.startswith(f"{path}!"):
                    seen["hostile"] = seen["hostile"] or lie.message


def _ending(member: Member, sight: Sight) -> str:
    kind = next((kind for kind in member.kinds if kind in _ENDINGS), "")
    if kind:
        return _ENDINGS[kind]
    if sight.is_pickle:
        return ".pkl"
    return _SAVED_MODEL if member.path.endswith(_SAVED_MODEL) else ""
