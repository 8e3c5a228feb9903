"""The Jinja rule against attacks, and against templates as models really have them."""

from pathlib import Path

import pytest

from tests.validators.formats.corpus import templates
from tests.validators.formats.corpus.case import Case
from validators.checks.templates import CHECK


@pytest.mark.parametrize("case", templates.malicious(), ids=lambda case: case.id)
def test_refuses_and_names_the_cause(case: Case, tmp_path: Path) -> None:
    found = list(CHECK.run(case.model(tmp_path)))
    assert case.rule in {finding.rule for finding in found if finding.severity == "error"}


@pytest.mark.parametrize("case", templates.benign(), ids=lambda case: case.id)
def test_accepts(case: Case, tmp_path: Path) -> None:
    assert list(CHECK.run(case.model(tmp_path))) == []
