"""What validation says: findings, and the outcome of each check."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

Severity = Literal["info", "warning", "error"]
Outcome = Literal["passed", "failed", "warned", "skipped"]


@dataclass(frozen=True, order=True)
class Finding:
    """One thing a check has to say about one file.

    Attributes:
        file: path inside the model, POSIX, with ``!member`` appended for a place in a container.
        check: name of the check, e.g. ``pickle-scan``.
        severity: ``error`` refuses the model, ``warning`` and ``info`` do not.
        message: what was found, one sentence.
        trigger: the exact thing that triggered it (a global, an offset, a header field).
        remedy: what the user can do or paste; empty when there is nothing.
        rule: stable identifier of the kind of finding, e.g. ``dangerous-global``.
    """

    file: str
    check: str
    severity: Severity
    message: str
    trigger: str = ""
    remedy: str = ""
    rule: str = ""

    def to_json(self) -> dict[str, str]:
        """Give the finding as JSON data, without its empty fields."""
        return {key: value for key, value in asdict(self).items() if value}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "Finding":
        """Read back what `to_json` wrote.

        Raises:
            TypeError: a field is missing, unknown, or no text.
            ValueError: the severity is none.
        """
        finding = Finding(**data)
        if not all(isinstance(value, str) for value in data.values()):
            raise TypeError("a finding holds something else than texts")
        if finding.severity not in get_args(Severity):
            raise ValueError(f"a finding has the severity {finding.severity!r}")
        return finding


@dataclass(frozen=True)
class CheckResult:
    """The outcome of one check over a whole model.

    Attributes:
        name: of the check.
        version: of the check, or of the program it runs.
        outcome: ``skipped`` only where nobody asked for it or it had nothing to look at, never
            because it could not run.
        findings: sorted.
        detail: why it failed as a whole (crash, time-out, exit status) or was skipped; empty when
            it ran well.
        seconds: wall time; None wherever the result must be reproducible.
        output: what a user's validator printed, bounded.
    """

    name: str
    version: str
    outcome: Outcome
    findings: tuple[Finding, ...] = ()
    detail: str = ""
    seconds: float | None = None
    output: str = ""

    def to_json(self) -> dict[str, Any]:
        """Give the outcome as JSON data; the findings are listed apart."""
        data: dict[str, Any] = {
            "name": self.name,
            "version": self.version,
            "outcome": self.outcome,
        }
        optional = {"detail": self.detail, "seconds": self.seconds, "output": self.output}
        return data | {key: value for key, value in optional.items() if value not in ("", None)}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "CheckResult":
        """Read back what `to_json` wrote.

        Raises:
            TypeError: a field is missing or unknown.
            ValueError: the outcome is none.
        """
        result = CheckResult(**data)
        if result.outcome not in get_args(Outcome):
            raise ValueError(f"a check has the outcome {result.outcome!r}")
        return result


@dataclass(frozen=True)
class Report:
    """Everything validation found out about a model."""

    checks: tuple[CheckResult, ...] = ()
    policy: str = "safe-only"
    ignored: tuple[str, ...] = field(default=())

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings, sorted by file."""
        return tuple(sorted(finding for check in self.checks for finding in check.findings))

    @property
    def refused(self) -> bool:
        """Whether any check failed."""
        return any(check.outcome == "failed" for check in self.checks)
