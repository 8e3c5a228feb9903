"""Starting other people's servers for a test: installed on demand, on a free port, stopped by pid.

A server written in Python gets a virtual environment of its own below ``.build/servers``, from
``requirements/NAME.txt`` beside this file; others are Debian packages (``scripts/setup-servers``).
What cannot be had is a skip that says why.
"""

import fcntl
import functools
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
INSTALLED = ROOT / ".build" / "servers"
REQUIREMENTS = Path(__file__).parent / "requirements"
HOST = "127.0.0.1"
START_SECONDS = 90  # until it answers; two workers on a busy machine import slowly
STOP_SECONDS = 10
POLL_SECONDS = 0.05
INSTALL_SECONDS = 900
SHOWN_CHARACTERS = 600  # of an installer's or a server's own words
# The user's proxies and settings must not come between a test and its server.
_FOREIGN = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


def free_port() -> int:
    """Give a port that nobody listens on.

    NB: another process may take it first; the server then ends, and `running` says so.
    """
    with socket.create_server((HOST, 0)) as server:
        return server.getsockname()[1]


def need_program(program: str, package: str) -> str:
    """Give the path of a program of the system, or skip the test, naming its Debian package."""
    found = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found is None:
        pytest.skip(f"{program} is missing: scripts/setup-servers, or apt-get install {package}")
    return found


def need_python(name: str) -> Path:
    """Give the ``bin`` of the virtual environment with ``requirements/NAME.txt``, or skip the test.

    The first caller installs it; others, in other processes too, wait for that.
    """
    bin_, reason = _python_environment(name)
    if reason:
        pytest.skip(f"the {name} server cannot be installed: {reason}")
    return bin_


def need_node(package: str, version: str, *more: str) -> Path:
    """Give the directory of a package of npm at a version, or skip the test; see `need_python`.

    `more` are words for npm beside those: options, and packages to have with it.
    """
    folder = INSTALLED / package
    npm = [need_program("npm", "npm"), "install", "--prefix", str(folder), "--no-audit"]
    npm += ["--no-fund", "--no-save", "--no-package-lock", f"{package}@{version}", *more]
    reason = _once(package, " ".join((version, *more)), lambda: _run(npm))
    if reason:
        pytest.skip(f"{package} cannot be installed: {reason}")
    return folder / "node_modules" / package


@functools.cache
def _python_environment(name: str) -> tuple[Path, str]:
    requirements, venv = REQUIREMENTS / f"{name}.txt", INSTALLED / name
    want = hashlib.sha256(requirements.read_bytes()).hexdigest()
    return venv / "bin", _once(name, want, lambda: _install(venv, requirements))


def _once(name: str, want: str, install: Callable[[], str]) -> str:
    """Install what is not there as it is wanted; give the reason when that fails."""
    stamp = INSTALLED / f"{name}.stamp"
    INSTALLED.mkdir(parents=True, exist_ok=True)
    with (INSTALLED / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.exists() and stamp.read_text() == want:
            return ""
        reason = install()
        if not reason:
            stamp.write_text(want)
    return reason


def _install(venv: Path, requirements: Path) -> str:
    python = venv / "bin" / "python3"
    # The files pin everything, and some wheels declare less or more than they need.
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    pip += ["--no-deps", "--requirement", str(requirements)]
    base = getattr(sys, "_base_executable", sys.executable)
    return _run([base, "-m", "venv", "--clear", str(venv)]) or _run(pip)


def _run(command: Sequence[str]) -> str:
    """Run an installer; give what it says when it fails, else nothing."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    words = " ".join((done.stderr or done.stdout).split())[-SHOWN_CHARACTERS:]
    return words or f"status {done.returncode}" if done.returncode else ""


@contextmanager
def running(
    command: Sequence[str | Path],
    ready: str | Callable[[], bool],
    log: Path,
    *,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends.

    Args:
        command: its words; it must stay in the foreground.
        ready: an address that answers (any status) once it serves, or a test for that.
        log: a file for what it prints.
        environ: added to the environment, from which proxies are taken away.
        cwd: its working directory; the log's by default.

    Raises:
        RuntimeError: it ended, or did not answer in time; the text holds the end of its log.
    """
    alone = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
    with log.open("ab") as out:
        process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env=alone | dict(environ or {}),
            cwd=cwd or log.parent,
            start_new_session=True,
        )
    try:
        _wait(process, (lambda: _answers(ready)) if isinstance(ready, str) else ready, log)
        yield process
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End a server and what it started: workers of some outlive the one that began them."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, sign)  # its own session, so its own group
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)


def _wait(process: subprocess.Popen[bytes], ready: Callable[[], bool], log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < until:
        if ready():
            return
        time.sleep(POLL_SECONDS)
    end = log.read_text(errors="replace")[-SHOWN_CHARACTERS:]
    raise RuntimeError(f"{process.args} did not start (status {process.poll()}):\n{end}")


def _answers(url: str) -> bool:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        direct.open(url, timeout=5).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True
