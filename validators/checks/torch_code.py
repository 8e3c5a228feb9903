"""Check `torch-code`: TorchScript, which is a program, and other code in archives of torch.

``torch.jit.save`` writes ``code/*.py`` and ``constants.pkl`` beside the tensors
(https://github.com/pytorch/pytorch/blob/main/torch/csrc/jit/docs/serialization.md),
``torch.package`` whole modules, ``torch.export`` compiled libraries (``.pt2``), mobile files carry
``bytecode.pkl``. torch runs these; the pickles among them are judged by `pickle-scan`.
"""

import re
from collections.abc import Iterator

from common.findings import Finding, Severity
from validators.base import Check, Model
from validators.containers import Member
from validators.formats.problem import Problem
from validators.formats.source import MEMORY_BYTES, Judging, Source, shown
from validators.visits import Shared, Sight

NAME = "torch-code"
_SCRIPT = re.compile(
    r"(?=.*\.(?:py|debug_pkl)\Z)(?:.*/)?code/.|(?:.*/)?(?:constants|bytecode)\.pkl\Z",
    re.IGNORECASE,
)
_PACKAGE = re.compile(
    r"(?:.*/)?\.data/(?:extern_modules|python_version)|.*/aotinductor/.*", re.IGNORECASE
)
_FILES = re.compile(rb"\b(?:torch|ops\.aten|aten)\.(?:from_file|save|load|load_library)\s*\(")
MAX_BYTES = 16 << 20  # of one file of code
_MOBILE = (b"PTMF", b"ET12", b"ET13")  # flat buffers of torch's mobile runtimes, at byte 4
_REMEDY = 'use weights in safetensors; to run it after review: security.policy = "scanned"'


def _judge(source: Source, model: Model) -> Iterator[Problem]:
    severity: Severity = "error" if model.policy == "safe-only" else "info"
    if source.container == "zip" and _SCRIPT.match(source.member):
        message = "the archive holds TorchScript, a program that torch runs"
        yield Problem("torchscript", message, shown(source.member), _REMEDY, severity)
        if match := _FILES.search(source.read(0, MAX_BYTES)):
            message = "TorchScript in the archive reads or writes files"
            yield Problem("torchscript-file", message, shown(match[0]), "do not use this file")
    elif source.container == "zip" and _PACKAGE.fullmatch(source.member):
        message = "the archive holds a package with code for torch"
        yield Problem("torch-package", message, shown(source.member), _REMEDY, severity)
    elif source.read(4, 4) in _MOBILE:
        message = "the file is a program for torch's mobile runtime"
        yield Problem("torch-program", message, shown(source.read(4, 4)), _REMEDY, severity)


class _Visit(Judging):
    """Names one member of each archive: the others say nothing new."""

    def __init__(self, model: Model) -> None:
        super().__init__(model, NAME, _judge)
        self._told: set[tuple[str, str]] = set()

    def member(self, member: Member, sight: Sight) -> Iterator[Finding]:
        for finding in super().member(member, sight):
            key = (finding.file.rpartition("!")[0] or finding.file, finding.rule)
            if key not in self._told:
                self._told.add(key)
                yield finding


CHECK = Check(name=NAME, version="1", run=Shared(_Visit), memory=MEMORY_BYTES)
