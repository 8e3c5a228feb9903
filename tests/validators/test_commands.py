"""The user's own commands: what they see, how they end, and what that means."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from common.errors import UsageError
from common.secrets import remember
from validators.runner import run_command


def run(command: str, root: Path, **options: object):
    return run_command("mine", command, src=root, out=root, **options)


def ended(process: int) -> bool:
    """Whether a process is gone, or only waits to be buried."""
    for _ in range(40):
        state = subprocess.run(
            ["ps", "-o", "stat=", "-p", f"{process}"], capture_output=True, check=False
        ).stdout
        if not state.strip() or state.startswith(b"Z"):
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize(
    ("on_failure", "outcome"),
    [("abort", "failed"), ("fail", "failed"), ("persist", "failed"), ("warn", "warned"),
     ("skip", "skipped"), ("ignore", "passed")],
)  # fmt: skip
def test_on_failure(on_failure: str, outcome: str, tmp_path: Path) -> None:
    result = run("echo no; exit 7", tmp_path, on_failure=on_failure)
    assert (result.outcome, result.output) == (outcome, "no\n")
    assert result.detail == "ended with status 7"
    assert run("true", tmp_path, on_failure=on_failure).outcome == "passed"


def test_unknown_on_failure(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="onFailure"):
        run("true", tmp_path, on_failure="explode")


def test_variables(tmp_path: Path) -> None:
    command = 'echo "$src|$out|$MODEL_NAME|$MODEL_SIZE"; ls -A . | wc -l'
    result = run_command(
        "mine", command, src=Path("/in"), out=Path("/res"), model_name="m n", model_size=7
    )
    assert result.output.split() == ["/in|/res|m", "n|7", "0"]


def test_time_out_ends_everything_it_started(tmp_path: Path) -> None:
    started = time.monotonic()
    command = "sleep 50 & echo $! > $out/pid; sleep 50"
    result = run(command, tmp_path, timeout=1.0)
    assert time.monotonic() - started < 8
    assert (result.outcome, result.detail) == ("failed", "did not end within 1 seconds")
    assert ended(int((tmp_path / "pid").read_text()))


def test_what_is_left_running_is_ended(tmp_path: Path) -> None:
    assert run("sleep 50 & echo $! > $out/pid", tmp_path).outcome == "passed"
    assert ended(int((tmp_path / "pid").read_text()))


def test_output_is_bounded_masked_and_logged(tmp_path: Path) -> None:
    remember("s3cr3t-value")
    lines: list[str] = []
    result = run("echo s3cr3t-value >&2; yes | head -c 300000", tmp_path, log=lines.append)
    assert "s3cr3t" not in result.output + "".join(lines)
    assert lines[0] == "***"
    assert len(result.output) < 20_000
    assert len(lines) > 100_000


def test_a_scanner_that_passed_over_links_has_not_passed(tmp_path: Path) -> None:
    said = 'echo "$src/a.bin: Symbolic link"; echo "Scanned files: 0"'
    result = run(said, tmp_path)
    assert (result.outcome, result.output.count("\n")) == ("failed", 2)
    assert result.detail == "passed over 1 links, and the files of a model are links"
    assert "--follow-file-symlinks=2" in result.findings[0].remedy
    assert "follow" not in run(f"{said}; exit 1", tmp_path).findings[0].remedy


def test_credentials_stay_out(tmp_path: Path) -> None:
    env = {
        "PATH": os.environ["PATH"], "HF_TOKEN": "a", "AWS_SECRET_ACCESS_KEY": "b", "LANG": "C",
        "NETRC": "c", "MY_PASSWORD": "d", "GOOGLE_APPLICATION_CREDENTIALS": "e",
        "SSH_AUTH_SOCK": "f",
    }  # fmt: skip
    seen = run("env", tmp_path, env=env).output
    assert "LANG=C" in seen
    assert not [name for name in env if f"{name}=" in seen and name not in ("PATH", "LANG")]
    assert "HF_TOKEN=a" in run("env", tmp_path, env=env, isolate_credentials=False).output


def test_shell_that_is_not_there(tmp_path: Path) -> None:
    result = run("true", tmp_path, shell=("/no/such/shell",))
    assert result.outcome == "failed"
    assert "could not be started" in result.detail


def test_reproducible(tmp_path: Path) -> None:
    assert run("echo a", tmp_path) == run("echo a", tmp_path)
    assert run("echo a", tmp_path, timing=True).seconds is not None
