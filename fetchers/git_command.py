"""Running git: never asking, running nothing foreign, credentials for one host, errors reworded."""

import base64
import re
import subprocess
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from common.errors import AuthError, ModelError, NotFoundError, TransferError, UsageError
from common.secrets import mask, public_url
from fetchers.context import Context
from fetchers.credentials import git_login
from fetchers.http import certificates
from fetchers.retry import Interrupted

COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
PROTOCOLS = "file:git:http:https:ssh"  # and never ext, which runs commands
_ADDRESS = re.compile(r"(https?|ssh|git|file)://.+|[A-Za-z0-9_][^:/@]*(@[^:/]+)?:(?!:|//).+|/.*")
# Of a surrounding repository, as when a hook runs this.
_FOREIGN = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE")
_WORDS = 300  # characters of git's own message that an error repeats
_REFUSED = ("Authentication failed", "could not read Username", "Permission denied", "error: 403")
_GONE = ("not found", "does not appear to be a git repository", "does not exist")
_NO_REVISION = ("couldn't find remote ref", "not our ref", "unadvertised object", "bad object")
_PASSING = (
    *("Could not resolve", "Failed to connect", "Couldn't connect", "early EOF", "RPC failed"),
    *("error: 5", "error: 429", "Connection reset", "timed out", "too slow", "hung up"),
)


def check_address(url: str) -> str:
    """Return the address of a repository unchanged.

    Raises:
        UsageError: git cannot fetch from it, would take it for an option, or it has a password.
    """
    if not _ADDRESS.fullmatch(url) or url.startswith("-"):
        remedy = "https://HOST/PATH.git, ssh://HOST/PATH, git@HOST:PATH, file:///PATH"
        raise UsageError("this is no address of a git repository", repr(public_url(url)), remedy)
    if "://" in url and urlsplit(url).password:
        remedy = "the address without it, and GIT_USERNAME and GIT_PASSWORD in the environment"
        raise UsageError("an address holds a password", public_url(url), remedy)
    return url


def environment(url: str, context: Context) -> dict[str, str]:
    """Give git its environment: never asks, runs no foreign program, credentials for one host."""
    own = {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": PROTOCOLS,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "LC_ALL": "C",
    }
    bundle = certificates(context)
    if isinstance(bundle, str):
        own["GIT_SSL_CAINFO"] = bundle
    settings = {
        "http.lowSpeedLimit": "1",
        "http.lowSpeedTime": str(max(1, round(context.stall))),
        "core.hooksPath": "/dev/null",
        "gc.auto": "0",
        "maintenance.auto": "false",
    }
    login = git_login(url, context)
    if login:
        pair = f"{login[0]}:{login[1].reveal()}"
        parts = urlsplit(url)
        key = f"http.{parts.scheme}://{parts.netloc.rpartition('@')[2]}/.extraHeader"
        settings[key] = f"Authorization: Basic {base64.b64encode(pair.encode()).decode()}"
    around = {name: value for name, value in context.environ.items() if name not in _FOREIGN}
    return {**around, **own, **_numbered(settings, context.environ)}


def _numbered(settings: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """Write settings as git reads them from the environment, after those that are there."""
    count = environ.get("GIT_CONFIG_COUNT", "")
    start = int(count) if count.isdecimal() else 0
    numbered = {"GIT_CONFIG_COUNT": str(start + len(settings))}
    for index, (key, value) in enumerate(settings.items(), start):
        numbered |= {f"GIT_CONFIG_KEY_{index}": key, f"GIT_CONFIG_VALUE_{index}": value}
    return numbered


def call(
    command: Sequence[str], environ: Mapping[str, str], stdin: bytes = b""
) -> "subprocess.CompletedProcess[bytes]":
    """Run a command; the caller looks at its status.

    Raises:
        ModelError: there is no git.
    """
    try:
        return subprocess.run(
            command, input=stdin, capture_output=True, env=dict(environ), check=False
        )
    except FileNotFoundError as error:
        raise ModelError("git is not installed", None, "nix shell nixpkgs#git") from error


def explain(stderr: bytes, url: str, revision: str) -> Exception:
    """Turn what git says into an error of ours; `Interrupted` for what may pass."""
    text = stderr.decode("utf-8", "replace")
    told = [line for line in text.splitlines() if line.startswith(("fatal:", "error:", "remote:"))]
    words = mask(" ".join(told or text.splitlines()))[:_WORDS]
    where = public_url(url)
    if any(sign in text for sign in _NO_REVISION):
        return no_revision(url, revision)
    if any(sign in text for sign in _REFUSED):
        remedy = f"export GIT_USERNAME=… GIT_PASSWORD=…, or a netrc entry for {where}"
        return AuthError(f"{where} refuses access", words, remedy)
    if any(sign in text for sign in _PASSING):
        return Interrupted(f"git cannot fetch from {where} ({words})")
    if any(sign in text for sign in _GONE):
        return NotFoundError(f"{where} does not exist, or is private", words)
    return TransferError(f"git cannot fetch from {where}", words)


def no_revision(url: str, revision: str) -> NotFoundError:
    """Say that a repository has no such revision."""
    where = public_url(url)
    if re.fullmatch(r"[0-9a-f]{7,39}", revision):
        what = f"{where} cannot be asked for a shortened commit"
        return NotFoundError(what, repr(revision), f"all 40 digits: git rev-parse {revision}")
    return NotFoundError(f"{where} has no such revision", repr(revision), f"git ls-remote {where}")
