"""Other people's scanners as second opinions: how all of them are run and judged.

A scanner sees only what concerns it, under names of ours in a directory of its own, so that no
configuration or package of the model's comes near it. It runs from an empty directory, bounded in
time and memory, and is judged by what it says, never by its exit status.
"""

import importlib.util
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from common.errors import ModelError
from common.findings import Finding, Severity
from validators import external
from validators.base import Model, ModelFile
from validators.containers import Source, walk
from validators.pickle.stream import pickles
from validators.seen import Seen

TIMEOUT = 900.0  # seconds for one run of a scanner
MOST_OPCODES = 1_000_000  # of one file; a scanner takes two seconds and up to 200 MB for these
MEMORY_BYTES = 4 << 30
MOST_COPIED_BYTES = 1 << 30  # of all pickles of a model
_COPY_BYTES = 1 << 20
_REMEDY = "install {0}, or point `tools.{0}` of the toolchain to it, or switch the check off"


@dataclass(frozen=True)
class Exhibit:
    """Something a scanner is shown.

    Attributes:
        path: inside the model, with members of containers behind ``!``.
        shown: where the scanner finds it.
        followed: whether our own walk read all of it.
        pickles: members that are pickles by their content; the file itself is the empty name.
    """

    path: str
    shown: Path
    followed: bool
    pickles: frozenset[str] = frozenset()


@contextmanager
def workplace() -> Iterator[Path]:
    """Give a directory with an empty ``cwd`` in it."""
    with tempfile.TemporaryDirectory(prefix="nix-ai-model-scan-") as name:
        root = Path(name)
        (root / "cwd").mkdir()
        (root / "files").mkdir()
        yield root


def whole_files(model: Model, root: Path) -> list[Exhibit]:
    """Link the files whose content these scanners know, and no others: they would read them all."""
    found: list[Exhibit] = []
    for file, seen in _concerned(model):
        if seen.ending and not _held(seen):
            shown = root / "files" / f"{len(found)}{seen.ending}"
            shown.symlink_to(file.local.resolve())
            found.append(Exhibit(file.path, shown, seen.followed, frozenset(seen.pickles)))
    return found


def not_shown(model: Model, check: str) -> Iterator[Finding]:
    """Say which files a scanner is not shown, because it would not come to an end."""
    for file, seen in _concerned(model):
        if reason := _held(seen):
            severity: Severity = "error" if seen.hostile or not seen.followed else "warning"
            message = "was not shown to this scanner, which knows no bounds"
            yield Finding(file.path, check, severity, message, reason, rule="not-shown")


def _concerned(model: Model) -> Iterator[tuple[ModelFile, Seen]]:
    if model.seen is None:
        raise ModelError("what concerns a scanner is known only after a walk")
    for file in model.files:
        if file.path in model.seen:
            yield file, Seen(**model.seen[file.path])


def _held(seen: Seen) -> str:
    if seen.hostile:
        return seen.hostile
    many = f"its pickles have {seen.opcodes:,} opcodes, more than {MOST_OPCODES:,}"
    return many if seen.opcodes > MOST_OPCODES else ""


def lone_pickles(model: Model, root: Path) -> list[Exhibit]:
    """Copy every pickle, out of every container, without the raw data that follows it."""
    found: list[Exhibit] = []
    left = MOST_COPIED_BYTES
    for file, seen in _concerned(model):
        names = set() if _held(seen) else set(seen.pickles)
        for member in walk(file) if names else ():
            if member.link is None and member.path[len(file.path) + 1 :] in names:
                ends = (one.end for one in pickles(member.source) if one.complete)
                size = max(ends, default=0)
                left -= size
                if left < 0:
                    raise ModelError("the pickles of this model are too large for a second scanner")
                shown = root / "files" / f"{len(found)}.pkl"
                _copy(member.source, size, shown)
                found.append(Exhibit(member.path, shown, seen.followed))
    return found


def _copy(source: Source, size: int, target: Path) -> None:
    with target.open("wb") as file:
        for offset in range(0, size, _COPY_BYTES):
            file.write(source.read_at(offset, min(_COPY_BYTES, size - offset)))


def start(model: Model, name: str, arguments: Sequence[str], root: Path) -> external.Ran:
    """Run a scanner.

    Raises:
        ModelError: there is none, or it did not end in time.
    """
    ran = external.run(
        [*_program(model, name), *arguments],
        cwd=root / "cwd",
        env=os.environ | {"HOME": str(root / "cwd"), "NO_COLOR": "1", "COLUMNS": "10000"},
        timeout=TIMEOUT,
        memory=MEMORY_BYTES,
    )
    if ran.timed_out or ran.status < 0:
        raise ModelError(f"{name} {ran.failure}")
    return ran


def _program(model: Model, name: str) -> Sequence[str]:
    if name in model.tools:
        return model.tools[name]
    if importlib.util.find_spec(name):
        module = f"{name}.cli" if name == "modelscan" else name
        return [sys.executable, "-m", module]
    if program := shutil.which(name):
        return [program]
    raise ModelError(f"the scanner {name} is not there", remedy=_REMEDY.format(name))


def could_not_read(check: str, exhibit: Exhibit, why: str) -> Finding:
    """Word that a scanner gave up on something.

    That refuses, unless our own walk read it to the end: raw arrays in a joblib file, for example,
    are beyond all of these scanners.
    """
    severity: Severity = "warning" if exhibit.followed else "error"
    return Finding(exhibit.path, check, severity, f"could not be read: {why}", rule="unread")
