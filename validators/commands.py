"""The user's own commands: validators, scripts after the download, and custom scanners."""

import os
import re
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from common.errors import UsageError
from common.findings import CheckResult, Finding, Outcome
from common.secrets import mask
from validators import external

OnFailure = Literal["abort", "warn", "skip", "ignore", "persist"]
_OUTCOMES: dict[str, Outcome] = {
    "abort": "failed",
    "persist": "failed",  # and the caller keeps the files
    "fail": "failed",
    "warn": "warned",
    "skip": "skipped",
    "ignore": "passed",
}
DEFAULT_SHELL = ("/bin/sh",)
DEFAULT_TIMEOUT = 600.0  # seconds
OUTPUT_CHARACTERS = 16 << 10  # kept for the report
# ClamAV ends well after it has looked at nothing, and says so only like this.
_PASSED_OVER = re.compile(rb": Symbolic link\r?$")
_MEND = 'mend what it reports, or set its `onFailure` to "warn"'
_FOLLOW = "let it follow links: clamscan -r --follow-dir-symlinks=2 --follow-file-symlinks=2 $src"
# What looks like a credential by its name; `isolateCredentialsFromHooks` removes it.
_CREDENTIAL = re.compile(
    r"(?i)token|secret|passw|credential|api_?key|access_?key|private_?key|netrc|askpass"
    r"|^(aws|azure|google|gcloud|mlflow_tracking|hf|hugging_?face)_|^git_config|^ssh_|proxy$"
)


def run_command(  # noqa: PLR0913 - the specification's attributes, one by one
    name: str,
    command: str,
    *,
    on_failure: str = "abort",
    timeout: float | None = None,
    env: Mapping[str, str] | None = None,
    src: Path,
    out: Path,
    model_name: str = "",
    model_size: int = 0,
    shell: Sequence[str] = DEFAULT_SHELL,
    isolate_credentials: bool = True,
    log: Callable[[str], None] = lambda _: None,
    timing: bool = False,
) -> CheckResult:
    """Run a command of the user's through the shell, and judge it by its exit status.

    Args:
        name: in the report.
        command: one or more lines for the shell.
        on_failure: ``abort`` (or ``fail``) refuses the model; ``persist`` does, too, and the caller
            keeps the files; ``warn`` goes on and says so; ``skip`` goes on as though the command
            had not been asked for; ``ignore`` goes on and only records it.
        timeout: seconds; then the command and all it started is ended, which is a failure.
        env: the environment; None means this process's.
        src: the raw files, ``$src``.
        out: the output, ``$out``.
        model_name: ``$MODEL_NAME``.
        model_size: ``$MODEL_SIZE``, bytes.
        shell: program and arguments in front of ``-c``.
        isolate_credentials: whether variables that look like credentials are removed.
        log: is given every line of output as it comes, masked.
        timing: whether to put the wall time into the result.

    Raises:
        UsageError: `on_failure` is none of the words above.
    """
    if on_failure not in _OUTCOMES:
        raise UsageError(
            f"`onFailure` of {name!r} is unknown", repr(on_failure), " | ".join(_OUTCOMES)
        )
    started = time.monotonic()
    variables = environment(os.environ if env is None else env, isolate=isolate_credentials)
    variables |= {
        "src": str(src),
        "out": str(out),
        "MODEL_NAME": model_name,
        "MODEL_SIZE": str(model_size),
    }
    ended = _execute([*shell, "-c", command], variables, timeout or DEFAULT_TIMEOUT, log)
    seconds = round(time.monotonic() - started, 3) if timing else None
    return _judge(name, ended, on_failure, seconds)


def environment(env: Mapping[str, str], *, isolate: bool) -> dict[str, str]:
    """Give an environment for a command, without credentials when `isolate`."""
    return {
        name: value for name, value in env.items() if not isolate or not _CREDENTIAL.search(name)
    }


@dataclass(frozen=True)
class _Ended:
    """What a command printed, why it failed (empty when it did not), and what helps then."""

    output: str
    failure: str = ""
    remedy: str = _MEND


def _execute(
    argv: Sequence[str], env: Mapping[str, str], timeout: float, log: Callable[[str], None]
) -> _Ended:
    with tempfile.TemporaryDirectory(prefix="nix-ai-model-command-") as empty:
        lines = _Lines(log)
        try:
            ran = external.run(
                argv,
                cwd=Path(empty),
                env={"HOME": empty, **env},
                timeout=timeout,
                merge=True,
                tell=lines.take,
            )
        except OSError as error:
            return _Ended("", f"could not be started: {error.strerror}")
        lines.flush()
    output = mask(ran.stdout.decode("utf-8", "replace"))
    if ran.timed_out:
        return _Ended(output, f"did not end within {timeout:g} seconds")
    if not ran.failure and lines.passed_over:
        links = f"{lines.passed_over} links, and the files of a model are links"
        return _Ended(output, f"passed over {links}", _FOLLOW)
    return _Ended(output, ran.failure)


class _Lines:
    """Cuts output into lines for the log."""

    def __init__(self, log: Callable[[str], None]) -> None:
        self._log = log
        self._rest = b""
        self.passed_over = 0

    def take(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self.passed_over += bool(_PASSED_OVER.search(line))
            self._log(mask(line.decode("utf-8", "replace")))
        self._rest = self._rest[-OUTPUT_CHARACTERS:]

    def flush(self) -> None:
        if self._rest:
            self._log(mask(self._rest.decode("utf-8", "replace")))


def _judge(name: str, ended: _Ended, on_failure: str, seconds: float | None) -> CheckResult:
    kept = ended.output
    if len(kept) > OUTPUT_CHARACTERS:
        kept = f"{kept[:OUTPUT_CHARACTERS]}\n[cut after {OUTPUT_CHARACTERS} characters]\n"
    outcome = _OUTCOMES[on_failure] if ended.failure else "passed"
    findings = _findings(name, ended, outcome)
    return CheckResult(name, "", outcome, findings, ended.failure, seconds, kept)


def _findings(name: str, ended: _Ended, outcome: Outcome) -> tuple[Finding, ...]:
    if outcome not in ("failed", "warned"):
        return ()
    return (
        Finding(
            file="",
            check=name,
            severity="error" if outcome == "failed" else "warning",
            message=f"the command {ended.failure}",
            trigger=ended.failure,
            remedy=ended.remedy,
            rule="command-failed",
        ),
    )
