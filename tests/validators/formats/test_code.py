"""The checks for arrays, TorchScript, repository code and documents."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from common.findings import Finding
from tests.validators.formats.corpus import code_files, numpy_files
from tests.validators.formats.corpus.case import Case
from validators.base import Model
from validators.checks import notebooks, repository_code, torch_code
from validators.checks import numpy_files as numpy_check

MALICIOUS = [*numpy_files.malicious(), *code_files.malicious()]
BENIGN = [*numpy_files.benign(), *code_files.benign()]


def run(model: Model) -> Iterator[Finding]:
    for check in (numpy_check.CHECK, repository_code.CHECK, torch_code.CHECK):
        yield from check.run(model)


@pytest.mark.parametrize("case", MALICIOUS, ids=lambda case: case.id)
def test_refuses_and_names_the_cause(case: Case, tmp_path: Path) -> None:
    found = list(run(case.model(tmp_path)))
    assert case.rule in {finding.rule for finding in found if finding.severity == "error"}


@pytest.mark.parametrize("case", BENIGN, ids=lambda case: case.id)
def test_accepts(case: Case, tmp_path: Path) -> None:
    assert list(run(case.model(tmp_path))) == []


@pytest.mark.parametrize("case", code_files.malicious(), ids=lambda case: case.id)
def test_code_is_named_but_not_refused_when_scanned(case: Case, tmp_path: Path) -> None:
    found = list(run(replace(case.model(tmp_path), policy="scanned")))
    kept = [finding for finding in found if finding.rule == case.rule]
    assert kept
    errors = [finding.severity == "error" for finding in kept]
    assert all(errors) if case.id in code_files.ATTACKS else not any(errors)


def test_one_finding_an_archive_names_torchscript(tmp_path: Path) -> None:
    files = [(f"archive/code/m{index}.py", b"") for index in range(30)]
    case = Case("x", {"m.pt": code_files.zipped(*files)})
    assert len(list(torch_code.CHECK.run(case.model(tmp_path)))) == 1


DOCUMENTS = {
    "a.ipynb": (b'{"cells": []}', "notebook"),
    "a.html": (b"<p>x<script>1</script>", "script"),
    "b.html": (b"<img src=x onerror=alert(1)>", "script"),
    "c.html": (b"<a href='javascript:1'>x</a>", "script"),
    "d.html": (b"<a href='&#106;avascript:1'>x</a>", "script"),
    "a.svg": (b"<svg onload=alert(1)>", "script"),
    "README.md": (b"[x](javascript:1)", "script"),
    "page": (b"\xef\xbb\xbf <!DOCTYPE html><iframe src=x>", "script"),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_documents_that_act_are_warned_of(name: str, tmp_path: Path) -> None:
    data, rule = DOCUMENTS[name]
    (finding,) = notebooks.CHECK.run(Case("x", {name: data}).model(tmp_path))
    assert (finding.rule, finding.severity) == (rule, "warning")


def test_quiet_documents_are_let_pass(tmp_path: Path) -> None:
    card = b"# Model\n<img src='a.png' width=3>\n```html\n<script>1</script>\n```\nsee `<script>`\n"
    page = b"<html><body><a href='https://example.org'>x</a></body></html>"
    model = Case("x", {"README.md": card, "index.html": page}).model(tmp_path)
    assert list(notebooks.CHECK.run(model)) == []
