"""Findings as SARIF, which code scanning services read.

Source: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from common import VERSION
from common.findings import CheckResult, Finding, Report

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_LEVEL = {"error": "error", "warning": "warning", "info": "note"}


def document(reports: Iterable[tuple[Path, Report]]) -> dict[str, Any]:
    """Give one SARIF log with a run for each scanned path."""
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [_run(path, report) for path, report in reports],
    }


def _run(path: Path, report: Report) -> dict[str, Any]:
    rules = sorted({_rule(finding) for finding in report.findings})
    failed = [check for check in report.checks if check.outcome == "failed" and check.detail]
    return {
        "tool": {
            "driver": {
                "name": "nix-ai-model",
                "version": VERSION,
                "rules": [{"id": rule} for rule in rules],
            },
            "extensions": [
                {"name": check.name, "version": check.version or "unknown"}
                for check in report.checks
            ],
        },
        "invocations": [
            {
                "executionSuccessful": not failed,
                "toolExecutionNotifications": [_notification(check) for check in failed],
            }
        ],
        "originalUriBaseIds": {"MODEL": {"uri": f"{_directory(path).as_uri()}/"}},
        "results": [_result(finding) for finding in report.findings],
    }


def _directory(path: Path) -> Path:
    whole = path.absolute()
    return whole if whole.is_dir() else whole.parent


def _rule(finding: Finding) -> str:
    return f"{finding.check}/{finding.rule}" if finding.rule else finding.check


def _notification(check: CheckResult) -> dict[str, Any]:
    return {"level": "error", "message": {"text": f"{check.name}: {check.detail}"}}


def _result(finding: Finding) -> dict[str, Any]:
    file, _, member = finding.file.partition("!")
    text = finding.message + (f" ({finding.trigger})" if finding.trigger else "")
    text += f" in {member}" if member else ""
    location = {"artifactLocation": {"uri": quote(file), "uriBaseId": "MODEL"}}
    return {
        "ruleId": _rule(finding),
        "level": _LEVEL[finding.severity],
        "message": {"text": f"{text}. To do: {finding.remedy}" if finding.remedy else text},
        "locations": [{"physicalLocation": location}],
    }
