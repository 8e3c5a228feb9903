"""The Keras check against models that name code, and models that Keras saved."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import pytest

from tests.validators.formats.corpus import keras_files
from tests.validators.formats.corpus.case import Case
from validators.checks.keras import CHECK


@pytest.mark.parametrize("case", keras_files.malicious(), ids=lambda case: case.id)
def test_refuses_and_names_the_cause(case: Case, tmp_path: Path) -> None:
    found = list(CHECK.run(case.model(tmp_path)))
    assert case.rule in {finding.rule for finding in found if finding.severity == "error"}


@pytest.mark.parametrize("case", keras_files.benign(), ids=lambda case: case.id)
def test_accepts(case: Case, tmp_path: Path) -> None:
    assert list(CHECK.run(case.model(tmp_path))) == []


@pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="keras is not installed")
def test_accepts_what_keras_saves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    cases = keras_files.by_keras(tmp_path)
    found = [list(CHECK.run(case.model(tmp_path / case.id))) for case in cases]
    assert found == [[], [], []]


def test_a_custom_class_can_be_allowed_as_printed(tmp_path: Path) -> None:
    case = next(case for case in keras_files.malicious() if case.id == "keras/zip-custom-class")
    model = case.model(tmp_path)
    (finding,) = CHECK.run(model)
    assert finding.remedy.endswith('security.allowGlobals = [ "my>My" ];')
    assert list(CHECK.run(replace(model, security={"allowGlobals": ["my>My"]}))) == []
    by_module = replace(model, security={"allowGlobals": ["my_package.My"]})
    assert list(CHECK.run(by_module)) == []
