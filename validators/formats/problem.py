"""What a reader has to say about the bytes it read, before it is known for which check."""

from dataclasses import dataclass

from common.findings import Finding, Severity


@dataclass(frozen=True)
class Problem:
    """A finding that lacks its file and its check.

    Attributes:
        rule: stable identifier.
        message: what was found, one sentence.
        trigger: the exact thing, already made printable (`validators.formats.source.shown`).
        remedy: what the user can do.
        severity: as in `common.findings`.
    """

    rule: str
    message: str
    trigger: str = ""
    remedy: str = ""
    severity: Severity = "error"

    def at(self, file: str, check: str) -> Finding:
        """Make it a finding."""
        return Finding(
            file, check, self.severity, self.message, self.trigger, self.remedy, self.rule
        )


class FormatError(Exception):
    """A reader cannot go on; carries the problem that says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem
