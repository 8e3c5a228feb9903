"""Whether a global is harmless, dangerous or unknown."""

import tomllib
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from validators.pickle.values import Global, Use

_HERE = Path(__file__).parent
INSTANCES = "instances"  # a class of which only instances may be made, without a call
Verdict = Literal["harmless", "dangerous", "unknown"]


@dataclass(frozen=True)
class Group:
    """Why some globals are harmless.

    Attributes:
        reason: in words.
        checked: library and version whose source was read.
        use: empty, or `INSTANCES`.
    """

    reason: str
    checked: str
    use: str = ""


@cache
def harmless() -> dict[Global, Group]:
    """Read the reviewed list."""
    data = tomllib.loads((_HERE / "harmless.toml").read_text())
    return {
        parse(name): Group(group["reason"], group["checked"], group.get("use", ""))
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


def judge(found: Global, use: Use, protocol_maps: bool = True) -> tuple[Verdict, str]:
    """Give the verdict over a global and the reason for it.

    Args:
        found: as the pickle names it.
        use: what the pickle does with it.
        protocol_maps: whether an unpickler may rename it from Python 2's names.
    """
    names = {found, renamed(found)} if protocol_maps else {found}
    if all(_is_harmless(name, use) for name in names):
        return "harmless", harmless()[found].reason
    for name in sorted(names, key=str):
        if name not in harmless() and (reason := _danger(name)):
            return "dangerous", reason
    group = harmless().get(found)
    if group and group.use == INSTANCES:
        return "unknown", "used for more than making plain instances"
    return "unknown", "not on the list of what is known to be harmless"


def _is_harmless(name: Global, use: Use) -> bool:
    group = harmless().get(name)
    return group is not None and (group.use != INSTANCES or use.only_instances)


def renamed(found: Global) -> Global:
    """Give the name that Python 3 looks up for one that Python 2 wrote (protocols 0 to 2)."""
    pair = (found.module, found.name)
    if pair in NAME_MAPPING:
        return Global(*NAME_MAPPING[pair])
    return Global(IMPORT_MAPPING.get(found.module, found.module), found.name)


def _danger(found: Global) -> str:
    modules, single = _dangerous()
    if reason := single.get(f"{found.module}.{found.name}"):
        return reason
    if "." in found.name and (reason := modules.get(found.name.rpartition(".")[0].split(".")[-1])):
        return reason  # e.g. numpy:f2py.os.system
    module = found.module
    while module:
        if reason := modules.get(module):
            return reason
        module = module.rpartition(".")[0]
    return ""
