"""What every file is by its bytes, and whether the policy lets such a file in."""

import posixpath
from collections.abc import Iterator

from common.errors import UsageError
from common.files import check_path
from common.findings import Finding, Severity
from validators.base import Check, Model, ModelFile
from validators.containers import Member, Trouble
from validators.containers.magic import EXECUTABLE
from validators.visits import Shared, Sight, Visit

NAME = "file-types"
_SCANNED = 'security.policy = "scanned";'
_MOST_TROUBLES = 100  # said of one file
# Endings that promise a format that runs no code; what else such a file is, is no accident.
_PROMISES = {".safetensors": "safetensors", ".gguf": "gguf", ".npy": "npy"}
# Endings of formats without a magic number.
_UNMARKED = (
    ".onnx", ".pb", ".model", ".spm", ".bin", ".msgpack", ".tflite", ".mlmodel", ".data", ".dat",
    ".pt", ".pth", ".pkl", ".bpe", ".ot", ".idx",
)  # fmt: skip


class _Visit(Visit):
    """Identifies every file and member."""

    needs_pickles = True

    def file(self, file: ModelFile) -> Iterator[Finding]:
        yield from _path(file)
        if not file.local.is_file():
            yield _say(file.path, "error", "link", "is no regular file, or a link to nothing")

    def member(self, member: Member, sight: Sight) -> Iterator[Finding]:
        yield from _member(self.model, member, sight)

    def left(self, _: ModelFile, troubles: list[Trouble]) -> Iterator[Finding]:
        for trouble in troubles[:_MOST_TROUBLES]:
            yield _say(trouble.path, "error", trouble.rule, trouble.message)


def _path(file: ModelFile) -> Iterator[Finding]:
    try:
        check_path(file.path)
    except UsageError:
        yield _say(file.path, "error", "path", "has a path that leaves the model")


def _member(model: Model, member: Member, sight: Sight) -> Iterator[Finding]:
    if member.link is not None:
        yield from _link(member)
        return
    if _climbs(member.name) and member.depth:
        yield _say(member.path, "error", "path", "is unpacked outside its directory")
    ending = posixpath.splitext(member.name.lower())[1]
    promised = _PROMISES.get(ending)
    if promised and promised not in member.kinds and member.depth == 0 and member.kind != "empty":
        message = f"is called {promised}, but its content is {member.kind}"
        yield _say(member.path, "error", "name-disagrees", message)
    severity: Severity = "error" if model.policy == "safe-only" else "info"
    if member.kind in EXECUTABLE:
        message = f"is a program ({member.kind})"
        yield _say(member.path, severity, "executable", message, _SCANNED)
    elif member.kind == "data" and not member.depth and ending not in _UNMARKED:
        yield _say(member.path, "info", "unidentified", "is of no format that is known here")
    if member.kind not in EXECUTABLE and sight.is_pickle:
        message = "is a pickle, which can run code when it is loaded"
        yield _say(member.path, severity, "pickle", message, _SCANNED)


def _link(member: Member) -> Iterator[Finding]:
    target = member.link or ""
    base = "" if member.hard else posixpath.dirname(member.name)
    if _climbs(posixpath.normpath(posixpath.join(base, target))):
        message = f"is a link that leaves the archive, to {target!r}"
        yield _say(member.path, "error", "link", message)


def _climbs(path: str) -> bool:
    return (
        path.startswith(("/", "\\"))
        or ".." in path.replace("\\", "/").split("/")
        or path[1:2] == ":"
    )


def _say(path: str, severity: Severity, rule: str, message: str, remedy: str = "") -> Finding:
    return Finding(path, NAME, severity, message, "", remedy, rule)


run = Shared(_Visit)
CHECK = Check(name=NAME, version="1", run=run, timeout=1800.0, memory=512 << 20)
