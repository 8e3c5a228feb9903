"""`doctor`: what on this machine will not work, and how to mend it."""

import argparse
from dataclasses import asdict

from cli.check import Finding, check_environment, check_nix, check_python, check_space
from cli.console import Console
from cli.download import new_context
from cli.fetch import cache_folder
from cli.parser import Parser
from common.secrets import mask
from fetchers.context import Context

SIGNS = {"ok": "ok   ", "note": "note ", "warning": "warn ", "problem": "FAIL "}


def add(verbs: Parser) -> None:
    """Add the verb."""
    verb = verbs.add_verb(
        "doctor",
        "say what on this machine will not work, and the mend",
        description="Look at Nix, its daemon and sandbox, disks, credentials, the hub and the "
        "environment. Exit status 1 when something is broken; warnings alone are 0.",
    )
    verb.add_argument("--offline", action="store_true", help="ask nothing of the network")
    verb.add_argument("--json", action="store_true", help="print JSON")
    verb.set_defaults(run=run)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Run the verb."""
    context = new_context(console)
    findings = [*check_nix(), *check_python(), *check_environment(context.environ)]
    findings += check_space(cache_folder())
    findings += _access(context, online=not arguments.offline)
    if arguments.json:
        console.answer_json({"findings": [asdict(finding) for finding in findings]})
    else:
        for finding in findings:
            console.answer(_line(finding))
    return 1 if any(finding.level == "problem" for finding in findings) else 0


def _access(context: Context, *, online: bool) -> list[Finding]:
    try:
        # Imported here: what it needs may be the very thing that is missing.
        from cli.check_access import check_access  # noqa: PLC0415
    except ModuleNotFoundError:
        return []  # told by `check_python`
    return list(check_access(context, online=online))


def _line(finding: Finding) -> str:
    mend = f"\n       try: {finding.mend}" if finding.mend else ""
    return mask(f"{SIGNS[finding.level]} {finding.subject}: {finding.says}{mend}")
