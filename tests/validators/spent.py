"""What a scan takes, start-up and other people's scanners included."""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.measure import ROOT, Peak


@dataclass(frozen=True)
class Spent:
    """How a command ended.

    Attributes:
        wall: seconds.
        cpu: seconds of all its processes together.
        mebibytes: of memory at most, of all its processes together.
        output: what it printed; None when it was ended.
        status: exit status.
    """

    wall: float
    cpu: float
    mebibytes: float
    output: str | None
    status: int


def spend(command: list[object], cwd: Path = ROOT, timeout: float = 300.0) -> Spent:
    """Run a command, and end it when its time is over."""
    with tempfile.TemporaryFile("w+") as output:
        begun = time.monotonic()
        process = subprocess.Popen(
            [str(word) for word in command],
            cwd=cwd,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=output,
            stderr=subprocess.DEVNULL,
        )
        peak, late = Peak(process.pid), threading.Event()
        timer = threading.Timer(timeout, lambda: (late.set(), process.kill()))
        timer.start()
        _, process.returncode, used = _waited(process.pid)
        timer.cancel()
        wall = time.monotonic() - begun
        output.seek(0)
        text = None if late.is_set() else output.read()
    memory = peak.stop()["together"] / 2**20
    return Spent(wall, used.ru_utime + used.ru_stime, memory, text, process.returncode)


def _waited(pid: int) -> tuple[int, int, Any]:
    pid, status, used = os.wait4(pid, 0)
    return pid, os.waitstatus_to_exitcode(status), used


def scan(root: Path, timeout: float = 300.0) -> tuple[Spent, list[dict[str, str]]]:
    """Run `nix-ai-model scan` with all default checks; gives its findings, too."""
    spent = spend([sys.executable, "-P", "-m", "cli", "scan", "--json", root], ROOT, timeout)
    if spent.output is None:
        return spent, []
    (told,) = json.loads(spent.output)["paths"]
    found = [finding for file in told["files"] for finding in file["findings"]]
    failed = [
        check for check in told["checks"] if check.get("detail") and check["outcome"] == "failed"
    ]
    return spent, [*found, *({"rule": "failed", "severity": "error"} for _ in failed)]
