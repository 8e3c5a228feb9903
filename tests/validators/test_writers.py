"""What the real libraries write passes, once the user has pasted what the report asks for."""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from common.findings import Report
from tests.validators.helpers import make_model
from validators.runner import run_checks

ROOT = Path(__file__).parents[2]
WRITERS = ROOT / ".build" / "writers"
# Modules of `tests.validators.writers`, and how many models each writes at least.
OWN, OURS = {"estimators": 200, "keras3": 40, "keras2": 16}, {"torch_files": 45, "hub_models": 18}
PASTED = re.compile(r"security\.(\w+) = \[ (.*?) \];")
SECONDS = 900


def site_packages() -> Path:
    """Give where the writers' own libraries are, or skip the test."""
    if not (WRITERS / ".installed").exists():
        pytest.skip("the libraries that write models are missing: scripts/setup-writers")
    return next(WRITERS.glob("lib/python*/site-packages"))


def write(writer: str, folder: Path) -> list[str]:
    """Have a module of `tests.validators.writers` write its models; gives their names."""
    python = WRITERS / "bin/python3" if writer in OWN else sys.executable
    command = [str(python), "-m", f"tests.validators.writers.{writer}", str(folder)]
    quiet = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [*command, str(site_packages())], capture_output=True, text=True, timeout=SECONDS,
        env=os.environ | quiet, cwd=folder.parent, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return sorted(path.name for path in folder.iterdir())


def report(folder: Path, **security: object) -> Report:
    return run_checks(make_model(folder, "scanned", **security))


def pasted(found: Report) -> dict[str, list[str]]:
    """Give the settings that a report asks for."""
    settings: dict[str, set[str]] = {}
    for finding in found.findings:
        if match := PASTED.search(finding.remedy):
            words = re.findall(r'"((?:[^"\\]|\\.)*)"', match[2])
            settings.setdefault(match[1], set()).update(words)
    return {name: sorted(words) for name, words in settings.items()}


def refused(found: Report) -> Sequence[tuple[str, str, str]]:
    errors = [
        (finding.file, finding.message, finding.trigger)
        for finding in found.findings
        if finding.severity == "error"
    ]
    return errors + [(check.name, check.outcome, check.detail) for check in failed(found)]


def failed(found: Report) -> list:
    return [check for check in found.checks if check.outcome == "failed"]


@pytest.mark.slow
@pytest.mark.parametrize(("writer", "least"), [*OWN.items(), *OURS.items()])
def test_nothing_is_refused_once_the_report_was_pasted(
    writer: str, least: int, tmp_path: Path
) -> None:
    site_packages()
    folder = tmp_path / "models"
    assert len(write(writer, folder)) >= least
    settings = pasted(report(folder, enableModelScan=False))
    assert refused(report(folder, **settings)) == []
    if writer in {"keras3", "keras2"}:
        assert settings == {}
    if writer == "hub_models":
        assert settings == {"ignoreFiles": ["*training_args.bin"]}


def test_as_many_as_promised() -> None:
    assert sum((OWN | OURS).values()) >= 300
