"""Second opinions: scanners run apart, see only what concerns them, are judged by their words."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch

from common.findings import CheckResult
from tests.validators.corpus import huge
from tests.validators.corpus.archives import Member, make_zip
from tests.validators.corpus.assemble import call, payload, proto, sg
from tests.validators.helpers import make_model
from validators.runner import run_checks

NAMES = ("modelscan", "picklescan", "fickling")
ALL = {"scanners": ["picklescan", "fickling"]}


def opinion(name: str, root: Path, **security: object) -> CheckResult:
    (result,) = run_checks(make_model(root, "scanned", **ALL | security), checks=[name]).checks
    return result


@pytest.mark.parametrize("name", NAMES)
def test_sees_what_is_malicious(name: str, tmp_path: Path) -> None:
    (tmp_path / "weights.txt").write_bytes(payload())
    (tmp_path / "a.pt").write_bytes(make_zip(Member("a/data.pkl", payload())))
    result = opinion(name, tmp_path)
    assert result.outcome == "failed"
    assert not result.detail
    assert result.version[0].isdigit()
    files = {finding.file.partition("!")[0] for finding in result.findings}
    assert files == {"a.pt", "weights.txt"}


@pytest.mark.parametrize("name", NAMES)
def test_passes_what_is_benign(name: str, tmp_path: Path) -> None:
    torch.save({"w": torch.ones(3)}, tmp_path / "zip.pt")
    torch.save({"w": torch.ones(3)}, tmp_path / "old.bin", _use_new_zipfile_serialization=False)
    np.save(tmp_path / "a.npy", np.zeros(3))
    (tmp_path / "config.json").write_text("{}")
    result = opinion(name, tmp_path)
    assert result.outcome in {"passed", "warned"}
    assert not result.detail


def test_reads_no_weights_and_starts_nothing_without_need(tmp_path: Path) -> None:
    huge.safetensors(tmp_path / "model.safetensors", 2 << 30)
    model = make_model(tmp_path, "scanned")
    model = replace(model, tools={"modelscan": ("/no/such/program",)})
    (result,) = run_checks(model, checks=["modelscan"]).checks
    assert (result.outcome, result.version) == ("skipped", "not started")
    assert result.detail == "no file is of a kind that it reads"


def test_program_that_is_missing_or_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(proto() + b"}.")
    model = make_model(tmp_path, "scanned")
    for tool in (("/no/such/program",), ("true",), ("false",)):
        equipped = replace(model, tools={"modelscan": tool})
        (result,) = run_checks(equipped, checks=["modelscan"]).checks
        assert result.outcome == "failed"
        assert result.detail


def test_settings_of_the_model_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "modelscan-settings.toml").write_text("modelscan_version = '0'\n[scanners]\n")
    (tmp_path / "a.pkl").write_bytes(payload())
    assert opinion("modelscan", tmp_path).outcome == "failed"


def test_what_only_we_can_read_is_a_warning(tmp_path: Path) -> None:
    joblib.dump({"x": np.arange(10.0)}, tmp_path / "a.joblib")
    assert opinion("modelscan", tmp_path).outcome == "warned"
    (tmp_path / "b.pkl").write_bytes(proto() + b"}." + b"\x80\x04\x8c\x02os")
    (tmp_path / "a.joblib").write_bytes(call(sg("x", "y")) + b"\xff")
    assert opinion("pickle-scan", tmp_path).outcome == "failed"


def test_switches(tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(payload())
    off = {"enableModelScan": False, "enablePickleScan": False}
    report = run_checks(make_model(tmp_path, "scanned", **off), checks=[*NAMES, "pickle-scan"])
    assert {result.outcome for result in report.checks} == {"skipped"}


def test_environment_of_a_scanner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    (tmp_path / "a.pkl").write_bytes(proto() + b"}.")
    spy = tmp_path / "spy.txt"
    code = f"import os; open({str(spy)!r}, 'w').write(f'{{os.listdir(chr(46))}} {{os.environ}}')"
    model = replace(make_model(tmp_path), tools={"modelscan": (sys.executable, "-c", code)})
    run_checks(model, checks=["modelscan"])
    assert spy.read_text().startswith("[] ")
    assert "hf_secret" not in spy.read_text()
    assert os.environ["HF_TOKEN"] == "hf_secret"
