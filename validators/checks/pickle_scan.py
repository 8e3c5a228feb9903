"""Pickles by an allowlist: every global a pickle can reach has to be known as harmless.

Every file and every member of every container is walked as a pickle, whatever it is called and whatever
else it is: a magic number adds a check, it never removes this one.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from common.findings import Finding
from validators.base import Check, Model
from validators.containers import Member, Trouble, walk
from validators.pickle import evidence, verdicts
from validators.pickle.machine import MAX_OPCODES
from validators.pickle.stream import pickles
from validators.pickle.values import Global, Pickle, Use

NAME = "pickle-scan"
_NPY_LENGTHS = {
    1: (8, 2),
    2: (8, 4),
    3: (8, 4),
}  # major version: place and width of the header's size


@dataclass(frozen=True)
class Reached:
    """A global that a file reaches and that is not harmless."""

    file: str
    found: Global
    use: Use
    verdict: verdicts.Verdict
    reason: str


def run(model: Model) -> Iterator[Finding]:
    """Judge every pickle in the model."""
    allowed = {verdicts.parse(text) for text in model.security.get("allowGlobals") or ()}
    reached: list[Reached] = []
    for file in model.files:
        for member in walk(file):
            yield from _member(member, reached)
    unknown = {str(item.found) for item in reached if item.found not in allowed}
    for item in reached:
        yield _finding(item, sorted(unknown), allowed=item.found in allowed)


def _member(member: Member, reached: list[Reached]) -> Iterator[Finding]:
    fuel = MAX_OPCODES
    for start in _starts(member):
        try:
            for index, pickle in enumerate(pickles(member.source, start, fuel)):
                fuel = max(fuel - pickle.opcodes, 1)
                if evidence.matters(pickle, member.head, later=index > 0):
                    reached += _judge(member.path, pickle)
                yield from _notes(member, pickle, later=index > 0)
        except Trouble as trouble:
            yield _error(member.path, trouble.rule, trouble.message, "")


def _starts(member: Member) -> Iterator[int]:
    """Give where pickles can begin: at the start, and behind the header of a numpy file."""
    yield 0
    if "npy" in member.kinds:
        place, width = _NPY_LENGTHS.get(member.head[6], (8, 4))
        yield place + width + int.from_bytes(member.head[place : place + width], "little")


def _judge(path: str, pickle: Pickle) -> list[Reached]:
    judged = [(found, use, *verdicts.judge(found, use)) for found, use in pickle.uses.items()]
    return [Reached(path, *item) for item in judged if item[2] != "harmless"]


def _notes(member: Member, pickle: Pickle, *, later: bool) -> Iterator[Finding]:
    for rule, message, offset in pickle.notes:
        if rule == "too-many-opcodes" or evidence.matters(pickle, member.head, later=later):
            yield _error(member.path, rule, f"the pickle {message}", f"byte {offset}")


def _error(path: str, rule: str, message: str, trigger: str) -> Finding:
    return Finding(path, NAME, "error", message, trigger, "", rule)


def _finding(item: Reached, unknown: list[str], *, allowed: bool) -> Finding:
    place = f"{item.found} ({item.use.count} times, first at byte {item.use.first})"
    if allowed:
        message = f"names a global that is {item.verdict} and allowed by `security.allowGlobals`"
        severity = "warning" if item.verdict == "dangerous" else "info"
        return Finding(item.file, NAME, severity, message, place, "", "allowed-global")
    names = " ".join(f'"{name}"' for name in unknown)
    remedy = f"security.allowGlobals = [ {names} ];"
    if item.verdict == "dangerous":
        message = f"names a dangerous global: {item.reason}"
        return Finding(item.file, NAME, "error", message, place, "", "dangerous-global")
    message = f"names a global that is unknown: {item.reason}"
    return Finding(item.file, NAME, "error", message, place, remedy, "unknown-global")


CHECK = Check(
    name=NAME,
    version="1",
    run=run,
    enabled=lambda model: model.security.get("enablePickleScan") is not False,
    timeout=1800.0,
    memory=512 << 20,
)
