"""Signatures by the OpenSSF library: what holds is accepted, a changed bit is refused."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from model_signing import signing, verifying

from common.findings import Finding
from tests.cli.conftest import Command
from validators.base import Model, ModelFile
from validators.checks.signature import CHECK


@pytest.fixture
def key(tmp_path: Path) -> Path:
    private = tmp_path / "key.pem"
    make = ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", private]
    subprocess.run(make, check=True, capture_output=True)
    public = ["openssl", "ec", "-in", private, "-pubout", "-out", tmp_path / "key.pub"]
    subprocess.run(public, check=True, capture_output=True)
    return private


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "sub").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "sub/weights.safetensors").write_bytes(b"x" * 1000)
    (folder / ".gitattributes").write_text("* text")
    return folder


@pytest.fixture
def check(model: Path, key: Path) -> Callable[..., list[Finding]]:
    """Run the check on the directory, trusting the key unless told otherwise."""

    def run(**wanted: str) -> list[Finding]:
        paths = sorted(path for path in model.rglob("*") if path.is_file())
        files = tuple(
            ModelFile(path.relative_to(model).as_posix(), path, path.stat().st_size)
            for path in paths
        )
        trust = wanted or {"publicKey": str(key.with_suffix(".pub"))}
        return list(CHECK.run(Model("m", files, model, security={"signature": trust})))

    return run


def test_what_the_library_signed_we_accept(
    model: Path, key: Path, check: Callable[..., list[Finding]]
) -> None:
    config = signing.Config().use_elliptic_key_signer(private_key=key)
    config.sign(model, model / "model.sig")
    assert check() == []


def test_what_we_signed_the_library_accepts(command: Command, model: Path, key: Path) -> None:
    command.ok("sign", model, "--key", key, "--output", model / "model.sig")
    config = verifying.Config().use_elliptic_key_verifier(public_key=key.with_suffix(".pub"))
    from model_signing import hashing  # noqa: PLC0415 - beside its use

    config.set_hashing_config(hashing.Config().set_ignored_paths(paths=[model / "model.sig"]))
    config.verify(model, model / "model.sig")


def test_a_tampered_file_is_refused(
    model: Path, key: Path, check: Callable[..., list[Finding]]
) -> None:
    signing.Config().use_elliptic_key_signer(private_key=key).sign(model, model / "model.sig")
    weights = model / "sub/weights.safetensors"
    weights.write_bytes(b"y" + weights.read_bytes()[1:])
    [finding] = check()
    assert finding.severity == "error"
    assert finding.rule == "bad-signature"
    assert "sub/weights.safetensors" in finding.trigger


def test_an_added_file_is_refused_and_an_absent_one_is_noted(
    model: Path, key: Path, check: Callable[..., list[Finding]]
) -> None:
    signing.Config().use_elliptic_key_signer(private_key=key).sign(model, model / "model.sig")
    (model / "evil.py").write_text("import os")
    [finding] = check()
    assert "evil.py" in finding.trigger
    (model / "evil.py").unlink()
    (model / "config.json").unlink()
    [finding] = check()
    assert (finding.severity, finding.trigger) == ("info", "config.json")


def test_another_key_and_no_signature_are_refused(
    model: Path, key: Path, tmp_path: Path, check: Callable[..., list[Finding]]
) -> None:
    assert [finding.rule for finding in check()] == ["no-signature"]
    signing.Config().use_elliptic_key_signer(private_key=key).sign(model, model / "model.sig")
    other = tmp_path / "other.pem"
    make = ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", other]
    subprocess.run(make, check=True, capture_output=True)
    public = ["openssl", "ec", "-in", other, "-pubout", "-out", tmp_path / "other.pub"]
    subprocess.run(public, check=True, capture_output=True)
    [finding] = check(publicKey=str(tmp_path / "other.pub"))
    assert finding.rule == "bad-signature"
    [finding] = check(file="model.sig")
    assert "say whose signature counts" in finding.message


def test_a_bad_key_is_explained(command: Command, model: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.pem").write_text("nonsense")
    result = command("sign", model, "--key", tmp_path / "bad.pem")
    assert result.status == 2
    assert "this key cannot sign" in result.err
    assert command("sign", model).status == 2
