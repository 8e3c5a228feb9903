"""What every file is by its bytes, and whether the policy lets such a file in."""

import posixpath
from collections.abc import Iterator

from common.errors import UsageError
from common.files import check_path
from common.findings import Finding, Severity
from validators.base import Check, Model, ModelFile
from validators.containers import Member, Trouble, walk
from validators.containers.magic import EXECUTABLE
from validators.containers.names import leaves
from validators.pickle import evidence
from validators.pickle.stream import pickles

NAME = "file-types"
PROBE_OPCODES = 200_000  # enough to tell a pickle
_SCANNED = 'security.policy = "scanned";'
_MOST_TROUBLES = 100  # said of one file
# Endings that promise a format that runs no code; what else such a file is, is no accident.
_PROMISES = {".safetensors": "safetensors", ".gguf": "gguf", ".npy": "npy"}
# Endings of formats without a magic number.
_UNMARKED = (
    ".onnx", ".pb", ".model", ".spm", ".bin", ".msgpack", ".tflite", ".mlmodel", ".data", ".dat",
    ".pt", ".pth", ".pkl", ".bpe", ".ot", ".idx",
)  # fmt: skip


def run(model: Model) -> Iterator[Finding]:
    """Identify every file and member."""
    for file in model.files:
        yield from _path(file)
        if not file.local.is_file():
            yield _say(file.path, "error", "link", "is no regular file, or a link to nothing")
            continue
        troubles: list[Trouble] = []
        for member in walk(file, troubles.append):
            yield from _member(model, member)
        for trouble in troubles[:_MOST_TROUBLES]:
            yield _say(trouble.path, "error", trouble.rule, trouble.message)


def _path(file: ModelFile) -> Iterator[Finding]:
    try:
        check_path(file.path)
    except UsageError:
        yield _say(file.path, "error", "path", "has a path that leaves the model")


def _member(model: Model, member: Member) -> Iterator[Finding]:
    if member.link is not None:
        yield from _link(member)
        return
    if leaves(member.name) and member.depth:
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
    if member.kind not in EXECUTABLE and _is_pickle(member):
        message = "is a pickle, which can run code when it is loaded"
        yield _say(member.path, severity, "pickle", message, _SCANNED)


def _is_pickle(member: Member) -> bool:
    try:
        return evidence.is_pickle(list(pickles(member.source, 0, PROBE_OPCODES)))
    except Trouble:
        return False


def _link(member: Member) -> Iterator[Finding]:
    target = member.link or ""
    base = "" if member.hard else posixpath.dirname(member.name)
    if leaves(posixpath.normpath(posixpath.join(base, target))):
        message = f"is a link that leaves the archive, to {target!r}"
        yield _say(member.path, "error", "link", message)


def _say(path: str, severity: Severity, rule: str, message: str, remedy: str = "") -> Finding:
    return Finding(path, NAME, severity, message, "", remedy, rule)


CHECK = Check(name=NAME, version="1", run=run, timeout=1800.0, memory=512 << 20)
