"""modelscan as a second opinion. See https://github.com/protectai/modelscan."""

import json
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

from common.errors import ModelError
from common.findings import Finding
from validators import scanners
from validators.base import NOT_STARTED, Check, Model
from validators.scanners import Exhibit

NAME = "modelscan"
_LARGEST_ANSWER = 64 << 20  # bytes


def run(model: Model) -> Generator[Finding, None, str | None]:
    """Show it what it knows, and read its JSON; returns its version."""
    yield from scanners.not_shown(model, NAME)
    with scanners.workplace() as root:
        shown = scanners.whole_files(model, root)
        if not shown:
            return None
        answer = _scan(model, root)
        yield from _findings(model, shown, answer)
        return str(answer["summary"]["modelscan_version"])


def _scan(model: Model, root: Path) -> Mapping[str, Any]:
    # NB: it takes `modelscan-settings.toml` from its working directory, which is empty and ours,
    # so its own defaults hold. A settings file would replace all of them, its block lists
    # included, and its own command that writes one fails with tomlkit 0.14 and later.
    output = root / "answer.json"
    arguments = ["scan", "-p", str(root / "files"), "-r", "json"]
    ran = scanners.start(model, NAME, [*arguments, "-o", str(output)], root)
    if not output.is_file() or output.stat().st_size > _LARGEST_ANSWER:
        raise ModelError(f"modelscan gave no answer ({ran.failure or 'and no reason'})")
    return dict(json.loads(output.read_text()))


def _findings(model: Model, shown: list[Exhibit], answer: Mapping[str, Any]) -> Iterator[Finding]:
    by_name = {exhibit.shown.name: exhibit for exhibit in shown}
    allowed = set(model.security.get("allowGlobals") or ())
    said = set()
    for issue in answer["issues"]:
        exhibit, member = _place(by_name, issue["source"])
        said.add((exhibit.path, member))
        place = f"{exhibit.path}!{member}" if member else exhibit.path
        yield _issue(place, issue, allowed)
    for error in answer["errors"]:
        exhibit, member = _place(by_name, error["source"])
        said.add((exhibit.path, member))
        yield scanners.could_not_read(NAME, exhibit, error["description"])
    names = answer["summary"]["scanned"].get("scanned_files", ())
    said |= {(exhibit.path, member) for exhibit, member in (_place(by_name, n) for n in names)}
    for exhibit in shown:
        missed = [name for name in exhibit.pickles if (exhibit.path, name) not in said]
        if missed:
            why = f"it passed over {', '.join(sorted(missed)) or 'the file'}"
            yield scanners.could_not_read(NAME, exhibit, why)


def _place(by_name: Mapping[str, Exhibit], source: str) -> tuple[Exhibit, str]:
    """Give what a name in its answer, ``directory/file:member``, stands for."""
    file, _, member = source.partition(":")
    return by_name[file.rpartition("/")[2]], member


def _issue(path: str, issue: Mapping[str, Any], allowed: set[str]) -> Finding:
    found = f"{issue.get('module', '')}.{issue.get('operator', '')}"
    if found in allowed:
        return Finding(path, NAME, "info", "names a global that is allowed", found, rule="allowed")
    message = f"{issue['description']} ({issue['severity'].lower()})"
    return Finding(path, NAME, "error", message, found, rule="unsafe-operator")


CHECK = Check(
    name=NAME,
    version=NOT_STARTED,
    run=run,
    enabled=lambda model: model.security.get("enableModelScan") is not False,
    timeout=2 * scanners.TIMEOUT,
    memory=scanners.MEMORY_BYTES,
    informed=True,
)
