"""What the benchmarks share: a hub with weights, and the time, memory and disk a command takes."""

import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REPO = "bench/weights"
SAMPLE_SECONDS = 0.02


def start_hub(work: Path, count: int, size: int) -> subprocess.Popen[bytes]:
    directory = work / "hub/models" / REPO
    directory.mkdir(parents=True)
    block = os.urandom(1 << 20)
    for number in range(1, count + 1):
        with (directory / f"model-{number:05}.safetensors").open("wb") as file:
            for index in range(size >> 20):
                file.write(bytes([number, index & 255]) + block[2:])
    port = work / "port"
    command = [sys.executable, "-m", "tests.hub", "--root", work / "hub", "--port-file", port]
    hub = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    while not port.exists():
        time.sleep(0.05)
    os.environ["HF_ENDPOINT"] = f"http://127.0.0.1:{port.read_text().strip()}"
    os.environ["HF_HUB_DISABLE_XET"] = os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    return hub


def toolchain() -> str:
    return f'(import {ROOT}/lib/toolchains/host.nix {{ python = builtins.getEnv "NIX_AI_MODELS_PYTHON"; }})'


def timed(command: list[object], environ: dict[str, str]) -> dict[str, float]:
    log = tempfile.TemporaryFile()
    begun = time.monotonic()
    process = subprocess.Popen([str(word) for word in command], env=environ, stdout=log, stderr=log)
    peak = Peak(process.pid)
    status = process.wait()
    wall = time.monotonic() - begun
    if status:
        log.seek(0)
        sys.exit(f"error: {command[0]} failed:\n{log.read().decode()}")
    return {"wall": wall} | peak.stop()


class Peak:
    """Watches the resident memory of a process and all below it: the largest, and all together."""

    def __init__(self, pid: int) -> None:
        self._pid, self._largest, self._together = pid, 0, 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> dict[str, float]:
        self._stop.set()
        self._thread.join()
        return {"memory": float(self._largest), "together": float(self._together)}

    def _watch(self) -> None:
        while not self._stop.wait(SAMPLE_SECONDS):
            pids = self._below(self._pid)
            self._largest = max([self._largest, *(_status(pid, "VmHWM:") for pid in pids)])
            self._together = max(self._together, sum(_share(pid) for pid in pids))

    def _below(self, pid: int) -> list[int]:
        try:
            children = [
                int(child)
                for task in Path(f"/proc/{pid}/task").iterdir()
                for child in (task / "children").read_text().split()
            ]
        except OSError:
            return []
        return [pid, *(deeper for child in children for deeper in self._below(child))]


def _share(pid: int) -> int:
    """Give a process's memory, what it shares with others in parts (so that forks do not count)."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return next(
        (int(line.split()[1]) << 10 for line in rollup.splitlines() if line.startswith("Pss:")), 0
    )


def _status(pid: int, key: str) -> int:
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(key):
                return int(line.split()[1]) << 10
    except OSError:
        pass
    return 0


def disk_used(directory: Path) -> float:
    seen, total = set(), 0
    for path in directory.rglob("*"):
        stat = path.lstat()
        if stat.st_ino not in seen:
            seen.add(stat.st_ino)
            total += stat.st_blocks * 512
    return float(total)
