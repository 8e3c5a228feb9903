"""The rules of a SARIF log, in words: what each check looks for, and how bad a finding is."""

from collections.abc import Iterable
from typing import Any

from common.findings import Finding, Severity
from common.plain import one_line

LEVEL: dict[Severity, str] = {"error": "error", "warning": "warning", "info": "note"}
# As code scanning sorts them: high, medium, low.
_SCORE: dict[Severity, str] = {"error": "8.0", "warning": "5.0", "info": "2.0"}
_PAGE = "docs/validation.md of nix-ai-models"
CHECKS = {
    "active-documents": "Notebooks and documents that hold scripts.",
    "archives": "Members of archives that land elsewhere, or that readers disagree about.",
    "fickling": "The opinion of fickling on pickles.",
    "file-types": "What every file is by its bytes: programs, pickles, names that say otherwise.",
    "gguf": "GGUF headers that lie, or that hold templates which reach into Python.",
    "keras": "Keras models that name code: lambda layers, foreign modules, files.",
    "license": "Licences that the user has not accepted.",
    "modelscan": "The opinion of modelscan.",
    "numpy": "Arrays of objects, which numpy unpickles, and headers that lie.",
    "onnx": "ONNX graphs with data outside the model, or with operators of unknown domains.",
    "pickle-scan": "Globals that a pickle can reach and that are on no list of harmless ones.",
    "picklescan": "The opinion of picklescan on pickles.",
    "reach": "Pipes, devices and links to nothing, which no scanner can look at.",
    "repository-code": "Code of the repository, and configurations that have loaders run it.",
    "safetensors": "Safetensors headers that lie about the file.",
    "savedmodel": "TensorFlow graphs that run Python, or that read and write files.",
    "signature": "The signature that the model ships, against whose it must be.",
    "templates": "Chat templates that reach into Python or never end.",
    "torch-code": "Programs in archives of torch.",
}


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
    return [_rule(name, worst[name]) for name in sorted(worst)]


def _rule(name: str, finding: Finding) -> dict[str, Any]:
    about = CHECKS.get(finding.check, f"The opinion of {finding.check}.")
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
