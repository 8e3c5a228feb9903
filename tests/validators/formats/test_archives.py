"""The check of archives whose members work together."""

from pathlib import Path

import pytest

from tests.validators.formats.corpus import archive_files
from tests.validators.formats.corpus.case import Case
from validators.checks import file_types
from validators.checks.archives import CHECK


@pytest.mark.parametrize("case", archive_files.malicious(), ids=lambda case: case.id)
def test_refuses_and_names_the_cause(case: Case, tmp_path: Path) -> None:
    found = list(CHECK.run(case.model(tmp_path)))
    assert case.rule in {finding.rule for finding in found if finding.severity == "error"}


@pytest.mark.parametrize("case", archive_files.benign(), ids=lambda case: case.id)
def test_accepts(case: Case, tmp_path: Path) -> None:
    assert list(CHECK.run(case.model(tmp_path))) == []


@pytest.mark.parametrize("start", [b"MZqFpD='\n", b"jartsr='\n"])
def test_portable_executables_are_programs(start: bytes, tmp_path: Path) -> None:
    model = Case("x", {"m.llamafile": start + b"\0" * 400}).model(tmp_path)
    assert "executable" in {finding.rule for finding in file_types.CHECK.run(model)}


def test_names_that_cannot_be_told_apart_are_a_warning(tmp_path: Path) -> None:
    data = archive_files.tarred(("Model.bin", b"1"), ("model.bin", b"2"), ("a\u202eb", b"3"))
    found = list(CHECK.run(Case("x", {"m.tar": data}).model(tmp_path)))
    rules = [(finding.rule, finding.severity) for finding in found]
    assert rules == [("similar-members", "warning"), ("odd-name", "warning")]
