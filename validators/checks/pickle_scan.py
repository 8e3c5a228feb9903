"""Pickles by an allowlist: every global a pickle can reach has to be known as harmless.

Every file and every member of every container is walked as a pickle, whatever it is called and
whatever else it is: a magic number adds a check, it never removes this one.
"""

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, replace

from common.findings import Finding, Severity
from validators.base import Check, Model
from validators.containers import Member
from validators.pickle.search import Found
from validators.pickle.values import Global
from validators.pickle.verdicts import Judged, judge, parse
from validators.visits import Shared, Sight, Visit

NAME = "pickle-scan"
_MANY = 20  # names, from which on their list is said once
_MOST_NAMES = 1000  # in that list
_MOST_REACHED = 50_000  # kept of a model
_LISTED = "as in the first finding of this kind, which lists all names"
_TRAINING = "training_args.bin"  # settings of a training run, written beside every checkpoint
# Notes that stand for something not seen: they count whatever the file seems to be.
_BLIND = frozenset({"too-many-opcodes", "too-deep", "too-many-globals", "unreadable-array"})


@dataclass(frozen=True)
class Reached:
    """A global that a file reaches and that is not harmless: how often, and where first."""

    judged: Judged
    count: int
    first: int


class _Visit(Visit):
    """Judges every pickle in the model."""

    needs_pickles = True

    def __init__(self, model: Model) -> None:
        super().__init__(model)
        self._reached: dict[tuple[str, Global], Reached] = {}
        self._said: set[str] = set()  # of the member that is shown
        self._left_out = ""  # the last member with unknown globals that are not in `_reached`

    def pickle(self, member: Member, found: Found) -> Iterator[Finding]:
        said = self._said
        for judged in judge(found.pickle) if found.matters else ():
            if judged.verdict != "harmless":
                full = len(self._reached) >= _MOST_REACHED and judged.verdict == "unknown"
                if full and (member.path, judged.found) not in self._reached:
                    self._left_out = member.path
                else:
                    _add(self._reached, member.path, judged)
            elif judged.caution and judged.caution not in said:
                said.add(judged.caution)
                what, where = judged.caution, str(judged.found)
                yield Finding(member.path, NAME, "warning", what, where, "", "caution")
        for rule, message, offset in found.pickle.notes:
            if rule not in said and (found.matters or rule in _BLIND):
                said.add(rule)
                yield _error(member.path, rule, f"the pickle: {message}", f"byte {offset}")

    def member(self, member: Member, sight: Sight) -> Iterator[Finding]:
        self._said.clear()
        if sight.trouble:
            yield _error(member.path, sight.trouble.rule, sight.trouble.message, "")

    def end(self) -> Iterator[Finding]:
        allowed = {parse(text) for text in self.model.security.get("allowGlobals") or ()}
        unknown = {
            str(found)
            for (path, found), item in self._reached.items()
            if item.judged.verdict == "unknown" and found not in allowed and not _instead(path)
        }
        if self._left_out:
            message = f"the model names more than {_MOST_REACHED:,} globals that are not harmless"
            yield _error(self._left_out, "too-many-globals", message, "")
        remedy = _remedy(sorted(unknown))
        found = [
            _finding(path, item, "" if name in allowed else _instead(path) or remedy)
            for (path, name), item in self._reached.items()
        ]
        yield from _once(found, remedy) if len(unknown) > _MANY else found


def _remedy(names: list[str]) -> str:
    pasted = " ".join(f'"{name}"' for name in names[:_MOST_NAMES])
    more = f" # and {len(names) - _MOST_NAMES:,} more" if len(names) > _MOST_NAMES else ""
    return f"security.allowGlobals = [ {pasted} ];{more}"


def _once(findings: list[Finding], remedy: str) -> Iterator[Finding]:
    """Leave a long list of names to the finding that is shown first."""
    first = min((finding for finding in findings if finding.remedy == remedy), default=None)
    for finding in findings:
        long = finding.remedy == remedy and finding is not first
        yield replace(finding, remedy=_LISTED) if long else finding


def _add(reached: dict[tuple[str, Global], Reached], path: str, judged: Judged) -> None:
    key = (path, judged.found)
    known = reached.get(key, Reached(judged, 0, judged.use.first))
    first = min(known.first, judged.use.first)
    reached[key] = Reached(known.judged, known.count + judged.use.count, first)


def _error(path: str, rule: str, message: str, trigger: str) -> Finding:
    return Finding(path, NAME, "error", message, trigger, "", rule)


def _instead(path: str) -> str:
    """Say what to do about a file that nobody needs to load the model; usually nothing helps."""
    if posixpath.basename(path.partition("!")[0]) != _TRAINING:
        return ""
    return f'security.ignoreFiles = [ "*{_TRAINING}" ];'


def _finding(path: str, item: Reached, remedy: str) -> Finding:
    """Word a finding; an empty remedy means that the user allowed the global."""
    judged = item.judged
    times = "once" if item.count == 1 else f"{item.count} times"
    trigger = f"{judged.found} ({times}, first at byte {item.first})"
    if not remedy:
        message = f"names a {judged.verdict} global that `security.allowGlobals` allows"
        severity: Severity = "warning" if judged.verdict == "dangerous" else "info"
        return Finding(path, NAME, severity, message, trigger, "", "allowed-global")
    if judged.verdict == "dangerous":
        message = f"names a dangerous global: {judged.reason}"
        return Finding(path, NAME, "error", message, trigger, _instead(path), "dangerous-global")
    message = f"names an unknown global: {judged.reason}"
    return Finding(path, NAME, "error", message, trigger, remedy, "unknown-global")


run = Shared(_Visit)
CHECK = Check(
    name=NAME,
    version="1",
    run=run,
    enabled=lambda model: model.security.get("enablePickleScan") is not False,
    timeout=1800.0,
    memory=512 << 20,
)
