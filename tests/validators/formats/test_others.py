"""The small readers: hostile files of their formats are refused by cause, ordinary ones pass."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from common.findings import Finding
from tests.validators.formats.corpus import other_files
from tests.validators.formats.corpus.case import Case
from validators import registry
from validators.base import Model

CHECKS = (
    "coreml",
    "embedded_code",
    "flax",
    "paddle",
    "serialized",
    "skops",
    "tflite",
    "xml_models",
)
# What runs code of the user's own choice: refused under ``safe-only``, named under ``scanned``.
OWN_CODE = frozenset(
    (
        *(
            "skops/unknown",
            "xml/custom",
            "tflite/custom",
            "tflite/custom-nameless",
        ),
        *("tflite/custom-old", "tflite/flex-unknown", "mlmodel/layer", "mlmodel/layer-classifier"),
        *(
            "mlmodel/layer-regressor",
            "mlmodel/model",
            "mlmodel/pipeline",
            "mlmodel/pipeline-classifier",
        ),
        *("msgpack/extension", "msgpack/extension-long", "msgpack/trailing", "serialized/engine"),
        *("serialized/r", "serialized/r-gzip", "serialized/r-workspace", "serialized/r-text"),
        *("serialized/engine-named-otherwise", "serialized/mxnet-custom"),
    )
)


def run(model: Model) -> Iterator[Finding]:
    for name in CHECKS:
        yield from registry.load(name).run(model)


@pytest.mark.parametrize("case", other_files.malicious(), ids=lambda case: case.id)
@pytest.mark.parametrize("policy", ["safe-only", "scanned"])
def test_refuses_and_names_the_cause(case: Case, policy: str, tmp_path: Path) -> None:
    found = list(run(replace(case.model(tmp_path), policy=policy)))
    severities = {item.severity for item in found if item.rule == case.rule}
    lenient = policy == "scanned" and case.id in OWN_CODE
    assert severities == ({"warning"} if lenient else {"error"})
    assert all(item.trigger for item in found)


@pytest.mark.parametrize("case", other_files.benign(), ids=lambda case: case.id)
def test_accepts(case: Case, tmp_path: Path) -> None:
    assert list(run(case.model(tmp_path))) == []


@pytest.mark.parametrize("name", ["tflite/custom", "xml/custom", "mlmodel/model", "paddle/python"])
def test_what_is_printed_can_be_allowed(name: str, tmp_path: Path) -> None:
    case = next(case for case in other_files.malicious() if case.id == name)
    model = case.model(tmp_path)
    (finding,) = [item for item in run(model) if item.severity == "error"]
    accepted = finding.remedy.partition('[ "')[2].removesuffix('" ];')
    assert list(run(replace(model, security={"allowOperators": [accepted]}))) == []
