"""One walk over a model for many checks: each file, member and pickle is found once, shown to all.

Finding things is what costs: opening archives, unpacking, following pickles. So a check that looks
at bytes does not walk by itself; it offers ``run=Shared(SomeVisit)``, and the runner shows one walk
to all of these checks in one process. What goes wrong within one visit fails that check alone.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from common.findings import Finding, Severity
from validators.base import Model, ModelFile
from validators.containers import Member, Trouble, walk
from validators.pickle import evidence
from validators.pickle.search import Found, search
from validators.pickle.values import Pickle

MOST_ALIKE = 100  # findings of one rule about one file; more of them say nothing new
MOST_TEXT = 8 << 20  # characters of all findings of one check about one model
_WORST: tuple[Severity, ...] = ("error", "warning", "info")


@dataclass
class Sight:
    """What following the pickles of one member came to.

    Attributes:
        first: the pickle at the very beginning, if bytes are there.
        noted: whether anything was odd or not followed in any of its pickles.
        given_up: rule and message of what ended a walk early.
        trouble: why its bytes cannot be read to their end.
        opcodes: how many were read in all.
    """

    first: Pickle | None = None
    noted: bool = False
    given_up: set[tuple[str, str]] = field(default_factory=set)
    trouble: Trouble | None = None
    opcodes: int = 0

    def add(self, pickle: Pickle) -> None:
        """Take note of a pickle."""
        if self.first is None and pickle.start == 0:
            self.first = pickle
        self.noted |= bool(pickle.notes)
        if len(self.given_up) < MOST_ALIKE:
            self.given_up.update((rule, message) for rule, message, _ in pickle.notes)
        self.opcodes += pickle.opcodes

    @property
    def is_pickle(self) -> bool:
        """Whether the member is a pickle by its content."""
        return self.first is not None and evidence.is_pickle([self.first])

    @property
    def followed(self) -> bool:
        """Whether nothing of its pickles stayed unseen."""
        if self.trouble:
            return False
        return not self.is_pickle or not self.noted


class Visit:
    """What one check makes of one model. Every method may be left out.

    Attributes:
        needs_pickles: whether the check fails where following pickles fails.
    """

    needs_pickles = False

    def __init__(self, model: Model) -> None:
        self.model = model

    def file(self, _: ModelFile, /) -> Iterable[Finding]:
        """Judge a file before it is opened; it may be a link to nothing."""
        return ()

    def pickle(self, _: Member, _found: Found, /) -> Iterable[Finding]:
        """Judge one pickle of a member."""
        return ()

    def member(self, _: Member, _sight: Sight, /) -> Iterable[Finding]:
        """Judge a file or a member of a container, after its pickles."""
        return ()

    def left(self, _: ModelFile, _troubles: list[Trouble], /) -> Iterable[Finding]:
        """Judge a file when all of it was shown, with what could not be opened in it."""
        return ()

    def end(self) -> Iterable[Finding]:
        """Judge the model as a whole."""
        return ()


@dataclass(frozen=True)
class Shared:
    """The `run` of a check that is shown things. Called by itself, it walks for it alone."""

    begin: Callable[[Model], Visit]

    def __call__(self, model: Model) -> list[Finding]:
        """Give the findings about a model.

        Raises:
            Exception: whatever the visit raised.
        """
        (told,) = visit(model, {"": self.begin}).values()
        if told.error:
            raise told.error
        return told.findings


@dataclass
class Told:
    """What came of one visit.

    Attributes:
        findings: in the order in which they came, bounded.
        error: what it raised; it was shown nothing more after that.
        seconds: that it took, without the walk.
    """

    findings: list[Finding] = field(default_factory=list)
    error: Exception | None = None
    seconds: float = 0.0
    _kept: Counter[tuple[str, str]] = field(default_factory=Counter)
    _left_out: Counter[tuple[str, str]] = field(default_factory=Counter)
    _worst: dict[tuple[str, str], Finding] = field(default_factory=dict)
    _room: int = MOST_TEXT

    def take(self, tell: Callable[..., Iterable[Finding]], *shown: object) -> None:
        """Take findings about what is shown, as long as nothing has gone wrong."""
        if self.error:
            return
        began = time.perf_counter()
        try:
            for finding in tell(*shown):
                self._add(finding)
        except MemoryError as error:
            self.error = error.with_traceback(None)  # the frames would hold on to the memory
        except Exception as error:  # noqa: BLE001 - its own failure, and nobody else's
            self.error = error
        self.seconds += time.perf_counter() - began

    def _add(self, finding: Finding) -> None:
        kind = (finding.file.partition("!")[0], finding.rule)
        size = sum(map(len, (finding.file, finding.message, finding.trigger, finding.remedy)))
        if self._kept[kind] < MOST_ALIKE and size <= self._room:
            self._kept[kind] += 1
            self._room -= size
            self.findings.append(finding)
            return
        if size > self._room:
            kind = ("", finding.rule)  # not even room to say of which file
        self._left_out[kind] += 1
        known = self._worst.get(kind)
        if known is None or _WORST.index(finding.severity) < _WORST.index(known.severity):
            self._worst[kind] = finding

    def close(self) -> None:
        """Say how many findings were left out; the worst of them decides what that means."""
        for (file, rule), count in self._left_out.items():
            worst = self._worst[file, rule]
            message = f"{count:,} more findings like this are left out: {worst.message}"
            more = Finding(file, worst.check, worst.severity, message, "", "", rule)
            self.findings.append(more)


def visit(model: Model, begin: Mapping[str, Callable[[Model], Visit]]) -> dict[str, Told]:
    """Show a model to several checks.

    Args:
        model: to be judged.
        begin: makes each check's visit, by any name.

    Returns:
        What came of each, by its name. NB: an exception of the walk itself fails all of them.
    """
    told = {name: Told() for name in begin}
    visits: list[tuple[Visit, Told]] = []
    for name, make in begin.items():
        try:
            visits.append((make(model), told[name]))
        except Exception as error:  # noqa: BLE001 - its own failure, and nobody else's
            told[name].error = error
    for file in model.files:
        _file(file, visits)
    for one, taken in visits:
        taken.take(one.end)
        taken.close()
    return told


def _file(file: ModelFile, visits: list[tuple[Visit, Told]]) -> None:
    for one, taken in visits:
        taken.take(one.file, file)
    if not file.local.is_file():
        return  # the check file-types refuses what is no file
    troubles: list[Trouble] = []
    for member in walk(file, troubles.append):
        sight = Sight() if member.link is not None else _pickles(member, visits)
        for one, taken in visits:
            taken.take(one.member, member, sight)
    for one, taken in visits:
        taken.take(one.left, file, troubles)


def _pickles(member: Member, visits: list[tuple[Visit, Told]]) -> Sight:
    sight = Sight()
    concerned = [(one, taken) for one, taken in visits if one.needs_pickles]
    try:
        for found in search(member) if concerned else ():
            sight.add(found.pickle)
            for one, taken in concerned:
                taken.take(one.pickle, member, found)
    except Trouble as trouble:
        sight.trouble = trouble
        sight.given_up.add((trouble.rule, trouble.message))
    except Exception as error:  # noqa: BLE001 - fails those who need it, and nobody else
        for _, taken in concerned:
            taken.error = taken.error or error
    return sight
