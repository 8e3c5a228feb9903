"""Checks run apart, and whatever goes wrong with one refuses the model."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from common.errors import UsageError
from common.findings import Report
from tests.validators.corpus.assemble import call, payload, proto, sg
from tests.validators.helpers import make_model
from validators import checks as package
from validators.runner import run_checks

HEAD = "from common.findings import Finding\nfrom validators.base import Check\n"
SHARED = """
judge = run
from validators.visits import Shared, Visit
class Faulty(Visit):
    def member(self, member, sight):
        judge(self.model)
        yield from ()
run = Shared(Faulty)
"""
FAULTS = {
    "raise": ("raise ValueError('went wrong')", "went wrong"),
    "exit": ("import os; os._exit(3)", "ended with status 3"),
    "leave": ("raise SystemExit(0)", "no readable answer"),
    "crash": ("import ctypes; ctypes.string_at(0)", "SIGSEGV"),
    "hang": ("import time; time.sleep(60)", "did not end within 2 seconds"),
    "stubborn": (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)",
        "did not end within 2 seconds",
    ),
    "memory": ("x = [bytearray(1 << 20) for _ in range(4096)]", "of memory"),
    "shout": ("print('{\"findings\": []}'); raise KeyError('x')", "KeyError"),
}


@pytest.fixture
def add_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Adding a check is one file: here in a second directory of the package."""
    place = tmp_path / "checks"
    place.mkdir()
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(place)])
    start = f"import validators.checks as c; c.__path__.append({str(place)!r})"
    (tmp_path / "sitecustomize.py").write_text(start)
    monkeypatch.syspath_prepend(str(tmp_path))

    def add(body: str, *, shared: bool = False) -> None:
        text = f"def run(model):\n    {body}\n    return []\n"
        if shared:
            text += SHARED
        seconds = 2.0 if "sleep" in body else 60.0
        options = f"timeout={seconds}, memory=512 << 20"
        check = f"CHECK = Check(name='faulty', version='9', run=run, {options})\n"
        (place / "faulty.py").write_text(HEAD + text + check)

    yield add
    sys.modules.pop("validators.checks.faulty", None)


@pytest.fixture
def model_root(tmp_path: Path) -> Path:
    root = tmp_path / "model"
    root.mkdir()
    (root / "config.json").write_text("{}")
    return root


@pytest.mark.parametrize("fault", FAULTS)
def test_fails_closed(fault: str, add_check: Callable[..., None], model_root: Path) -> None:
    body, words = FAULTS[fault]
    add_check(body)
    report = run_checks(make_model(model_root), checks=["faulty"])
    (result,) = report.checks
    assert result.outcome == "failed"
    assert words in result.detail
    assert report.refused


@pytest.mark.parametrize("fault", ["raise", "shout"])
def test_a_fault_within_the_shared_walk_is_one_checks_own(
    fault: str, add_check: Callable[..., None], model_root: Path
) -> None:
    body, words = FAULTS[fault]
    add_check(body, shared=True)
    (model_root / "a.pkl").write_bytes(payload())
    report = run_checks(make_model(model_root), checks=["faulty", "pickle-scan", "gguf"])
    results = {result.name: result for result in report.checks}
    assert outcomes(report) == {"faulty": "failed", "pickle-scan": "failed", "gguf": "passed"}
    assert words in results["faulty"].detail
    assert {finding.rule for finding in results["pickle-scan"].findings} == {"dangerous-global"}


@pytest.mark.parametrize("fault", ["exit", "leave", "crash", "stubborn"])
def test_what_ends_the_shared_process_fails_every_check_that_needs_it(
    fault: str, add_check: Callable[..., None], model_root: Path
) -> None:
    body, words = FAULTS[fault]
    add_check(body, shared=True)
    checks = ["faulty", "modelscan"] if fault == "stubborn" else ["faulty", "gguf", "modelscan"]
    report = run_checks(make_model(model_root), checks=checks)
    assert set(outcomes(report).values()) == {"failed"}
    assert all(words in result.detail for result in report.checks)


def test_memory_that_one_check_takes_is_given_back(
    add_check: Callable[..., None], model_root: Path
) -> None:
    add_check(FAULTS["memory"][0], shared=True)
    (model_root / "a.npy").write_bytes(b"text")
    report = run_checks(make_model(model_root), checks=["faulty", "numpy"])
    detail = {result.name: result.detail for result in report.checks}
    assert detail == {"faulty": "used more than 512 MiB of memory", "numpy": ""}
    assert [finding.rule for finding in report.findings] == ["not-npy"]


def test_a_check_sees_no_credentials_and_an_empty_directory(
    add_check: Callable[..., None], model_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    add_check("import os; assert 'HF_TOKEN' not in os.environ; assert not os.listdir('.')")
    assert not run_checks(make_model(model_root), checks=["faulty"]).refused


def test_same_input_same_report(model_root: Path) -> None:
    (model_root / "a.pkl").write_bytes(payload())
    first, second = (run_checks(make_model(model_root)) for _ in range(2))
    assert first == second
    assert [result.name for result in first.checks] == sorted(r.name for r in first.checks)
    assert all(result.seconds is None for result in first.checks)
    timed = run_checks(make_model(model_root), timing=True)
    assert all(result.seconds is not None for result in timed.checks if result.outcome == "failed")


def outcomes(report: Report) -> dict[str, str]:
    return {result.name: result.outcome for result in report.checks}


def test_policies(model_root: Path) -> None:
    (model_root / "harmless.bin").write_bytes(proto() + b"}.")
    safe, scanned, off = (
        run_checks(make_model(model_root, policy), checks=["pickle-scan", "file-types"])
        for policy in ("safe-only", "scanned", "off")
    )
    assert outcomes(safe) == {"file-types": "failed", "pickle-scan": "passed"}
    (refusal,) = [finding for finding in safe.findings if finding.severity == "error"]
    assert (refusal.file, refusal.rule) == ("harmless.bin", "pickle")
    assert refusal.remedy.endswith('security.policy = "scanned";')
    assert outcomes(scanned) == {"file-types": "passed", "pickle-scan": "passed"}
    assert outcomes(off) == {"file-types": "skipped", "pickle-scan": "skipped"}
    assert all('policy = "off"' in result.detail for result in off.checks)


def test_wrong_names() -> None:
    with pytest.raises(UsageError, match="policy"):
        run_checks(make_model(Path(__file__).parent / "none", "safe"))
    with pytest.raises(UsageError, match="no check"):
        run_checks(make_model(Path(__file__).parent / "none"), checks=["pickle-scam"])


def test_lenient_scan_errors_do_not_soften_the_policy(model_root: Path) -> None:
    (model_root / "evil.bin").write_bytes(payload())
    names = ["pickle-scan", "file-types"]
    model = make_model(model_root, "safe-only", failOnScanError=False)
    assert outcomes(run_checks(model, checks=names)) == {
        "file-types": "failed",
        "pickle-scan": "warned",
    }
    model = make_model(model_root, "scanned", failOnScanError=False)
    assert not run_checks(model, checks=names).refused


def test_allowed_globals_and_ignored_files(model_root: Path) -> None:
    (model_root / "a.pkl").write_bytes(proto() + call(sg("my.module", "Thing")) + b".")
    (model_root / "training_args.bin").write_bytes(proto() + call(sg("other", "Args")) + b".")
    names = ["pickle-scan"]
    report = run_checks(make_model(model_root), checks=names)
    assert {finding.remedy for finding in report.findings} == {
        'security.allowGlobals = [ "my.module.Thing" ];',
        'security.ignoreFiles = [ "*training_args.bin" ];',
    }
    assert "once, first at byte 20" in report.findings[0].trigger
    rules = {"allowGlobals": ["my.module.Thing"], "ignoreFiles": ["training_args.bin"]}
    report = run_checks(make_model(model_root, **rules), checks=names)
    assert not report.refused
    assert report.ignored == ("training_args.bin",)
    assert {finding.severity for finding in report.findings} == {"info", "warning"}


def test_allowing_is_exact(model_root: Path) -> None:
    (model_root / "a.pkl").write_bytes(proto() + call(sg("my", "module.Thing")) + b".")
    report = run_checks(
        make_model(model_root, allowGlobals=["my.module.Thing"]), checks=["pickle-scan"]
    )
    assert report.refused
    assert '"my:module.Thing"' in report.findings[0].remedy
    report = run_checks(
        make_model(model_root, allowGlobals=["my:module.Thing"]), checks=["pickle-scan"]
    )
    assert not report.refused


def test_a_file_does_not_pass_for_a_member_of_one_left_out(model_root: Path) -> None:
    (model_root / "training_args.bin").write_bytes(payload())
    (model_root / "training_args.bin!weights.bin").write_bytes(payload())
    model = make_model(model_root, ignoreFiles=["training_args.bin"])
    report = run_checks(model, checks=["pickle-scan"])
    severities = {finding.file: finding.severity for finding in report.findings}
    assert severities == {
        "training_args.bin": "warning",
        "training_args.bin!weights.bin": "error",
    }
