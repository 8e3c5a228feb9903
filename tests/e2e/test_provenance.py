"""Provenance through real builds: Nix signatures, shipped signatures, licences, timestamps."""

import hashlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from model_signing import signing

from common.digest import to_sri
from tests.hub import Hub, Repo
from tests.nix import ROOT, Nix

FILES = {"config.json": b"{}", "README.md": b"---\nlicense: mit\n---\n"}


def model(more: str = "", **files: bytes) -> str:
    everything = FILES | {name.replace("__", "."): content for name, content in files.items()}
    hashes = " ".join(
        f'"{name}" = "{to_sri(hashlib.sha256(content).hexdigest())}";'
        for name, content in everything.items()
    )
    return f"""lib.fetchModel {{
      source.huggingface.repo = "org/m"; fileHashes = {{ {hashes} }}; {more}
    }}"""


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub([Repo("org/m", files=FILES)]) as hub:
        yield hub


@pytest.fixture
def nix_key(nix: Nix, tmp_path: Path) -> tuple[Path, str]:
    """A Nix signing key: the secret's file, and the public key as text."""
    secret = tmp_path / "cache.secret"
    made = nix.run("nix", "key", "generate-secret", "--key-name", "test-1")
    secret.write_text(made.stdout)
    public = subprocess.run(
        [str(ROOT / "scripts/with-nix"), "nix", "key", "convert-secret-to-public"],
        input=made.stdout,
        env=nix.environ,
        capture_output=True,
        text=True,
        check=True,
    )
    return secret, public.stdout.strip()


def second_store(state: Path, cache: Path, key: str, path: str) -> str:
    """Copy a path from a cache into a store that trusts one key; gives why it would not."""
    other = Nix(state)
    options = ("--option", "require-sigs", "true", "--option", "trusted-public-keys", key)
    copied = other.run("nix", "copy", *options, "--from", f"file://{cache}", path)
    valid = other.run("nix-store", "--check-validity", path)
    assert valid.returncode == copied.returncode
    return copied.stderr if copied.returncode else ""


def test_a_signed_model_is_accepted_by_a_store_that_trusts_the_key(
    nix: Nix, hub: Hub, tmp_path: Path, nix_key: tuple[Path, str]
) -> None:
    secret, public = nix_key
    path = nix.build(model("provenance.signOutput = true;"), HF_ENDPOINT=hub.endpoint)
    unsigned = nix.loaded(str(ROOT / "nix-ai-model"), "verify", path)
    assert unsigned.returncode == 1
    assert "is to be signed, and is not" in unsigned.stderr
    signed = nix.loaded(str(ROOT / "nix-ai-model"), "sign", path, "--nix-key", str(secret))
    assert signed.returncode == 0, signed.stderr
    cache = tmp_path / "cache"
    assert nix.run("nix", "copy", "--to", f"file://{cache}?compression=none", path).returncode == 0
    wrong = "other-1:" + public.partition(":")[2]
    assert "lacks a" in second_store(tmp_path / "wrong", cache, wrong, path)
    assert second_store(tmp_path / "right", cache, public, path) == ""
    [nar] = [p for p in (cache / "nar").iterdir() if b".nix-ai-model-meta.json" in p.read_bytes()]
    content = bytearray(nar.read_bytes())
    content[content.index(b"huggingface:org")] ^= 1
    nar.write_bytes(content)
    assert "mismatch" in second_store(tmp_path / "flipped", cache, public, path)


def test_a_repository_that_ships_its_signature(nix: Nix, hub: Hub, tmp_path: Path) -> None:
    folder = tmp_path / "repo"
    folder.mkdir()
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    for command in (
        ["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "key.pem"],
        ["ec", "-in", "key.pem", "-pubout", "-out", "key.pub"],
    ):
        subprocess.run(["openssl", *command], cwd=tmp_path, check=True, capture_output=True)
    config = signing.Config().use_elliptic_key_signer(private_key=tmp_path / "key.pem")
    config.sign(folder, folder / "model.sig")
    signature = (folder / "model.sig").read_bytes()
    hub.put(Repo("org/m", files=FILES | {"model.sig": signature}))
    wanted = f"security.signature.publicKey = {tmp_path}/key.pub;"
    path = nix.build(model(wanted, model__sig=signature), HF_ENDPOINT=hub.endpoint)
    meta = json.loads(nix.real(f"{path}/.nix-ai-model-meta.json").read_text())
    assert {"name": "signature", "version": "1", "outcome": "passed"} in meta["validators"]

    tampered = FILES | {"config.json": b"{ }"}
    hub.put(Repo("org/m", files=tampered | {"model.sig": signature}))
    log = nix.build_fails(
        model(wanted, config__json=b"{ }", model__sig=signature), HF_ENDPOINT=hub.endpoint
    )
    assert "the signature model.sig does not hold" in log
    assert "config.json" in log


def test_a_licence_that_is_not_allowed_refuses_the_model(nix: Nix, hub: Hub) -> None:
    log = nix.build_fails(
        model('security.allowedLicenses = [ "apache-2.0" ];'), HF_ENDPOINT=hub.endpoint
    )
    assert "the licence is none of those that are allowed [mit]" in log
    path = nix.build(model('security.allowedLicenses = [ "mit" ];'), HF_ENDPOINT=hub.endpoint)
    meta = json.loads(nix.real(f"{path}/.nix-ai-model-meta.json").read_text())
    assert meta["licenses"] == ["mit"]


def test_source_and_times_are_recorded_as_asked(nix: Nix, hub: Hub) -> None:
    def meta(more: str) -> dict[str, object]:
        path = nix.build(model(more), HF_ENDPOINT=hub.endpoint)
        return json.loads(nix.real(f"{path}/.nix-ai-model-meta.json").read_text())

    plain = meta("")
    assert plain["source"] == "huggingface:org/m@main"
    assert all("seconds" not in check for check in plain["validators"])
    other = meta("provenance = { recordSource = false; recordTimestamp = true; };")
    assert other["source"] is None
    assert all(
        check["seconds"] >= 0 for check in other["validators"] if check["outcome"] != "skipped"
    )
