"""`scan PATH…`: the checks of a build, on any files, whether or not Nix knows of them."""

import argparse
import importlib.util
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cli import sarif
from cli.console import Console, count, table
from cli.format_name import format_name
from cli.parser import Parser
from cli.targets import reach
from common.errors import ModelError, NotFoundError, UnsafeError
from common.findings import Finding, Report
from common.progress import show_bytes
from validators.base import POLICIES, SECOND_OPINIONS, Model, ModelFile

TOOLS_VARIABLE = "NIX_AI_MODEL_TOOLS"  # set by lib/command.nix
# Options that say what an attribute of `security` says in Nix.
_SECURITY = {
    "--allow-global": ("allowGlobals", "NAME", "accept this name in pickles and Keras models"),
    "--allow-operator": ("allowOperators", "NAME", "accept this operator in ONNX and TensorFlow"),
    "--allow-license": ("allowedLicenses", "ID", "refuse every licence but these"),
    "--ignore-file": ("ignoreFiles", "GLOB", "let what is found in these files be warnings"),
    "--scanner": ("scanners", "NAME", "ask this scanner as well: picklescan, fickling"),
}
_VERDICTS = {"error": "refused", "warning": "warned", "info": "noted"}


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
        if arguments.policy != "off" and all(c.outcome == "skipped" for c in report.checks):
            raise ModelError("no check could run, so nothing is known", None, "scripts/setup")
        answers.append(_facts(path, files, report))
        reports.append((path, report))
        if report.refused:
            refused.append(path)
        if not (arguments.json or arguments.sarif):
            console.answer(_text(path, files, report))
    if arguments.sarif:
        console.answer_json(sarif.document(reports))
    if arguments.json:
        console.answer_json(
            {"refused": bool(refused), "policy": arguments.policy, "paths": answers}
        )
    if refused:
        names = ", ".join(map(str, refused))
        raise UnsafeError("refused as unsafe", names, "what the last column says, file by file")
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
        return run_checks(Model(name, tuple(found), Path(folder), policy, security, _tools()))


def _tools() -> dict[str, tuple[str, ...]]:
    """Find the scanners: those of the package, else beside this Python, else on the search path."""
    if packaged := os.environ.get(TOOLS_VARIABLE):
        return {name: tuple(words) for name, words in json.loads(packaged).items()}
    if importlib.util.find_spec("modelscan"):
        return {"modelscan": (sys.executable, "-m", "modelscan.cli")}
    program = shutil.which("modelscan")
    return {"modelscan": (program,)} if program else {}


def _by_file(report: Report) -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = {}
    for finding in report.findings:
        found.setdefault(finding.file.partition("!")[0], []).append(finding)
    return found


def _verdict(findings: Sequence[Finding]) -> str:
    worst = next((word for word in _VERDICTS if any(f.severity == word for f in findings)), None)
    return _VERDICTS[worst] if worst else "clean"


def _facts(path: Path, files: Mapping[str, Path], report: Report) -> dict[str, Any]:
    found = _by_file(report)
    return {
        "path": str(path),
        "refused": report.refused,
        "checks": [check.to_json() for check in report.checks],
        "files": [
            {
                "file": name,
                "format": format_name(local),
                "size": local.stat().st_size,
                "verdict": _verdict(found.get(name, ())),
                "findings": [finding.to_json() for finding in found.get(name, ())],
            }
            for name, local in sorted(files.items())
        ],
    }


def _text(path: Path, files: Mapping[str, Path], report: Report) -> str:
    found = _by_file(report)
    rows = [
        [
            finding.file,
            format_name(files[name]) if name in files else "-",
            _VERDICTS[finding.severity],
            f"{finding.message}{f' ({finding.trigger})' if finding.trigger else ''}",
            finding.remedy or "-",
        ]
        for name, findings in sorted(found.items())
        for finding in findings
    ]
    # A check that could not do its work refuses the model too, and has no finding to show.
    rows += [
        ["(all files)", "-", "refused", f"{check.name}: {check.detail}", f"mend {check.name}"]
        for check in report.checks
        if check.outcome == "failed" and check.detail
    ]
    total = show_bytes(sum(local.stat().st_size for local in files.values()))
    clean = len(set(files) - set(found))
    head = f"{path}: {count(len(files), 'file')} ({total}), {clean} without a finding"
    checks = ", ".join(f"{check.name} {check.outcome}" for check in report.checks) or "none"
    shown = (
        [table([["FILE", "FORMAT", "VERDICT", "WHY", "WHAT TO DO"], *rows], "  ")] if rows else []
    )
    return "\n".join([head, f"  checks: {checks}", *shown])
