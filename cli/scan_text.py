"""The report of a scan as people read it: what was looked at, by what, and what was found."""

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from cli.console import cells, count, table
from cli.format_name import format_name
from common.findings import CheckResult, Finding, Report
from common.plain import one_line
from common.progress import show_bytes

VERDICTS = {"error": "refused", "warning": "warned", "info": "noted"}
MOST_SHOWN = 200  # findings of a path
LEAST_COLUMNS = 40
_HEAD = ("FILE", "FORMAT", "VERDICT", "WHY", "WHAT TO DO")
_OUTCOMES = {"failed": "failed", "warned": "warned", "passed": "passed", "skipped": "not run"}
_INDENT = "  "


def by_file(report: Report) -> dict[str, list[Finding]]:
    """Give the findings of every file that has any, the worst first."""
    found: dict[str, list[Finding]] = {}
    for finding in sorted(report.findings, key=_weight):
        found.setdefault(finding.file.partition("!")[0], []).append(finding)
    return found


def verdict(findings: Sequence[Finding]) -> str:
    """Say what the findings come to."""
    return VERDICTS[min(findings, key=_weight).severity] if findings else "clean"


def format_of(name: str, files: Mapping[str, Path], findings: Iterable[Finding]) -> str:
    """Name the format of a file, as the checks found it."""
    if any(each.rule == "pickle" and each.file == name for each in findings):
        return "pickle"
    return format_name(files[name]) if name in files else "-"


def report_text(
    path: Path, files: Mapping[str, Path], report: Report, width: int | None = None
) -> str:
    """Word a report.

    Args:
        path: what was scanned.
        files: what was reached from it, by name.
        report: what was found.
        width: columns there are; None where lines may have any length.
    """
    found = by_file(report)
    parts = [_headline(path, files, report, found), *check_lines(report.checks, width)]
    if shown := _findings(_failures(report) + _rows(files, found), width):
        parts.append(shown)
    return "\n".join(parts)


def findings_text(findings: Iterable[Finding], width: int | None) -> str:
    """Word findings of files that need not be here."""
    report = Report((CheckResult("", "", "passed", tuple(findings)),))
    return _findings(_rows({}, by_file(report)), width)


def check_lines(checks: Sequence[CheckResult], width: int | None) -> list[str]:
    """Say by outcome what checked, in which version, and what was not run."""
    lines = []
    for outcome, word in _OUTCOMES.items():
        names = [_check(check) for check in checks if check.outcome == outcome]
        if names:
            start = f"{_INDENT}{word + ':':<9}"
            lines += _wrap(one_line(", ".join(names)), start, width)
    return lines or [f"{_INDENT}none"]


def _check(check: CheckResult) -> str:
    if check.outcome == "skipped":
        return f"{check.name} ({check.detail})" if check.detail else check.name
    return f"{check.name} {check.version}".rstrip()


def _findings(rows: Sequence[list[str]], width: int | None) -> str:
    if not rows:
        return ""
    first, more = rows[:MOST_SHOWN], len(rows) - MOST_SHOWN
    text = table([list(_HEAD), *first], _INDENT)
    if width is not None and max(map(cells, text.splitlines())) > width:
        text = _blocks(first, width)
    return f"{text}\n{_INDENT}and {count(more, 'finding')} more; all: --json" if more > 0 else text


def _weight(finding: Finding) -> int:
    return list(VERDICTS).index(finding.severity)


def _headline(
    path: Path, files: Mapping[str, Path], report: Report, found: Mapping[str, Sequence[Finding]]
) -> str:
    verdicts = [verdict(findings) for findings in found.values()]
    total = show_bytes(sum(local.stat().st_size for local in files.values()))
    counted = [f"{verdicts.count(word)} {word}" for word in VERDICTS.values() if word in verdicts]
    counted.append(f"{len(set(files) - set(found))} without a finding")
    outcome = "refused" if report.refused else "passed"
    looked = f"{count(len(files), 'file')} ({total}), {', '.join(counted)}"
    return one_line(f"{path}: {outcome} by policy {report.policy}: {looked}")


def _failures(report: Report) -> list[list[str]]:
    """Give the checks that could not do their work: each refuses the model, and has no finding."""
    return [
        ["(all files)", "-", "refused", f"{check.name}: {check.detail}", f"mend {check.name}"]
        for check in report.checks
        if check.outcome == "failed" and check.detail
    ]


def _rows(files: Mapping[str, Path], found: Mapping[str, Sequence[Finding]]) -> list[list[str]]:
    files_first = sorted(found.items(), key=lambda item: (_weight(item[1][0]), item[0]))
    return [
        [
            finding.file,
            format_of(finding.file, files, findings),
            VERDICTS[finding.severity],
            f"{finding.message}{f' ({finding.trigger})' if finding.trigger else ''}",
            _to_do(finding),
        ]
        for _, findings in files_first
        for finding in _by_member(findings)
    ]


def _by_member(findings: Sequence[Finding]) -> list[Finding]:
    """Put what is found in one member of an archive together; the findings come worst first."""
    members = list(dict.fromkeys(finding.file for finding in findings))
    return sorted(findings, key=lambda finding: members.index(finding.file))


def _to_do(finding: Finding) -> str:
    if finding.severity == "info":
        return "-"
    if finding.remedy or finding.severity != "error":
        return finding.remedy or "-"
    return f'leave it out: security.ignoreFiles = [ "{finding.file.partition("!")[0]}" ];'


def _blocks(rows: Sequence[Sequence[str]], width: int) -> str:
    """Give the cells of a table below one another, each file's name once."""
    lines, before = [], ""
    after = [*rows[1:], ("", "", "", "", "")]
    for (file, kind, word, why, to_do), following in zip(rows, after, strict=True):
        name = f"{file} ({kind})" if kind != "-" else file
        if name != before:
            lines += ["", *_wrap(one_line(name), _INDENT, width)]
            before = name
        lines += _wrap(one_line(why), f"{_INDENT * 2}{word + ':':<9}", width)
        if to_do != "-" and (file, to_do) != (following[0], following[4]):
            lines += _wrap(one_line(to_do), f"{_INDENT * 2}{'to do:':<9}", width)
    return "\n".join(lines)


def _wrap(text: str, start: str, width: int | None) -> list[str]:
    if width is None:
        return [start + text]
    return textwrap.wrap(
        text,
        max(width, LEAST_COLUMNS),
        initial_indent=start,
        subsequent_indent=" " * len(start),
        break_long_words=False,
        break_on_hyphens=False,
    )
