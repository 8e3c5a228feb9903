"""The independent peer: olah, a hub mirror that others wrote, over a git+LFS repository.

It needs ``olah`` (PyPI) beside the running Python or on PATH, and ``git-lfs``. Known of 0.5.4 in
mirror mode: Range is ignored (200), ETags are bare, LFS is not redirected, GET states no length,
a missing file is 401 for HEAD and 500 for GET, a missing revision is 401 RepoNotFound, a listing
redirects to its address with a slash and comes in one page, auth-check and whoami-v2 are missing.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.hub.repos import LFS_SUFFIXES, Repo

HOST = "127.0.0.1"
START_SECONDS = 60  # until it answers; a busy machine imports slowly
STOP_SECONDS = 10
WHEN = "2026-01-02T03:04:05Z"  # the same files give the same commit every time


@dataclass(frozen=True)
class Olah:
    """A running mirror: where it is, and the commit of each repository by its id."""

    endpoint: str
    commits: Mapping[str, str]


def program() -> str:
    """Give the path of ``olah-cli``, or skip the test."""
    beside = str(Path(sys.executable).parent)
    found = shutil.which("olah-cli", path=f"{beside}{os.pathsep}{os.environ.get('PATH', '')}")
    if found is None:
        pytest.skip("olah is missing: pip install olah==0.5.4")
    if shutil.which("git-lfs") is None:
        pytest.skip("git-lfs is missing: apt-get install git-lfs")
    return found


@contextmanager
def mirror(root: Path, *repos: Repo) -> Iterator[Olah]:
    """Serve the branch ``main`` of repositories by olah until the block ends.

    Args:
        root: an empty directory for the git repositories, olah's settings and logs.
        repos: contents are copied.
    """
    command = program()
    commits = {repo.id: build_repository(root, repo) for repo in repos}
    port = _free_port()
    settings = root / "olah.toml"
    settings.write_text(_settings(root, port))
    arguments = [command, "--config", str(settings), "--host", HOST, "--port", str(port)]
    arguments += ["--log-path", str(root / "logs")]
    with (root / "olah.out").open("wb") as out:
        process = subprocess.Popen(arguments, stdout=out, stderr=out, cwd=root)
    try:
        endpoint = f"http://{HOST}:{port}"
        _wait(process, endpoint, root / "olah.out")
        yield Olah(endpoint, commits)
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def build_repository(root: Path, repo: Repo) -> str:
    """Commit a repository's files with git and LFS where olah looks for it; gives the commit."""
    work = root / "mirrors" / f"{repo.kind}s" / repo.id
    work.mkdir(parents=True)
    for path, content in repo.files.items():
        target = work / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Path):
            shutil.copyfile(content, target)
        elif isinstance(content, bytes):
            target.write_bytes(content)
        else:
            raise TypeError(f"git cannot hold a sparse file: {path}")
    if ".gitattributes" not in repo.files:
        rules = (f"*{suffix} filter=lfs diff=lfs merge=lfs -text\n" for suffix in LFS_SUFFIXES)
        (work / ".gitattributes").write_text("".join(rules))
    _git(work, "init", "--quiet", "--initial-branch=main")
    _git(work, "lfs", "install", "--local", "--skip-smudge")
    _git(work, "add", "--all", "--force")
    _git(work, "commit", "--quiet", "--message", "Upload", "--no-gpg-sign")
    return _git(work, "rev-parse", "HEAD")


def _git(work: Path, *arguments: str) -> str:
    who = {"NAME": "Test", "EMAIL": "test@example.org", "DATE": WHEN}
    identity = {f"GIT_{role}_{k}": v for role in ("AUTHOR", "COMMITTER") for k, v in who.items()}
    # The user's own git settings (filters, hooks, signing) must not matter.
    alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(
        ["git", *arguments],
        cwd=work,
        env=os.environ | identity | alone,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return done.stdout.strip()


def _settings(root: Path, port: int) -> str:
    return f"""
[basic]
host = "{HOST}"
port = {port}
repos-path = "{root / "cache"}"
mirrors-path = ["{root / "mirrors"}"]

[accessibility]
offline = true
"""


def _free_port() -> int:
    # NB: another process may take it before olah does; olah then ends and `_wait` says so.
    with socket.create_server((HOST, 0)) as server:
        return int(server.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], endpoint: str, out: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < until:
        try:
            urllib.request.urlopen(endpoint, timeout=1).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"olah did not start:\n{out.read_text(errors='replace')}")
