"""A multi-user Nix: a daemon with its own store at /nix, in a view of the machine of its own."""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import pytest

from tests.nix import ROOT

USER = "nobody"
SECONDS = 300
# Mounts and daemon are gone when the shell ends, whatever happens: it is the first process of a
# process namespace. The daemon gets an environment that holds no more than a service's would.
_SCRIPT = """
set -eu
rm -f /nix/var/nix/daemon-socket/socket # of the daemon before
env -i PATH="$PATH" HOME=/root NIX_CONF_DIR="$STATE/conf" nix-daemon >"$STATE/daemon.log" 2>&1 &
tries=0
until [ -S /nix/var/nix/daemon-socket/socket ]; do
  tries=$((tries + 1)); [ $tries -lt 200 ] || { cat "$STATE/daemon.log" >&2; exit 99; }
  sleep 0.05
done
exec setpriv --reuid "$USER_ID" --regid "$GROUP_ID" --clear-groups "$@"
"""


def need_root_and_nix() -> None:
    """Skip, with the reason, where no daemon can be started."""
    if os.getuid() != 0:
        pytest.skip("a multi-user daemon with a store of its own needs root")
    for program in ("nix-daemon", "unshare", "setpriv"):
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed")


class Daemon:
    """The daemon's files, and running commands as its ordinary user."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.home = state / "home"
        for folder in ("store/nix/store", "store/nix/var/nix", "conf", "home"):
            (state / folder).mkdir(parents=True)
        self.user = pwd.getpwnam(USER)
        os.chown(self.home, self.user.pw_uid, self.user.pw_gid)
        prefixes = sorted({sys.prefix, sys.base_prefix} - {"/usr"})
        links = " ".join(
            f"/{name}=/usr/{name}"
            for name in ("bin", "lib", "lib64")
            if Path("/usr", name).is_dir()
        )
        (state / "conf/nix.conf").write_text(
            "sandbox = true\nsandbox-fallback = false\nbuild-users-group =\nsubstituters =\n"
            f"extra-sandbox-paths = /usr {links} /etc/ssl {' '.join(prefixes)}\n"
            "experimental-features = nix-command\n"
        )

    def run(self, *words: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run a command as the user, with nothing in its environment but what is given."""
        user = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "NIX_REMOTE": "daemon",
            "NIX_CONF_DIR": str(self.state / "conf"),
            "NIX_AI_MODELS_PYTHON": sys.executable,
            "PYTHONDONTWRITEBYTECODE": "1",
            **environ,
        }
        assignments = [f"{name}={value}" for name, value in user.items()]
        # NB: not as words of `env`, or the test itself would put secrets into an argument list.
        script = self.home / "environment"
        script.write_text("".join(f"export '{line}'\n" for line in assignments))
        script.chmod(0o644)
        return subprocess.run(
            [
                *("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"),
                *(str(ROOT / "scripts/with-store"), "sh", "-c", _SCRIPT, "sh"),
                *("env", "-i", "sh", "-c", '. "$0"; exec "$@"', str(script), *map(str, words)),
            ],
            env={
                "PATH": os.environ["PATH"],
                "STATE": str(self.state),
                "NIX_AI_MODELS_NIX_STATE": str(self.state),
                "USER_ID": str(self.user.pw_uid),
                "GROUP_ID": str(self.user.pw_gid),
            },
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def build(self, expression: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Build an expression as the user."""
        return self.run("nix-build", "--no-out-link", "-E", _with_lib(expression), **environ)


def _with_lib(expression: str) -> str:
    toolchain = f'import {ROOT}/lib/toolchains/host.nix {{ python = "{sys.executable}"; }}'
    return f"let lib = import {ROOT} {{ toolchain = {toolchain}; }}; in {expression}"


@contextmanager
def daemon() -> Iterator[Daemon]:
    """Give a daemon's directory, which other users can enter, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="daemon-") as folder:
        Path(folder).chmod(0o755)
        yield Daemon(Path(folder))


class Watch:
    """Looks for a secret in every process's arguments, and in the daemons' environments."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()
        self.found: set[str] = set()
        self.daemons = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.01):
            for process in Path("/proc").iterdir():
                if process.name.isdecimal():
                    self._look(process)

    def _look(self, process: Path) -> None:
        try:
            arguments = (process / "cmdline").read_bytes()
            if self._secret in arguments:
                self.found.add(arguments.replace(b"\0", b" ").decode("utf-8", "replace"))
            # With --stdio it is a process of the user's own, which passes on to the daemon.
            if b"nix-daemon" in arguments.split(b"\0")[0] and b"--stdio" not in arguments:
                self.daemons += 1
                if self._secret in (process / "environ").read_bytes():
                    self.found.add("the daemon's environment")
        except OSError:
            pass
