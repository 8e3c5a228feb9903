"""Check `archives`: members that others hide, or that are unpacked through a link.

The check `file-types` refuses names and links that leave an archive by themselves. Two that are
harmless alone can leave it together: a link to a directory, then a member below it
(CVE-2007-4559 and its kin, https://docs.python.org/3/library/tarfile.html#extraction-filters). And
of two members of one name readers take different ones.
"""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field

from common.findings import Finding
from validators.base import Check, Model, ModelFile
from validators.containers import Member
from validators.formats.policy import code_severity
from validators.formats.problem import Problem
from validators.formats.source import MAX_FINDINGS, MEMORY_BYTES, shown
from validators.visits import Shared, Sight, Visit

NAME = "archives"
_REMEDY = "pack the archive anew, from files only"


@dataclass
class _Archive:
    """What was seen of one archive: names, links, and names as a careless system has them."""

    names: set[str] = field(default_factory=set)
    links: dict[str, str] = field(default_factory=dict)
    folded: dict[str, str] = field(default_factory=dict)
    told: int = 0


class _Visit(Visit):
    def file(self, _: ModelFile) -> Iterator[Finding]:
        self._archives: dict[str, _Archive] = {}
        return iter(())

    def member(self, member: Member, _: Sight) -> Iterator[Finding]:
        if not member.within:
            return
        archive = self._archives.setdefault(member.within, _Archive())
        for problem in _member(member, archive, self.model):
            archive.told += 1
            if archive.told <= MAX_FINDINGS:
                yield problem.at(member.path, NAME)


def _member(member: Member, archive: _Archive, model: Model) -> Iterator[Problem]:
    name = _plain(member.name)
    if archive.links.get(name) is not None and member.link is None and member.container == "zip":
        return  # the text of a link, which the walk gives behind the link itself
    parts = name.split("/")
    above = ["/".join(parts[:count]) for count in range(1, len(parts))]
    if through := next((path for path in above if path in archive.links), None):
        message = "a member is unpacked through a link, to wherever that leads"
        trigger = f"{shown(name)} through {shown(through)} -> {shown(archive.links[through])}"
        yield Problem("through-link", message, trigger, _REMEDY)
    if name in archive.names:
        message = "two members have one name, and readers take different ones"
        yield Problem("duplicate-member", message, shown(name), _REMEDY, code_severity(model))
    elif (other := archive.folded.get(_folded(name))) is not None:
        message = "two members have names that some systems take for one"
        trigger = f"{shown(name)} and {shown(other)}"
        yield Problem("similar-members", message, trigger, _REMEDY, "warning")
    if any(not character.isprintable() for character in member.name):
        message = "the name of a member holds characters that cannot be seen"
        yield Problem("odd-name", message, shown(member.name), _REMEDY, "warning")
    archive.names.add(name)
    archive.folded.setdefault(_folded(name), name)
    if member.link is not None:
        archive.links[name] = member.link


def _plain(name: str) -> str:
    parts = name.replace("\\", "/").split("/")
    return "/".join(part for part in parts if part not in ("", "."))


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()


CHECK = Check(name=NAME, version="1", run=Shared(_Visit), memory=MEMORY_BYTES)
