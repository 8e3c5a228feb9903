"""The rules of a SARIF log, in words: what each check looks for, and how bad a finding is."""

from collections.abc import Iterable, Mapping
from typing import Any

from common.findings import Finding, Severity
from common.plain import one_line
from validators import registry

LEVEL: dict[Severity, str] = {"error": "error", "warning": "warning", "info": "note"}
# As code scanning sorts them: high, medium, low.
_SCORE: dict[Severity, str] = {"error": "8.0", "warning": "5.0", "info": "2.0"}
_REACH = "Pipes, devices and links to nothing, which no check can look at."
_PAGE = "docs/validation.md of nix-ai-models"


def rule_id(finding: Finding) -> str:
    """Name the rule of a finding, as docs/validation.md does: check and rule."""
    return f"{finding.check}/{finding.rule}" if finding.rule else finding.check


def rules(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """Describe every rule that has a finding, by its worst one, sorted by name."""
    order = list(LEVEL)
    worst: dict[str, Finding] = {}
    for finding in findings:
        known = worst.setdefault(rule_id(finding), finding)
        if order.index(finding.severity) < order.index(known.severity):
            worst[rule_id(finding)] = finding
    about = registry.descriptions() | {"reach": _REACH}
    return [_rule(name, worst[name], about) for name in sorted(worst)]


def _rule(name: str, finding: Finding, known: Mapping[str, str]) -> dict[str, Any]:
    about = known.get(finding.check, f"The opinion of {finding.check}.")
    short = one_line(f"{finding.check}: {(finding.rule or 'finding').replace('-', ' ')}")
    example = one_line(f"{about} For example: {finding.message}.")
    remedy = one_line(f"To do: {finding.remedy}") if finding.remedy else ""
    text = "\n".join(filter(None, (example, remedy, f"All rules are explained in {_PAGE}.")))
    return {
        "id": name,
        "name": name.replace("/", "-"),
        "shortDescription": {"text": short},
        "fullDescription": {"text": about},
        "help": {"text": text},
        "defaultConfiguration": {"level": LEVEL[finding.severity]},
        "properties": {
            "tags": ["security", "supply-chain"],
            "precision": "high",
            "security-severity": _SCORE[finding.severity],
        },
    }
