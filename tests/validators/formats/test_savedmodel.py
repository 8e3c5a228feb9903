"""The SavedModel check against graphs that reach out, and ordinary ones."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.validators.formats.corpus import tensorflow_files
from tests.validators.formats.corpus.case import Case
from validators.checks.savedmodel import CHECK


@pytest.mark.parametrize("case", tensorflow_files.malicious(), ids=lambda case: case.id)
def test_refuses_and_names_the_cause(case: Case, tmp_path: Path) -> None:
    found = list(CHECK.run(case.model(tmp_path)))
    assert case.rule in {finding.rule for finding in found if finding.severity == "error"}


@pytest.mark.parametrize("case", tensorflow_files.benign(), ids=lambda case: case.id)
def test_accepts(case: Case, tmp_path: Path) -> None:
    assert list(CHECK.run(case.model(tmp_path))) == []


def test_an_operator_can_be_allowed(tmp_path: Path) -> None:
    case = next(case for case in tensorflow_files.malicious() if case.id.endswith("op-ReadFile"))
    allowed = replace(case.model(tmp_path), security={"allowOperators": ["tensorflow::ReadFile"]})
    assert list(CHECK.run(allowed)) == []
