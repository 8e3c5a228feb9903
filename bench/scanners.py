"""Ours and other people's scanners, one run a file, start-up included."""

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.validators.helpers import make_model
from tests.validators.spent import Spent, scan, spend
from validators import registry
from validators.runner import run_checks
from validators.visits import Shared

DETECTED, ERROR, CLEAN = "detected", "error", "clean"
Answer = tuple[str, Spent | None]


def verdict_of_ours(root: Path, policy: str) -> str:
    """Judge by our own checks alone: those of other people are rows of their own."""
    own = [check.name for check in registry.all_checks().values() if isinstance(check.run, Shared)]
    report = run_checks(make_model(root, policy), checks=own)
    if any(result.detail for result in report.checks):
        return ERROR
    return DETECTED if report.refused else CLEAN


def ours(root: Path, timeout: float) -> Answer:
    """Run the command with all its default checks."""
    spent, findings = scan(root, timeout)
    severities = {finding["severity"] for finding in findings}
    return (ERROR if spent.output is None else DETECTED if "error" in severities else CLEAN), spent


def modelscan(root: Path, timeout: float) -> Answer:
    with tempfile.TemporaryDirectory() as empty:
        output = Path(empty, "answer.json")
        command = [_program("modelscan"), "scan", "-p", root, "-r", "json", "-o", output]
        spent = spend(command, Path(empty), timeout)
        if spent.output is None or not output.is_file():
            return ERROR, spent
        answer = json.loads(output.read_text())
    if answer["issues"]:
        return DETECTED, spent
    whole = answer["summary"]["scanned"]["total_scanned"] and not answer["errors"]
    return CLEAN if whole else ERROR, spent


def picklescan(root: Path, timeout: float) -> Answer:
    return _each(root, timeout, lambda file: [_program("picklescan"), "-p", file])


def fickling(root: Path, timeout: float) -> Answer:
    return _each(root, timeout, lambda file: [_program("fickling"), "--check-safety", file])


def _each(root: Path, timeout: float, command: Callable[[Path], list[object]]) -> Answer:
    """Show it file after file, and take its worst answer."""
    answers: list[str] = []
    spent = None
    for file in sorted(path for path in root.rglob("*") if path.is_file())[:_MOST_FILES]:
        with tempfile.TemporaryDirectory() as empty:
            spent = spend(command(file), Path(empty), timeout)
        answers.append(_by_status(spent))
    return next(word for word in (DETECTED, ERROR, CLEAN) if word in answers), spent


_MOST_FILES = 10  # of one sample


def _by_status(spent: Spent) -> str:
    if spent.output is None or "Scanned files: 0" in spent.output:
        return ERROR
    return {0: CLEAN, 1: DETECTED}.get(spent.status, ERROR)


def _program(name: str) -> Path:
    return Path(sys.executable).parent / name


PEERS: dict[str, Callable[[Path, float], Answer]] = {
    "modelscan": modelscan,
    "picklescan": picklescan,
    "fickling": fickling,
}
