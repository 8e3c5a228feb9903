"""Validation reports for people: the log of a build, and the error that refuses a model."""

import sys

from common.errors import ModelError, UnsafeError
from common.findings import CheckResult, Finding, Report
from common.plain import one_line, plain
from common.secrets import mask

MOST_SHOWN = 50  # findings in an error; the rest is counted
_MARK = {"passed": "ok", "failed": "REFUSED", "warned": "warning", "skipped": "skipped"}


def say_report(report: Report) -> None:
    """Write one line a check, and what it found, to the log."""
    for check in report.checks:
        version = "" if check.outcome == "skipped" else f" {check.version}"
        write(f"{_MARK[check.outcome]:>8}  {check.name}{version}{_because(check)}")
        for finding in check.findings:
            if finding.severity != "info":
                text = one_line(f"{finding.file}: {finding.message}")
                write(f"          {finding.severity}: {text}")


def refusal(name: str, report: Report) -> ModelError:
    """Word the refusal of a model: each file, the reason, and what can be done about it."""
    errors = [finding for finding in report.findings if finding.severity == "error"]
    lines = [f"model {name} is refused (policy {report.policy}):"]
    lines += [f"  {_line(finding)}" for finding in errors[:MOST_SHOWN]]
    if len(errors) > MOST_SHOWN:
        lines.append(f"  and {len(errors) - MOST_SHOWN} more")
    failed = [check for check in report.checks if check.outcome == "failed" and check.detail]
    lines += [f"  {check.name} {check.version}{_because(check)}" for check in failed]
    remedies = dict.fromkeys(finding.remedy for finding in errors if finding.remedy)
    return UnsafeError("\n".join(lines), None, "\n     ".join(remedies) or _LAST_RESORT)


_LAST_RESORT = 'another model, or, knowing what it does: security.policy = "off";'


def _line(finding: Finding) -> str:
    trigger = f" [{finding.trigger}]" if finding.trigger else ""
    return one_line(f"{finding.file}: {finding.message}{trigger} ({finding.check})")


def _because(check: CheckResult) -> str:
    return f": {check.detail}" if check.detail else ""


def write(text: str) -> None:
    """Write a line to the log, with every secret masked and nothing that steers a terminal."""
    sys.stderr.write(f"{plain(mask(text))}\n")
