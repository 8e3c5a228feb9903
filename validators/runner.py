"""Running the checks apart, and whatever goes wrong is a refusal.

Those that look at bytes share one process and one walk; what goes wrong within one of them fails
that one, and what ends the process fails all of them. Every other check has a process of its own.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from common.errors import ModelError, UsageError
from common.files import select
from common.findings import CheckResult, Finding, Outcome, Report
from validators import child, external, registry
from validators.base import NOT_STARTED, POLICIES, Check, Model
from validators.commands import run_command
from validators.visits import Shared

__all__ = ["run_checks", "run_command"]

MOST_AT_ONCE = 4  # child processes
WALK_SECONDS = 1800.0  # where no check shares the walk
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
    results = {module: _passed_over(model, check) for module, check in wanted.items()}
    asked = {module: check for module, check in wanted.items() if results[module] is None}
    ignored = _ignored(model)
    for module, raw in _raw(model, asked).items():
        results[module] = _judged(model, asked[module], raw, ignored, timing=timing)
    return Report(tuple(result for result in results.values() if result), model.policy, ignored)


@dataclass(frozen=True)
class _Raw:
    """What came of a check, before the user's rules: `failure` is why it failed as a whole."""

    version: str
    findings: tuple[Finding, ...] = ()
    failure: str = ""
    seconds: float = 0.0


def _passed_over(model: Model, check: Check) -> CheckResult | None:
    if model.policy == "off":
        return CheckResult(check.name, check.version, "skipped", detail='security.policy = "off"')
    try:
        if not check.enabled(model):
            return CheckResult(check.name, check.version, "skipped", detail="not asked for")
    except Exception as error:  # noqa: BLE001 - whatever a check does wrong is a refusal
        return CheckResult(check.name, check.version, "failed", (), f"could not be run: {error}")
    return None


def _raw(model: Model, checks: Mapping[str, Check]) -> dict[str, _Raw]:
    """Run checks: one walk for those that share it; then those that want to know what it saw."""
    shared = {module: check for module, check in checks.items() if isinstance(check.run, Shared)}
    informed = {module: check for module, check in checks.items() if check.informed}
    alone = [module for module in checks if module not in shared and module not in informed]
    with ThreadPoolExecutor(min(MOST_AT_ONCE, os.cpu_count() or 1)) as pool:
        walk = pool.submit(_walk, model, shared) if shared or informed else None
        running = {module: pool.submit(_alone, model, module, checks[module]) for module in alone}
        raw, seen, why = walk.result() if walk else ({}, None, "")
        for module, check in informed.items():
            if seen is None:
                raw[module] = _Raw(check.version, failure=f"was not run: {why}")
            elif seen:
                told = replace(model, seen=seen)
                running[module] = pool.submit(_alone, told, module, check)
            else:
                raw[module] = _Raw(check.version)
        return raw | {module: one.result() for module, one in running.items()}


def _ignored(model: Model) -> tuple[str, ...]:
    patterns = model.security.get("ignoreFiles") or ()
    return tuple(select((file.path for file in model.files), patterns, ())) if patterns else ()


def _judged(
    model: Model, check: Check, raw: _Raw, ignored: tuple[str, ...], *, timing: bool
) -> CheckResult:
    if raw.version == NOT_STARTED and not (raw.findings or raw.failure):
        why = "no file is of a kind that it reads"
        return CheckResult(check.name, raw.version, "skipped", detail=why)
    findings = tuple(sorted(_soften(model, finding, ignored) for finding in raw.findings))
    outcome = _outcome(model, check, findings, raw.failure)
    seconds = round(raw.seconds, 3) if timing else None
    return CheckResult(check.name, raw.version, outcome, findings, raw.failure, seconds)


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


def _walk(
    model: Model, checks: Mapping[str, Check]
) -> tuple[dict[str, _Raw], Mapping[str, Any] | None, str]:
    """Run the checks that share a walk; gives what it saw for others, or why that is unknown."""
    timeout = max((check.timeout for check in checks.values()), default=WALK_SECONDS)
    memory = max((check.memory for check in checks.values()), default=child.WALK_MEMORY_BYTES)
    try:
        answer = _answer(model, tuple(checks), timeout, memory)
        raw = {module: _read(answer["checks"][module]) for module in checks}
        return raw, None if answer["failure"] else answer["seen"], answer["failure"]
    except Exception as error:  # noqa: BLE001 - whatever goes wrong is a refusal by all of them
        why = str(error)
    return {module: _Raw(check.version, failure=why) for module, check in checks.items()}, None, why


def _alone(model: Model, module: str, check: Check) -> _Raw:
    began = time.monotonic()
    try:
        answer = _answer(model, (module,), check.timeout, check.memory)
        raw = _read(answer["checks"][module])
    except Exception as error:  # noqa: BLE001 - whatever a check does wrong is a refusal
        raw = _Raw(check.version, failure=str(error))
    return replace(raw, seconds=time.monotonic() - began)


def _answer(model: Model, modules: Sequence[str], timeout: float, memory: int) -> dict[str, Any]:
    """Run checks in a process; gives what `child` says.

    Raises:
        ModelError: it did not end well, or its answer cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix="nix-ai-model-check-") as empty:
        ran = external.run(
            [sys.executable, "-m", "validators.child", *modules],
            cwd=Path(empty),
            env=_environment(Path(empty)),
            timeout=timeout,
            memory=memory,
            stdin=json.dumps(child.model_to_json(model)).encode(),
            limit=ANSWER_BYTES,
        )
    if ran.timed_out:
        raise ModelError(f"did not end within {timeout:g} seconds")
    if ran.status == child.MEMORY_STATUS:
        raise ModelError(child.too_much_memory(memory))
    if ran.status:
        raise ModelError(f"{ran.failure}: {_last_words(ran.stderr)}")
    try:
        return dict(json.loads(ran.stdout))
    except (ValueError, TypeError):
        raise ModelError("gave no readable answer") from None


def _read(told: Mapping[str, Any]) -> _Raw:
    findings = tuple(Finding.from_json(item) for item in told["findings"])
    return _Raw(str(told["version"]), findings, told["failure"], told["seconds"] or 0.0)


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
