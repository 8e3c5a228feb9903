"""What every file is by its bytes, and whether the policy lets such a file in."""

import json
import posixpath
from collections.abc import Iterator

from common.errors import UsageError
from common.files import check_path
from common.findings import Finding, Severity
from validators.base import Check, Model, ModelFile
from validators.containers import Member, Trouble
from validators.containers.magic import EXECUTABLE, NATIVE
from validators.containers.names import leaves
from validators.formats.source import shown
from validators.visits import Shared, Sight, Visit

NAME = "file-types"
_SCANNED = 'review it, then accept it: security.policy = "scanned";'
_PACK = "pack the archive anew, from files only and with plain names"
# Endings that promise a format that runs no code; what else such a file is, is no accident.
_PROMISES = {".safetensors": "safetensors", ".gguf": "gguf", ".npy": "npy"}
_REMEDIES = {
    "unreadable": "unpack it, and pack it as zip or tar",
    "encrypted": "unpack it: nothing can be judged that needs a password",
    "too-deep": "unpack the inner archives",
    "broken": "download it again, or pack it anew",
}
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
            message = "is no regular file, or a link to nothing"
            remedy = "replace it by the file itself"
            yield _say(file.path, "error", "link", message, "", remedy)

    def member(self, member: Member, sight: Sight) -> Iterator[Finding]:
        yield from _member(self.model, member, sight)

    def left(self, _: ModelFile, troubles: list[Trouble]) -> Iterator[Finding]:
        for trouble in troubles:
            remedy = _REMEDIES.get(trouble.rule, _leave(trouble.path))
            yield _say(trouble.path, "error", trouble.rule, trouble.message, "", remedy)


def _path(file: ModelFile) -> Iterator[Finding]:
    try:
        check_path(file.path)
    except UsageError:
        message = "has a path that leaves the model, or control characters"
        yield _say(file.path, "error", "path", message, shown(file.path), "give it another name")


def _member(model: Model, member: Member, sight: Sight) -> Iterator[Finding]:
    if member.link is not None:
        yield from _link(member)
        return
    if leaves(member.name) and member.depth:
        message = "is unpacked outside its directory"
        yield _say(member.path, "error", "path", message, shown(member.name), _PACK)
    ending = posixpath.splitext(member.name.lower())[1]
    promised = _PROMISES.get(ending)
    if promised and promised not in member.kinds and member.depth == 0 and member.kind != "empty":
        message = f"is called {promised}, but its content is {member.kind}"
        remedy = "download it again (it may be a pointer or an error page), or rename it"
        yield _say(member.path, "error", "name-disagrees", message, shown(member.head[:16]), remedy)
    severity: Severity = "error" if model.policy == "safe-only" else "info"
    if native := next((kind for kind in member.kinds if kind in NATIVE), ""):
        message = f"is a program ({native}), of which no scanner here can say what it does"
        start = shown(member.head[:16])
        yield _say(member.path, "error", "executable", message, start, _leave(member.path))
    elif member.kind in EXECUTABLE:
        message, line = f"is a program ({member.kind})", member.head.partition(b"\n")[0]
        yield _say(member.path, severity, "executable", message, shown(line[:80]), _SCANNED)
    elif member.kind == "data" and not member.depth and ending not in _UNMARKED:
        message, start = "is of no format that is known here", shown(member.head[:16])
        yield _say(member.path, "info", "unidentified", message, start)
    if member.kind not in EXECUTABLE and sight.is_pickle:
        message = "is a pickle, which can run code when it is loaded"
        remedy = f"use the weights in safetensors; or {_SCANNED}"
        yield _say(member.path, severity, "pickle", message, shown(member.head[:16]), remedy)


def _link(member: Member) -> Iterator[Finding]:
    target = member.link or ""
    base = "" if member.hard else posixpath.dirname(member.name)
    if leaves(posixpath.normpath(posixpath.join(base, target))):
        message = "is a link that leaves the archive"
        yield _say(member.path, "error", "link", message, shown(target), _PACK)


def _leave(path: str) -> str:
    pattern = json.dumps(path.partition("!")[0], ensure_ascii=False)
    return f"leave it out: security.ignoreFiles = [ {pattern} ];"


def _say(
    path: str, severity: Severity, rule: str, message: str, trigger: str = "", remedy: str = ""
) -> Finding:
    return Finding(path, NAME, severity, message, trigger, remedy, rule)


run = Shared(_Visit)
CHECK = Check(name=NAME, version="1", run=run, timeout=1800.0, memory=512 << 20)
