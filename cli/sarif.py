"""Findings as SARIF, which code scanning services read.

Sources: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html and, for what a service
makes of it, https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning
"""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cli.sarif_rules import LEVEL, rule_id, rules
from common import VERSION
from common.findings import CheckResult, Finding, Report
from common.plain import one_line

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
MOST_RESULTS = 25_000  # of a run; GitHub refuses the whole file beyond
MOST_RUNS = 20  # of a file, likewise
TOOL = "nix-ai-model"
_BASE = "MODEL"


def document(reports: Iterable[tuple[Path, Report]]) -> dict[str, Any]:
    """Give one SARIF log with a run for each scanned path."""
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [_run(path, report) for path, report in reports],
    }


def _run(path: Path, report: Report) -> dict[str, Any]:
    worst_first = sorted(report.findings, key=lambda finding: list(LEVEL).index(finding.severity))
    shown = worst_first[:MOST_RESULTS]
    known = rules(shown)
    places = {rule["id"]: place for place, rule in enumerate(known)}
    return {
        "tool": {
            "driver": {
                "name": TOOL,
                "version": VERSION,
                "semanticVersion": VERSION,
                "shortDescription": {"text": "Checks of machine learning models."},
                "rules": known,
            },
            "extensions": [
                {"name": check.name, "version": check.version or "unknown"}
                for check in report.checks
            ],
        },
        # One category a path, so that the results of one do not replace those of another.
        "automationDetails": {"id": f"{TOOL}/{_uri(str(path)).strip('/')}/"},
        "invocations": [_invocation(report, len(worst_first) - len(shown))],
        "originalUriBaseIds": {_BASE: {"uri": f"{_directory(path).as_uri()}/"}},
        "columnKind": "utf16CodeUnits",
        "results": [_result(finding, places[rule_id(finding)]) for finding in shown],
    }


def _invocation(report: Report, left_out: int) -> dict[str, Any]:
    failed = [check for check in report.checks if check.outcome == "failed" and check.detail]
    told = [_notification(check) for check in failed]
    if left_out:
        text = f"{left_out} findings are left out here; nix-ai-model scan --json gives all"
        told.append({"level": "warning", "message": {"text": text}})
    return {
        "executionSuccessful": not failed,
        "toolExecutionNotifications": told,
        "properties": {"policy": report.policy, "refused": report.refused},
    }


def _notification(check: CheckResult) -> dict[str, Any]:
    return {"level": "error", "message": {"text": _message(f"{check.name}: {check.detail}")}}


def _directory(path: Path) -> Path:
    whole = path.absolute()
    return whole if whole.is_dir() else whole.parent


def _result(finding: Finding, rule: int) -> dict[str, Any]:
    file, _, member = finding.file.partition("!")
    text = finding.message + (f" ({finding.trigger})" if finding.trigger else "")
    text += f" in {member}" if member else ""
    text += f". To do: {finding.remedy}" if finding.remedy else ""
    place: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": {"uri": _uri(file), "uriBaseId": _BASE},
            # Services show no result without a line, and a model has none.
            "region": {"startLine": 1},
        }
    }
    if member:
        name = {"fullyQualifiedName": one_line(finding.file), "kind": "member"}
        place["logicalLocations"] = [name]
    return {
        "ruleId": rule_id(finding),
        "ruleIndex": rule,
        "level": LEVEL[finding.severity],
        "message": {"text": _message(text)},
        "locations": [place],
        "partialFingerprints": {"primaryLocationLineHash": _fingerprint(finding)},
    }


def _uri(path: str) -> str:
    # NB: a name need not be UTF-8.
    return quote(os.fsencode(path))


def _message(text: str) -> str:
    # NB: `[text](address)` is a link in a message, and a model must not make any (3.11.6).
    return one_line(text).replace("](", "] (")


def _fingerprint(finding: Finding) -> str:
    """Give what stays the same while the finding does, wherever in the file it moves."""
    trigger = finding.trigger.partition(" (")[0]
    parts = (rule_id(finding), finding.file, finding.message, trigger)
    named = "\0".join(parts).encode("utf-8", "surrogateescape")
    return f"{hashlib.sha256(named).hexdigest()[:32]}:1"
