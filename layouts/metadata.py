"""The metadata file that every model carries: what it is, where it came from, what was checked."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from common.digest import to_sri
from common.files import atomic_write, dump_json
from common.findings import CheckResult, Report
from layouts.place import Item

FILE = ".nix-ai-model-meta.json"
SCHEMA_VERSION = 1


def describe(
    identity: Mapping[str, Any],
    items: Iterable[Item],
    report: Report,
    scripts: Iterable[CheckResult],
) -> dict[str, Any]:
    """Put the metadata together.

    Args:
        identity: ``name``, ``source`` (a reference), ``revision``, ``fetchedAt`` and ``hash``, each
            possibly None; ``licenses`` as stated, and ``signOutput``.
        items: the files of the model.
        report: of the validation.
        scripts: outcomes of the user's scripts, in order.
    """
    files = [
        {"path": item.path, "size": item.size, "sha256": to_sri(item.sha256)}
        for item in sorted(items)
    ]
    return {
        "schemaVersion": SCHEMA_VERSION,
        **identity,
        "files": files,
        "totalSize": sum(item.size for item in items),
        "policy": report.policy,
        "ignoredFiles": list(report.ignored),
        "validators": [check.to_json() for check in report.checks],
        "findings": [finding.to_json() for finding in report.findings],
        "postDownloadResults": [check.to_json() for check in scripts],
    }


def write(out: Path, data: Mapping[str, Any]) -> Path:
    """Write the metadata below a model's directory and give its path."""
    path = out / FILE
    with atomic_write(path, "w") as file:
        file.write(dump_json(data))
    return path
