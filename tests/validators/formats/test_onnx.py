"""The ONNX check against models that reach out, and models of the library."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.validators.formats.corpus import onnx_files
from tests.validators.formats.corpus.case import Case
from validators.checks.onnx import CHECK


@pytest.mark.parametrize("case", onnx_files.malicious(), ids=lambda case: case.id)
def test_refuses_and_names_the_cause(case: Case, tmp_path: Path) -> None:
    found = list(CHECK.run(case.model(tmp_path)))
    assert case.rule in {finding.rule for finding in found if finding.severity == "error"}


@pytest.mark.parametrize("case", onnx_files.benign(), ids=lambda case: case.id)
def test_accepts(case: Case, tmp_path: Path) -> None:
    start = time.monotonic()
    assert list(CHECK.run(case.model(tmp_path))) == []
    assert time.monotonic() - start < 1


def test_custom_operators_can_be_allowed_as_printed(tmp_path: Path) -> None:
    case = next(case for case in onnx_files.malicious() if case.id == "onnx/custom-operator")
    model = case.model(tmp_path)
    (finding,) = CHECK.run(model)
    assert finding.remedy.endswith('security.allowOperators = [ "evil.domain::Evil" ];')
    allowed = replace(model, security={"allowOperators": ["evil.domain::Evil"]})
    assert list(CHECK.run(allowed)) == []


def test_custom_operators_are_named_when_scanned(tmp_path: Path) -> None:
    case = next(case for case in onnx_files.malicious() if case.id == "onnx/custom-operator")
    (finding,) = CHECK.run(replace(case.model(tmp_path), policy="scanned"))
    assert (finding.rule, finding.severity) == ("custom-operator", "warning")
