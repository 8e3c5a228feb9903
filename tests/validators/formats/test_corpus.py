"""The whole corpus through all format checks: none spoils the honest file of another."""

import re
from pathlib import Path

import pytest

from tests.validators.formats.corpus import (
    archive_files,
    code_files,
    gguf_files,
    keras_files,
    numpy_files,
    onnx_files,
    other_files,
    safetensors_files,
    templates,
    tensorflow_files,
)
from tests.validators.formats.corpus.case import Case
from validators import registry
from validators.checks.gguf import CHECK as GGUF

MODULES = (
    archive_files,
    code_files,
    gguf_files,
    keras_files,
    numpy_files,
    onnx_files,
    other_files,
    safetensors_files,
    templates,
    tensorflow_files,
)
CHECKS = (
    "archives", "coreml", "embedded_code", "flax", "gguf", "keras", "notebooks", "numpy_files",
    "onnx", "paddle", "repository_code", "safetensors", "savedmodel", "serialized", "skops",
    "templates", "tflite", "torch_code", "xml_models",
)  # fmt: skip
DOCS = Path(__file__).parents[3] / "docs/validation.md"
BENIGN = [case for module in MODULES for case in module.benign()]


@pytest.mark.parametrize("case", BENIGN, ids=lambda case: case.id)
@pytest.mark.parametrize("policy", ["safe-only", "scanned"])
def test_no_check_refuses_an_honest_file(case: Case, policy: str, tmp_path: Path) -> None:
    model = Case(case.id, case.files, policy=policy, sizes=case.sizes).model(tmp_path)
    found = [finding for name in CHECKS for finding in registry.load(name).run(model)]
    assert [finding for finding in found if finding.severity == "error"] == []


def test_the_corpus_is_as_large_as_promised() -> None:
    malicious = [case for module in MODULES for case in module.malicious()]
    assert len({case.id for case in malicious}) == len(malicious) >= 100
    assert len({case.id for case in BENIGN}) == len(BENIGN) >= 100


def test_every_rule_is_documented() -> None:
    documented = set(re.findall(r"`([a-z0-9-]+)`", DOCS.read_text()))
    rules = {case.rule for module in MODULES for case in module.malicious()}
    assert rules - documented == set()


def test_findings_tell_what_why_and_what_to_do(tmp_path: Path) -> None:
    case = next(case for case in gguf_files.malicious() if case.id == "gguf/template")
    finding = next(iter(GGUF.run(case.model(tmp_path))))
    assert finding.file == "m.gguf"
    assert finding.trigger == "tokenizer.chat_template: 'line 1: __subclasses__'"
    assert finding.remedy
