"""fickling as a second opinion, where `security.scanners` names it.

See https://github.com/trailofbits/fickling.
"""

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

from common.findings import Finding
from validators import scanners
from validators.base import NOT_STARTED, Check, Model
from validators.scanners import Exhibit

NAME = "fickling"
_SAFE = "LIKELY_SAFE"
# What is less sure than these it says of every torch file.
_REFUSED = frozenset({"LIKELY_OVERTLY_MALICIOUS", "OVERTLY_MALICIOUS"})
_LONGEST_REASON = 200  # characters


def run(model: Model) -> Generator[Finding, None, str | None]:
    """Show it every pickle by itself; returns its version."""
    yield from scanners.not_shown(model, NAME)
    with scanners.workplace() as root:
        shown = scanners.lone_pickles(model, root)
        if not shown:
            return None
        for exhibit in shown:
            yield from _judge(exhibit, _ask(model, exhibit, root))
        ran = scanners.start(model, NAME, ["--version"], root)
        return ran.stdout.decode().split()[-1]


def _ask(model: Model, exhibit: Exhibit, root: Path) -> list[Any]:
    """Give its answers about one file; none when it gave up."""
    output = root / "answer.json"
    output.unlink(missing_ok=True)
    arguments = ["--check-safety", "--json-output", str(output), str(exhibit.shown)]
    scanners.start(model, NAME, arguments, root)
    return _answers(output.read_text()) if output.is_file() else []


def _answers(text: str) -> list[Any]:
    """Read the JSON values, one for each pickle of a stream, that it writes behind each other."""
    values, decoder = [], json.JSONDecoder()
    while text := text.lstrip():
        value, end = decoder.raw_decode(text)
        values.append(value)
        text = text[end:]
    return values


def _judge(exhibit: Exhibit, answers: list[Any]) -> list[Finding]:
    if not answers:
        return [scanners.could_not_read(NAME, exhibit, "it gave up")]
    return [
        Finding(
            file=exhibit.path,
            check=NAME,
            severity="error" if one["severity"] in _REFUSED else "warning",
            message=f"is called {one['severity'].lower().replace('_', ' ')}",
            trigger=" ".join(one["analysis"].split())[:_LONGEST_REASON],
            rule="suspicious",
        )
        for one in answers
        if one["severity"] != _SAFE
    ]


CHECK = Check(
    name=NAME,
    version=NOT_STARTED,
    run=run,
    enabled=lambda model: NAME in (model.security.get("scanners") or ()),
    timeout=2 * scanners.TIMEOUT,
    memory=scanners.MEMORY_BYTES,
    informed=True,
)
