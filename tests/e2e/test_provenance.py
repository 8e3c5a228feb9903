"""Provenance through real builds: Nix signatures, shipped signatures, licences, timestamps."""

import hashlib
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from model_signing import signing

from common.digest import file_sha256, to_sri
from tests import minilm
from tests.certificates import authority, leaf, new_key, private_pem, public_pem
from tests.hub import Hub, Repo
from tests.nix import ROOT, Nix
from tests.servers.sigstore import Sigstore
from validators import registry

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


def by_key(folder: Path, repo: Path) -> str:
    key = new_key()
    (folder / "key.pem").write_bytes(private_pem(key))
    (folder / "key.pub").write_bytes(public_pem(key))
    config = signing.Config().use_elliptic_key_signer(private_key=folder / "key.pem")
    config.sign(repo, repo / "model.sig")
    return f"publicKey = {folder}/key.pub;"


def by_certificate(folder: Path, repo: Path) -> str:
    root = authority("root")
    _, trusted = root.write(folder, "root")
    between = authority("between", root)
    key, certificate = leaf("signer", between, "digital_signature").write(folder, "signer")
    config = signing.Config().use_certificate_signer(
        private_key=key,
        signing_certificate=certificate,
        certificate_chain=[between.write(folder, "between")[1]],
    )
    config.sign(repo, repo / "model.sig")
    return f"certificates = [ {trusted} ];"


def by_identity(folder: Path, repo: Path) -> str:
    with Sigstore() as sigstore:
        (folder / "client.json").write_text(json.dumps(sigstore.trust_config()))
        (folder / "trusted_root.json").write_text(json.dumps(sigstore.trusted_root()))
        config = signing.Config().use_sigstore_signer(
            identity_token=sigstore.token("me@example.com", "https://login.example"),
            trust_config=folder / "client.json",
        )
        config.sign(repo, repo / "model.sig")
    who = 'identity = "me@example.com"; issuer = "https://login.example";'
    return f"{who} trustRoot = {folder}/trusted_root.json;"


@pytest.mark.parametrize("sign_by", [by_key, by_certificate, by_identity])
def test_a_repository_that_ships_its_signature(
    nix: Nix, hub: Hub, tmp_path: Path, sign_by: Callable[[Path, Path], str]
) -> None:
    folder = tmp_path / "repo"
    folder.mkdir()
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    whose = sign_by(tmp_path, folder)
    signature = (folder / "model.sig").read_bytes()
    hub.put(Repo("org/m", files=FILES | {"model.sig": signature}))
    wanted = f"security.signature = {{ {whose} }};"
    path = nix.build(model(wanted, model__sig=signature), HF_ENDPOINT=hub.endpoint)
    meta = json.loads(nix.real(f"{path}/.nix-ai-model-meta.json").read_text())
    assert {"name": "signature", "version": "2", "outcome": "passed"} in meta["validators"]

    tampered = FILES | {"config.json": b"{ }"}
    hub.put(Repo("org/m", files=tampered | {"model.sig": signature}))
    bad = model(f'name = "bad"; {wanted}', config__json=b"{ }", model__sig=signature)
    log = nix.build_fails(bad, HF_ENDPOINT=hub.endpoint)
    assert "the signature model.sig does not hold" in log
    assert "config.json is not what was signed" in log
    assert not [name for name in nix.outputs() if name.endswith("-bad")]


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


def test_bills_of_materials_of_sets(nix: Nix, hub: Hub) -> None:
    hub.put(Repo("org/n", files=FILES))
    models = f"a = {model()}; b = {model().replace('org/m', 'org/n')};"
    links = """map (m: { path = "/x/${m.name}"; target = "${m}"; model = m.name; }) [ a b ]"""
    manifest = f"""lib.mkManifest {{ state = "/state"; links = {links}; }}"""
    for expression in ("lib.mkHfCache [ a b ]", manifest):
        path = nix.build(f"let {models} in {expression}", HF_ENDPOINT=hub.endpoint)
        printed = nix.loaded(str(ROOT / "nix-ai-model"), "bom", path)
        assert printed.returncode == 0, printed.stderr
        assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(printed.stdout) is None
        components = json.loads(printed.stdout)["components"]
        assert [each["name"] for each in components] == ["m", "n"]
        for each in components:
            checks = [p for p in each["properties"] if "check:" in p["name"]]
            assert "nix-ai-models:check:pickle-scan" in {check["name"] for check in checks}


def test_the_report_of_the_real_model_is_clean_and_complete(nix: Nix, hub: Hub) -> None:
    repo = minilm.repo()
    hub.put(repo)
    hashes = " ".join(
        f'"{name}" = "{to_sri(file_sha256(place))}";' for name, place in minilm.files().items()
    )
    path = nix.build(
        f'lib.fetchModel {{ source.huggingface.repo = "{repo.id}"; fileHashes = {{ {hashes} }}; }}',
        HF_ENDPOINT=hub.endpoint,
    )
    meta = json.loads(nix.real(f"{path}/.nix-ai-model-meta.json").read_text())
    assert (meta["policy"], meta["findings"], meta["ignoredFiles"]) == ("safe-only", [], [])
    assert len(meta["files"]) == minilm.FILES
    passed = {c["name"]: c["version"] for c in meta["validators"] if c["outcome"] == "passed"}
    skipped = {c["name"]: c["detail"] for c in meta["validators"] if c["outcome"] == "skipped"}
    assert {*passed, *skipped} == {check.name for check in registry.all_checks().values()}
    assert all(passed.values()), "each with its version"
    unread, unasked = "no file is of a kind that it reads", "not asked for"
    assert skipped == {"modelscan": unread} | dict.fromkeys(
        ("fickling", "license", "picklescan", "signature"), unasked
    )
    command = str(ROOT / "nix-ai-model")
    info = nix.loaded(command, "info", path)
    assert info.returncode == 0, info.stderr
    assert f"  not run: fickling ({unasked})" in info.stdout
    assert "VERDICT" not in info.stdout, "there is nothing to tell"
    bom = nix.loaded(command, "bom", path)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bom.stdout) is None
    [component] = json.loads(bom.stdout)["components"]
    assert component["licenses"][0]["license"]["id"] == "Apache-2.0"
    assert component["modelCard"]["modelParameters"]["modelArchitecture"] == "BertModel"
