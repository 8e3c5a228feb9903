"""Models out of bytes, and the checks of ours over them, in this process."""

from pathlib import Path
from typing import Any

from common.files import walk
from common.findings import Finding
from validators.base import Model, ModelFile
from validators.checks import file_types, pickle_scan


def make_model(root: Path, policy: str = "scanned", **security: Any) -> Model:
    files = tuple(ModelFile(path, local, local.stat().st_size) for path, local in walk(root))
    return Model("test", files, root, policy=policy, security=security)


def judge(root: Path, policy: str = "scanned", **security: Any) -> list[Finding]:
    model = make_model(root, policy, **security)
    return [*pickle_scan.run(model), *file_types.run(model)]


def errors(findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.severity == "error"]
