"""Running the checks: each in a process of its own, and whatever goes wrong is a refusal."""

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from common.errors import UsageError
from common.files import select
from common.findings import CheckResult, Finding, Outcome, Report
from validators import child, external, registry
from validators.base import POLICIES, Check, Model
from validators.commands import run_command

__all__ = ["run_checks", "run_command"]

MOST_AT_ONCE = 4  # child processes
ANSWER_BYTES = 64 << 20  # of findings, as JSON
STDERR_CHARACTERS = 2000  # of a failed check's last words
# Checks that apply the policy itself: `failOnScanError = false` does not soften them.
POLICY_CHECKS = frozenset({"file-types"})
_ROOT = Path(__file__).resolve().parent.parent


def run_checks(
    model: Model, *, checks: Iterable[str] | None = None, timing: bool = False
) -> Report:
    """Run every check that applies, and give one report that is the same for the same input.

    Args:
        model: to be judged.
        checks: names of the checks to run; None means all.
        timing: whether to put wall times into the report, which is then no longer reproducible.

    Raises:
        UsageError: the policy or a check's name is unknown.
    """
    if model.policy not in POLICIES:
        raise UsageError("`security.policy` is unknown", repr(model.policy), " | ".join(POLICIES))
    wanted = registry.all_checks(checks)
    ignored = _ignored(model)
    workers = min(MOST_AT_ONCE, os.cpu_count() or 1)
    with ThreadPoolExecutor(workers) as pool:
        results = pool.map(
            lambda item: _run(model, item[0], item[1], ignored, timing=timing), wanted.items()
        )
        return Report(tuple(results), model.policy, ignored)


def _ignored(model: Model) -> tuple[str, ...]:
    patterns = model.security.get("ignoreFiles") or ()
    return tuple(select((file.path for file in model.files), patterns, ())) if patterns else ()


def _run(
    model: Model, module: str, check: Check, ignored: tuple[str, ...], *, timing: bool
) -> CheckResult:
    if model.policy == "off":
        return CheckResult(check.name, check.version, "skipped", detail='security.policy = "off"')
    try:
        if not check.enabled(model):
            return CheckResult(check.name, check.version, "skipped", detail="not asked for")
        started = time.monotonic()
        findings, version, detail = _apart(model, module, check)
    except Exception as error:  # noqa: BLE001 - whatever a check does wrong is a refusal
        findings, version, detail = (), check.version, f"could not be run: {error}"
    findings = tuple(sorted(_soften(model, finding, ignored) for finding in findings))
    outcome = _outcome(model, check, findings, detail)
    seconds = round(time.monotonic() - started, 3) if timing else None
    return CheckResult(check.name, version, outcome, findings, detail, seconds)


def _soften(model: Model, finding: Finding, ignored: tuple[str, ...]) -> Finding:
    """Make a finding about a file that is left out of the model one that does not refuse."""
    if finding.severity == "error" and _is_left_out(model, finding, ignored):
        message = f"{finding.message} (left out of the model by `security.ignoreFiles`)"
        return replace(finding, severity="warning", message=message)
    return finding


def _is_left_out(model: Model, finding: Finding, ignored: tuple[str, ...]) -> bool:
    # NB: a file's own name may hold a "!", too: it must not pass for a member of another.
    ends = [at for at, mark in enumerate(finding.file) if mark == "!"]
    owners = {finding.file[:end] for end in ends} | {finding.file}
    named = {file.path for file in model.files} & owners
    return bool(named) and named <= set(ignored)


def _outcome(model: Model, check: Check, findings: tuple[Finding, ...], detail: str) -> Outcome:
    severities = {finding.severity for finding in findings}
    if detail or "error" in severities:
        lenient = model.security.get("failOnScanError") is False
        return "warned" if lenient and check.name not in POLICY_CHECKS else "failed"
    return "warned" if "warning" in severities else "passed"


def _apart(model: Model, module: str, check: Check) -> tuple[tuple[Finding, ...], str, str]:
    """Run a check in a process of its own; gives findings, version, and why it failed."""
    with tempfile.TemporaryDirectory(prefix="nix-ai-model-check-") as empty:
        ran = external.run(
            [sys.executable, "-m", "validators.child", module],
            cwd=Path(empty),
            env=_environment(Path(empty)),
            timeout=check.timeout,
            memory=check.memory,
            stdin=json.dumps(child.model_to_json(model)).encode(),
            limit=ANSWER_BYTES,
        )
    if detail := _failure(check, ran):
        return (), check.version, detail
    try:
        answer = json.loads(ran.stdout)
        findings = tuple(Finding.from_json(item) for item in answer["findings"])
    except (ValueError, TypeError, KeyError):
        return (), check.version, "gave no readable answer"
    return findings, str(answer["version"]), ""


def _failure(check: Check, ran: external.Ran) -> str:
    if ran.timed_out:
        return f"did not end within {check.timeout:g} seconds"
    if ran.status == child.MEMORY_STATUS:
        return f"used more than {check.memory >> 20} MiB of memory"
    return f"{ran.failure}: {_last_words(ran.stderr)}" if ran.status else ""


def _environment(home: Path) -> dict[str, str]:
    """Give what a check may know of the environment: where programs and modules are."""
    paths = [str(_ROOT), *(path for path in sys.path if path)]
    kept = {
        name: os.environ[name] for name in ("PATH", "TMPDIR", "SYSTEMROOT") if name in os.environ
    }
    return kept | {
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths)),
        "PYTHONSAFEPATH": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }


def _last_words(stderr: bytes) -> str:
    lines = stderr.decode("utf-8", "replace").strip().splitlines()
    return (lines[-1] if lines else "it said nothing")[:STDERR_CHARACTERS]
