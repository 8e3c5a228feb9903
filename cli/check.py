"""The checks of `doctor`: each looks at one thing and says what it found, and the mend."""

import getpass
import importlib.util
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cli import nix_store
from common.errors import ModelError
from common.persistent import FOLDER
from common.progress import show_bytes
from common.secrets import public_url
from fetchers.auth import HUB_TOKEN_VARIABLES

OLDEST_NIX = (2, 4)
LITTLE_SPACE = 20 << 30  # bytes; less than one model of middle size
_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE")
_TRUE = ("1", "true", "yes", "on")
_TEST_PATH = "00000000000000000000000000000000-nix-ai-model-doctor"
_PACKAGES = {
    "requests": "every download",
    "huggingface_hub": "resolving Hugging Face references",
    "boto3": "S3",
}

Level = Literal["ok", "note", "warning", "problem"]


@dataclass(frozen=True)
class Finding:
    """What a check found.

    Attributes:
        subject: what was looked at.
        level: ``problem`` is what makes the exit status 1.
        says: one sentence.
        mend: something to paste; empty where nothing is to be done.
    """

    subject: str
    level: Level
    says: str
    mend: str = ""


def check_nix() -> Iterator[Finding]:
    """Look at Nix: version, store, daemon, sandbox, trust."""
    if not nix_store.present():
        yield Finding("nix", "problem", "not installed, or not on PATH", nix_store.NO_NIX)
        return
    said = nix_store.call("nix-store", "--version", fails=True).stdout
    found = re.search(r"(\d+)\.(\d+)", said)
    version = (int(found[1]), int(found[2])) if found else (0, 0)
    if version < OLDEST_NIX:
        mend = "nix upgrade-nix"
        yield Finding("nix", "problem", f"{said.strip()} is older than 2.4", mend)
    else:
        yield Finding("nix", "ok", said.strip())
    try:
        nix_store.invalid([f"{nix_store.folder()}/{_TEST_PATH}"])
    except ModelError as error:
        mend = "systemctl start nix-daemon; your user in the group that allowed-users names"
        yield Finding("store", "problem", f"cannot be used: {error.got}", mend)
        return
    yield from _store()
    yield from _sandbox()


def _store() -> Iterator[Finding]:
    chosen = nix_store.setting("store") or "auto"
    own = chosen.startswith(("/", "local")) or (
        chosen == "auto" and os.access(nix_store.real(nix_store.folder()), os.W_OK)
    )
    if own:
        says = "builds run as you, so a token in your environment reaches them"
        yield Finding("store", "ok", f"your own ({chosen}): {says}")
        return
    held = [name for name in HUB_TOKEN_VARIABLES if os.environ.get(name)]
    says = "builds run in the daemon's environment, where your variables are not"
    mend = "nix-ai-model fetch NAME downloads as you; a build then needs no token"
    yield Finding("store", "warning" if held else "note", f"a daemon's ({chosen}): {says}", mend)
    trusted = nix_store.setting("trusted-users").split()
    user = getpass.getuser()
    if user in trusted and os.getuid():
        says = f"{user} is trusted by the daemon, which is as good as being root"
        yield Finding("trust", "warning", says, f"remove {user} from trusted-users in nix.conf")
    elif os.getuid():
        yield Finding("trust", "ok", f"{user} is not trusted by the daemon, and need not be")


def _sandbox() -> Iterator[Finding]:
    sandbox = nix_store.setting("sandbox")
    if sandbox in ("true", "relaxed"):
        yield Finding("sandbox", "ok", f"sandbox = {sandbox}")
    elif sys.platform == "linux":
        says = "builds see the whole machine, its files of credentials included"
        yield Finding("sandbox", "warning", says, "sandbox = true in nix.conf")
    paths = f"{nix_store.setting('sandbox-paths')} {nix_store.setting('extra-sandbox-paths')}"
    if FOLDER.is_dir() and str(FOLDER) not in paths:
        says = f"{FOLDER} is there, but builds do not see it: partial files are lost with them"
        mend = f"extra-sandbox-paths = {FOLDER} in nix.conf"
        yield Finding("partial files", "warning", says, mend)


def check_python() -> Iterator[Finding]:
    """Look at the interpreter and its packages."""
    missing = {name: use for name, use in _PACKAGES.items() if not importlib.util.find_spec(name)}
    version = ".".join(map(str, sys.version_info[:3]))
    if not missing:
        yield Finding("python", "ok", version)
    for name, use in missing.items():
        says = f"{version} lacks {name}, which {use} needs"
        yield Finding("python", "warning", says, "nix run .#nix-ai-model, or scripts/setup")


def check_environment(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Look for variables that surprise."""
    for name in _OFFLINE:
        if environ.get(name, "").lower() in _TRUE:
            says = "is set: references are not resolved, and clients ask no hub"
            yield Finding(name, "warning", says, f"unset {name}")
    if environ.get("HF_ENDPOINT"):
        where = public_url(environ["HF_ENDPOINT"])
        yield Finding("HF_ENDPOINT", "note", f"the hub is {where}, which gets your token")
    if environ.get("TRANSFORMERS_CACHE"):
        says = "is ignored by transformers 5"
        mend = "unset TRANSFORMERS_CACHE; export HF_HOME=…"
        yield Finding("TRANSFORMERS_CACHE", "warning", says, mend)
    several = [name for name in HUB_TOKEN_VARIABLES if environ.get(name)]
    if len({environ[name] for name in several}) > 1:
        says = f"hold different tokens; {several[0]} is used"
        yield Finding(", ".join(several), "warning", says, f"unset {' '.join(several[1:])}")


def check_space(cache: Path) -> Iterator[Finding]:
    """Look at the disks that downloads need."""
    places = {"disk of the store": nix_store.place() if nix_store.present() else Path("/")}
    places["disk of partial files"] = next(
        path for path in (cache, *cache.parents) if path.exists()
    )
    for subject, place in places.items():
        free = shutil.disk_usage(place).free
        says = f"{show_bytes(free)} free at {place}"
        if free < LITTLE_SPACE:
            yield Finding(subject, "warning", says, "nix-ai-model gc; nix-collect-garbage")
        else:
            yield Finding(subject, "ok", says)
