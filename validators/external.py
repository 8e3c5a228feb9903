"""Running other programs apart: from an empty directory, bounded in time, memory and output."""

import contextlib
import os
import resource
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

OUTPUT_BYTES = 1 << 20  # kept of each stream
GRACE_SECONDS = 2.0  # between asking a program to end and ending it
_READ_BYTES = 64 << 10


@dataclass(frozen=True)
class Ran:
    """How a program ended.

    Attributes:
        status: exit status; negative for a signal.
        stdout: what it printed, up to the limit.
        stderr: likewise.
        timed_out: whether it was ended because its time was over.
    """

    status: int
    stdout: bytes
    stderr: bytes
    timed_out: bool

    @property
    def failure(self) -> str:
        """Why it did not end well, in words; empty when its status is 0."""
        if self.timed_out:
            return "ran out of time"
        if self.status < 0:
            return f"was ended by {signal.Signals(-self.status).name}"
        return f"ended with status {self.status}" if self.status else ""


class _Drain(threading.Thread):
    """Reads a pipe to its end and keeps the first bytes, so that the writer never blocks."""

    def __init__(self, pipe: IO[bytes], limit: int, tell: Callable[[bytes], None] | None) -> None:
        super().__init__(daemon=True)
        self._pipe, self._limit, self._tell = pipe, limit, tell
        self.kept = bytearray()
        self.start()

    def run(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            while data := os.read(self._pipe.fileno(), _READ_BYTES):
                self.kept += data[: max(self._limit - len(self.kept), 0)]
                if self._tell:
                    self._tell(data)


def run(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    timeout: float,
    memory: int | None = None,
    stdin: bytes = b"",
    merge: bool = False,
    limit: int = OUTPUT_BYTES,
    tell: Callable[[bytes], None] | None = None,
) -> Ran:
    """Run a program in a session of its own, and end the whole session when its time is over.

    Args:
        argv: program and arguments.
        cwd: working directory.
        env: the whole environment.
        timeout: seconds.
        memory: bytes of data each of its processes may have; None for no limit.
        stdin: what it reads.
        merge: whether stderr goes into stdout, in order.
        limit: bytes kept of each stream.
        tell: is given the output as it comes.

    Raises:
        OSError: the program cannot be started.
    """
    with subprocess.Popen(
        list(argv),
        cwd=cwd,
        env=dict(env),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if merge else subprocess.PIPE,
        start_new_session=True,
        preexec_fn=None if memory is None else lambda: limit_memory(memory),  # noqa: PLW1509
    ) as process:
        assert process.stdin and process.stdout  # noqa: S101, PT018 - pipes were asked for
        drains = [_Drain(process.stdout, limit, tell)]
        if process.stderr:
            drains.append(_Drain(process.stderr, limit, tell))
        threading.Thread(target=_feed, args=(process.stdin, stdin), daemon=True).start()
        try:
            timed_out = not _ends(process, timeout)
        finally:
            _end_session(process)
        for drain in drains:
            drain.join(GRACE_SECONDS)  # a process that left the session may still hold the pipe
    outputs = [bytes(drain.kept) for drain in drains] + [b""]
    return Ran(process.returncode, outputs[0], outputs[1], timed_out)


def _ends(process: "subprocess.Popen[bytes]", timeout: float) -> bool:
    """Wait for a program; whether it ended in time."""
    if hasattr(os, "pidfd_open"):  # where there is none, Python looks every 50 ms
        descriptor = os.pidfd_open(process.pid)
        try:
            poll = select.poll()
            poll.register(descriptor, select.POLLIN)
            return bool(poll.poll(timeout * 1000))
        finally:
            os.close(descriptor)
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        return False
    return True


def _feed(pipe: IO[bytes], data: bytes) -> None:
    with contextlib.suppress(OSError), pipe:
        pipe.write(data)


def _end_session(process: "subprocess.Popen[bytes]") -> None:
    """End the program, and what it left running; politely first, so that it can do the same."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_SECONDS)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def limit_memory(size: int) -> None:
    """Limit the data of this process, where the system can.

    Linux counts private memory, not mapped files, under RLIMIT_DATA; Darwin accepts and ignores
    it, so there `watch_memory` is what counts.
    """
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_DATA, (size, size))
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def watch_memory(size: int, status: int) -> None:
    """End this process with `status` as soon as it has ever used more than `size` bytes.

    NB: not on Linux, where `limit_memory` does it: there a process begins with the highest use
    of the one that started it, so a small check under a large parent would be ended at once.
    """

    def watch() -> None:
        pause = threading.Event()
        while resource.getrusage(resource.RUSAGE_SELF).ru_maxrss <= size:
            pause.wait(0.1)
        os._exit(status)

    if sys.platform != "linux":
        threading.Thread(target=watch, daemon=True).start()
