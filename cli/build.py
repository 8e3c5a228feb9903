"""The builder of the validating derivation: ``python -m cli.build``, told what to do by a file.

Nix passes the path of a JSON *plan* in ``planPath`` and the output in ``out``. It checks the raw
files, refuses or lays them out, runs the user's scripts, and writes the report.
"""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from common.digest import from_sri
from common.entry import run
from common.errors import ModelError, UnsafeError
from common.files import select, walk
from common.findings import CheckResult, Finding, Report
from layouts import flat, huggingface, metadata
from layouts.place import Item, content_id, describe
from validators.base import Model, ModelFile
from validators.commands import Command, run_command
from validators.runner import run_checks

MOST_SHOWN = 50  # findings in the error; the rest is counted


@dataclass(frozen=True)
class Plan:
    """The order of one model, as the Nix library wrote it."""

    data: Mapping[str, Any]
    out: Path
    work: Path

    def section(self, name: str) -> Mapping[str, Any]:
        """Give an attribute set of the plan; empty where nothing was set."""
        section: Mapping[str, Any] = self.data[name]
        return section


def main() -> int:
    """Carry out the plan named by the environment."""
    data = json.loads(Path(os.environ["planPath"]).read_text("utf-8"))  # noqa: SIM112 - Nix's name
    plan = Plan(data, Path(os.environ["out"]), Path.cwd())  # noqa: SIM112 - Nix's own name
    items = _items(plan)
    model = _model(plan, items)
    report = _validate(plan, model)
    _say_report(report)
    if report.refused:
        raise _refusal(plan.data["name"], report)
    ignored = set(
        select(
            (item.path for item in items), plan.section("security").get("ignoreFiles") or ("",), ()
        )
    )
    kept = tuple(item for item in items if item.path not in ignored)
    identity = _layout(plan, kept)
    scripts = _scripts(plan, model)
    _metadata(plan, identity, kept, replace(report, ignored=tuple(sorted(ignored))), scripts)
    _setup_hook(plan)
    return 0


def _items(plan: Plan) -> tuple[Item, ...]:
    tree, files = plan.data["tree"], plan.data["files"]
    if tree is not None:
        root = Path(tree)
        if root.is_file():
            return (describe(plan.data["name"], root),)
        return tuple(describe(path, local) for path, local in walk(root))
    return tuple(sorted(_item(path, file) for path, file in files.items()))


def _item(path: str, file: Mapping[str, Any]) -> Item:
    algorithm, digest = from_sri(file["sha256"])
    local = Path(file["local"])
    # Nix has verified that very hash, so nothing is read again.
    return describe(path, local, digest if algorithm == "sha256" else None)


def _model(plan: Plan, items: Sequence[Item]) -> Model:
    root = plan.work / "src"
    for item in items:
        place = root / item.path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(item.local)
    files = tuple(ModelFile(item.path, item.local, item.size, item.sha256) for item in items)
    security = plan.section("security")
    tools = {name: tuple(words) for name, words in plan.section("tools").items()}
    policy = security.get("policy", "safe-only")
    return Model(plan.data["name"], files, root, policy, security, tools)
