"""Whether a global is harmless, dangerous or unknown."""

import tomllib
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from validators.pickle.opcodes import GETATTR
from validators.pickle.values import Global, Pickle, Use

_HERE = Path(__file__).parent
INSTANCES = "instances"  # a class of which only instances may be made, without a call
NAME_ONLY = "name"  # a class that may be the key of a dictionary, and nothing else
ENUMERATION = "enumeration"  # a class whose members may be looked up by name, too
Verdict = Literal["harmless", "dangerous", "unknown"]


@dataclass(frozen=True)
class Group:
    """Why some globals are harmless.

    Attributes:
        reason: in words.
        checked: library and version whose source was read.
        use: empty, `INSTANCES`, `NAME_ONLY` or `ENUMERATION`.
        caution: what a use other than loading may do, as a warning; usually nothing.
    """

    reason: str
    checked: str
    use: str = ""
    caution: str = ""


@dataclass(frozen=True)
class Judged:
    """A global of a pickle, its verdict, the reason, and what to beware of when it is harmless."""

    found: Global
    use: Use
    verdict: Verdict
    reason: str
    caution: str = ""


@cache
def harmless() -> dict[Global, Group]:
    """Read the reviewed list."""
    data = tomllib.loads((_HERE / "harmless.toml").read_text())
    return {
        parse(name): Group(**{key: value for key, value in group.items() if key != "names"})
        for group in data["group"]
        for name in group["names"]
    }


@cache
def _dangerous() -> tuple[dict[str, str], dict[str, str]]:
    data = tomllib.loads((_HERE / "dangerous.toml").read_text())
    return data["modules"], data["globals"]


def parse(text: str) -> Global:
    """Read ``module.name``, or ``module:qualified.name`` for a name with dots."""
    module, colon, name = text.partition(":")
    if not colon:
        module, _, name = text.rpartition(".")
    return Global(module, name)


def judge(pickle: Pickle) -> Iterator[Judged]:
    """Give the verdict over every global that a pickle reaches."""
    for found, use in pickle.uses.items():
        verdict, reason = _verdict(found, use)
        group = harmless().get(found) if verdict == "harmless" else None
        yield Judged(found, use, verdict, reason, group.caution if group else "")


def _verdict(found: Global, use: Use) -> tuple[Verdict, str]:
    # NB: in protocols 0 to 2 an unpickler renames what Python 2 wrote, so both names count.
    if found in GETATTR and use.pushed == use.looked_up and all(map(_enumeration, use.owners)):
        return "harmless", "looks up members of enumerations of the list"
    group = harmless().get(found)
    new = renamed(found)
    danger_ = danger(found) or (new not in harmless() and danger(new))
    if group is None:
        return ("dangerous", danger_) if danger_ else ("unknown", "it is on no list")
    if new != found and new not in harmless():
        return "unknown", f"Python 3 takes it for {new}"
    if group.use == INSTANCES and not use.only_instances:
        return "unknown", "only plain instances of it are known to be harmless"
    if group.use == NAME_ONLY and not use.only_keys:
        return "unknown", "it is only known to be harmless as the key of a dictionary"
    return "harmless", group.reason


def _enumeration(owner: Global) -> bool:
    group = harmless().get(owner)
    return group is not None and group.use == ENUMERATION


def renamed(found: Global) -> Global:
    """Give the name that Python 3 looks up for one that Python 2 wrote (protocols 0 to 2)."""
    pair = (found.module, found.name)
    if pair in NAME_MAPPING:
        return Global(*NAME_MAPPING[pair])
    return Global(IMPORT_MAPPING.get(found.module, found.module), found.name)


def danger(found: Global) -> str:
    """Say why a global is known to be dangerous; empty when it is not."""
    modules, single = _dangerous()
    if reason := single.get(f"{found.module}.{found.name}"):
        return reason
    # NB: a name with dots walks through modules: numpy, f2py.os.system.
    inner = found.name.split(".")[:-1]
    if reason := next((modules[part] for part in inner if part in modules), ""):
        return reason
    module = found.module
    while module:
        if reason := modules.get(module):
            return reason
        module = module.rpartition(".")[0]
    return ""
