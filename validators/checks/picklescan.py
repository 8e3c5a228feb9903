"""picklescan as a second opinion, where `security.scanners` names it.

It has no machine-readable output, so its lines are read, and its count of files has to be right.
See https://github.com/mmaitre314/picklescan.
"""

import re
from collections.abc import Generator, Iterator
from importlib import metadata

from common.errors import ModelError
from common.findings import Finding
from validators import scanners
from validators.base import NOT_STARTED, Check, Model
from validators.scanners import Exhibit

NAME = "picklescan"
_FOUND = re.compile(r"^(?P<path>.+): (?P<verdict>\w+) import '(?P<name>.+)' FOUND$", re.MULTILINE)
_SCANNED = re.compile(r"^Scanned files: (\d+)$", re.MULTILINE)
_VERDICTS = frozenset({"dangerous", "unknown"})


def run(model: Model) -> Generator[Finding, None, str | None]:
    """Show it every pickle by itself; returns its version."""
    yield from scanners.not_shown(model, NAME)
    with scanners.workplace() as root:
        shown = scanners.lone_pickles(model, root)
        if not shown:
            return None
        for exhibit in shown:
            ran = scanners.start(model, NAME, ["-p", str(exhibit.shown)], root)
            text = ran.stdout.decode("utf-8", "replace")
            yield from _findings(model, exhibit, text + ran.stderr.decode("utf-8", "replace"))
    return _version()


def _findings(model: Model, exhibit: Exhibit, text: str) -> Iterator[Finding]:
    allowed = set(model.security.get("allowGlobals") or ())
    scanned = _SCANNED.search(text)
    for match in _FOUND.finditer(text):
        name = match["name"].replace(" ", ".")
        if match["verdict"] in _VERDICTS and name not in allowed:
            message = f"names a global it calls {match['verdict']}"
            yield Finding(exhibit.path, NAME, "error", message, name, rule="dangerous-global")
    if scanned is None:
        raise ModelError(f"picklescan gave no answer for {exhibit.path}")
    if scanned[1] == "0" or "ERROR" in text:
        yield scanners.could_not_read(NAME, exhibit, "it gave up")


def _version() -> str:
    try:
        return metadata.version(NAME)
    except metadata.PackageNotFoundError:
        return "of the toolchain"


CHECK = Check(
    name=NAME,
    version=NOT_STARTED,
    run=run,
    enabled=lambda model: NAME in (model.security.get("scanners") or ()),
    timeout=2 * scanners.TIMEOUT,
    memory=scanners.MEMORY_BYTES,
    informed=True,
)
