"""`scan PATH…`: the checks of a build, on any files, whether or not Nix knows of them."""

import argparse
import importlib.util
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cli import sarif
from cli.console import Console
from cli.parser import Parser
from cli.scan_text import by_file, format_of, report_text, verdict
from cli.targets import LINK, reach, strays
from common.errors import ModelError, NotFoundError, UnsafeError
from common.findings import CheckResult, Finding, Outcome, Report, Severity
from validators.base import POLICIES, SECOND_OPINIONS, Model, ModelFile

TOOLS_VARIABLE = "NIX_AI_MODEL_TOOLS"  # set by lib/command.nix
# Options that say what an attribute of `security` says in Nix.
_SECURITY = {
    "--allow-global": ("allowGlobals", "NAME", "accept this name, as a finding prints it"),
    "--allow-operator": ("allowOperators", "NAME", "accept this operator, as a finding prints it"),
    "--allow-license": ("allowedLicenses", "ID", "refuse every licence but these"),
    "--ignore-file": ("ignoreFiles", "GLOB", "let what is found in these files be warnings"),
    "--scanner": ("scanners", "NAME", "ask this scanner as well: picklescan, fickling"),
}


def add(verbs: Parser) -> None:
    """Add the verb."""
    verb = verbs.add_verb(
        "scan",
        "run the checks of a build on any files",
        description="Run the checks of a build on files, folders, Hugging Face cache entries and "
        "store paths. The exit status is 3 when anything is refused.",
    )
    verb.add_argument("paths", metavar="PATH", nargs="+", type=Path, help="file or directory")
    verb.add_argument(
        "--policy",
        choices=POLICIES,
        default="scanned",
        help="as security.policy in Nix; %(default)s judges content alone (%(choices)s)",
    )
    for option, (attribute, metavar, text) in _SECURITY.items():
        verb.add_argument(
            option,
            dest=attribute,
            metavar=metavar,
            action="append",
            choices=SECOND_OPINIONS if attribute == "scanners" else None,
            help=f"{text}; security.{attribute} in Nix (repeatable)",
        )
    shape = verb.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="print JSON")
    shape.add_argument("--sarif", action="store_true", help="print SARIF 2.1.0, for code scanning")
    verb.set_defaults(run=run)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Run the verb.

    Raises:
        UnsafeError: when anything is refused.
    """
    given = {name: getattr(arguments, name) for name, _, _ in _SECURITY.values()}
    security = {name: values for name, values in given.items() if values is not None}
    answers, refused, reports = [], [], []
    for path in arguments.paths:
        files = reach(path)
        if not files:
            raise NotFoundError("there is no file to scan", str(path))
        report = _scan(path, files, arguments.policy, security)
        if arguments.policy != "off" and all(c.outcome == "skipped" for c in report.checks[:-1]):
            raise ModelError("no check could run, so nothing is known", None, "scripts/setup")
        answers.append(_facts(path, files, report))
        reports.append((path, report))
        if report.refused:
            refused.append(path)
        if not (arguments.json or arguments.sarif):
            console.answer(report_text(path, files, report, console.width))
    if arguments.sarif:
        if len(reports) > sarif.MOST_RUNS:
            most = f"note: services read {sarif.MOST_RUNS} paths of one file at most"
            console.note(f"{most}, got {len(reports)}; scan them in parts")
        console.answer_json(sarif.document(reports))
    if arguments.json:
        console.answer_json(
            {"refused": bool(refused), "policy": arguments.policy, "paths": answers}
        )
    if refused:
        names = ", ".join(map(str, refused))
        raise UnsafeError(
            "refused as unsafe", names, "what is to be done about each, as said above"
        )
    return 0


def _scan(
    path: Path, files: Mapping[str, Path], policy: str, security: Mapping[str, Sequence[str]]
) -> Report:
    # Imported here: no other verb needs the checks and what they import.
    from validators.runner import run_checks  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="nix-ai-model-") as folder:
        found = []
        for name, local in sorted(files.items()):
            place = Path(folder, name)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(local.resolve())
            found.append(ModelFile(name, local.resolve(), local.stat().st_size))
        name = path.resolve().name
        model = Model(name, tuple(found), Path(folder), policy, security, _tools())
        report = run_checks(model)
    return report if policy == "off" else replace(report, checks=(*report.checks, _strays(path)))


def _tools() -> dict[str, tuple[str, ...]]:
    """Find the scanners: those of the package, else beside this Python, else on the search path."""
    if packaged := os.environ.get(TOOLS_VARIABLE):
        return {name: tuple(words) for name, words in json.loads(packaged).items()}
    if importlib.util.find_spec("modelscan"):
        return {"modelscan": (sys.executable, "-m", "modelscan.cli")}
    program = shutil.which("modelscan")
    return {"modelscan": (program,)} if program else {}


def _facts(path: Path, files: Mapping[str, Path], report: Report) -> dict[str, Any]:
    found = by_file(report)
    return {
        "path": str(path),
        "refused": report.refused,
        "checks": [check.to_json() for check in report.checks],
        "files": [
            {
                "file": name,
                "format": format_of(name, files, found.get(name, ())),
                **({"size": files[name].stat().st_size} if name in files else {}),
                "verdict": verdict(found.get(name, ())),
                "findings": [finding.to_json() for finding in found.get(name, ())],
            }
            for name in sorted({*files, *found})
        ],
    }


def _strays(path: Path) -> CheckResult:
    """Refuse what no model has, and tell of links that lead nowhere."""
    found = strays(path)
    findings = []
    for name, kind in found.items():
        severity: Severity = "warning" if kind == LINK else "error"
        message = f"is a {kind}, and was not looked at"
        findings.append(Finding(name, "reach", severity, message, "", "remove it", "stray"))
    outcomes: dict[str, Outcome] = {"error": "failed", "warning": "warned"}
    worst = min((finding.severity for finding in findings), default="info")
    return CheckResult("reach", "1", outcomes.get(worst, "passed"), tuple(findings))
