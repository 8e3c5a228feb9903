"""Signatures by certificate and by identity, made by the real library and verified without network.

The Sigstore instance is one on loopback, and it is gone before anything is verified.
"""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from model_signing import signing

from common.findings import Finding
from tests.certificates import Pair, authority, leaf, new_key, public_pem
from tests.cli.conftest import Command
from tests.servers.sigstore import CONFIG_TYPE, ROOT_TYPE, Sigstore
from validators.base import Model, ModelFile
from validators.checks.signature import CHECK

SIGNS = "digital_signature"
ME, ISSUER = "me@example.com", "https://login.example"
WORKFLOW = "https://github.com/org/repo/.github/workflows/release.yml@refs/tags/v1"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"x" * 1000)
    return folder


Judge = Callable[..., list[Finding]]


@pytest.fixture
def judge(model: Path) -> Judge:
    """Run the check with these words of `security.signature`."""

    def run(**wanted: object) -> list[Finding]:
        files = tuple(
            ModelFile(path.relative_to(model).as_posix(), path, path.stat().st_size)
            for path in sorted(model.rglob("*"))
            if path.is_file()
        )
        said = {
            key: value if isinstance(value, list) else str(value) for key, value in wanted.items()
        }
        return list(CHECK.run(Model("m", files, model, security={"signature": said})))

    return run


def refusal(findings: list[Finding], rule: str = "bad-signature") -> str:
    [finding] = findings
    assert (finding.severity, finding.rule) == ("error", rule)
    assert finding.remedy
    return f"{finding.message}: {finding.trigger}"


def by_certificate(model: Path, signer: Pair, *chain: Pair) -> None:
    keys = model.parent / "keys"
    key, certificate = signer.write(keys, "signer")
    paths = [pair.write(keys, f"chain{number}")[1] for number, pair in enumerate(chain)]
    config = signing.Config().use_certificate_signer(
        private_key=key, signing_certificate=certificate, certificate_chain=paths or [certificate]
    )
    config.sign(model, model / "model.sig")


def root_of(pair: Pair, folder: Path, name: str = "root") -> list[str]:
    return [str(pair.write(folder, name)[1])]


def test_a_certificate_counts_by_its_root(model: Path, judge: Judge, tmp_path: Path) -> None:
    root = authority("root")
    between = authority("between", root)
    by_certificate(model, leaf("signer", between, SIGNS), between)
    trusted = root_of(root, tmp_path)
    assert judge(certificates=trusted) == []
    assert "unable to get local issuer" in refusal(
        judge(certificates=root_of(authority("root"), tmp_path, "other"))
    )
    (model / "config.json").write_text("{ }")
    assert "config.json is not what was signed" in refusal(judge(certificates=trusted))
    (model / "config.json").write_text("{}")
    (model / "modeling.py").write_text("import os")
    assert "modeling.py was not signed" in refusal(judge(certificates=trusted))


@pytest.mark.parametrize("uses", [(), ("key_encipherment",)])
def test_a_certificate_that_is_not_for_signing(
    model: Path, judge: Judge, tmp_path: Path, uses: tuple[str, ...]
) -> None:
    root = authority("root")
    by_certificate(model, leaf("signer", root, *uses))
    assert "cannot be used for signing" in refusal(judge(certificates=root_of(root, tmp_path)))


def test_a_signer_who_is_no_authority_vouches_for_nobody(
    model: Path, judge: Judge, tmp_path: Path
) -> None:
    root = authority("root")
    signer = leaf("signer", root, SIGNS)
    by_certificate(model, leaf("friend", signer, SIGNS), signer)
    assert "invalid CA certificate" in refusal(judge(certificates=root_of(root, tmp_path)))


def test_a_certificate_where_a_key_is_wanted_and_the_reverse(
    model: Path, judge: Judge, tmp_path: Path
) -> None:
    root = authority("root")
    key, certificate = root.write(tmp_path, "root")
    by_certificate(model, leaf("signer", root, SIGNS))
    assert "no PEM file of a certificate" in refusal(
        judge(certificates=[str(key)]), "cannot-verify"
    )
    assert "no PEM file of a public key" in refusal(judge(publicKey=certificate), "cannot-verify")
    assert "cannot read" in refusal(judge(publicKey=tmp_path / "absent"), "cannot-verify")


def test_what_we_sign_with_a_certificate(
    command: Command, model: Path, judge: Judge, tmp_path: Path
) -> None:
    root = authority("root")
    between = authority("between", root)
    key, certificate = leaf("signer", between, SIGNS).write(tmp_path, "signer")
    chain = between.write(tmp_path, "between")[1]
    words = ("sign", model, "--output", model / "model.sig")
    by = ("--certificate", certificate, "--chain", chain)
    command.ok(*words, "--key", key, *by)
    assert judge(certificates=root_of(root, tmp_path)) == []
    command.ok(*words, "--key", key, "--certificate", certificate)
    both = [*root_of(root, tmp_path), str(chain)]
    assert judge(certificates=both) == []
    assert "unable to get local issuer" in refusal(judge(certificates=both[:1]))
    (model / "model.sig").unlink()
    foreign = authority("foreign").write(tmp_path, "foreign")[0]
    result = command(*words, "--key", foreign, *by)
    assert result.status == 2
    assert "does not match the public key" in result.err
    assert not (model / "model.sig").exists()
    nix_key = command("sign", model, "--nix-key", key, *by)
    assert nix_key.status == 2
    assert "a certificate needs its key" in nix_key.err


def by_identity(model: Path, identity: str = ME) -> tuple[Path, Path]:
    """Sign with an instance that ends then; gives its trust root in both of its forms."""
    folder = model.parent / "trust"
    folder.mkdir(exist_ok=True)
    config, root = folder / "config.json", folder / "trusted_root.json"
    with Sigstore() as sigstore:
        config.write_text(json.dumps(sigstore.trust_config()))
        root.write_text(json.dumps(sigstore.trusted_root()))
        # Two of others before ours, so that the log's proof is more than one leaf.
        for who in ("a@example.com", "b@example.com", identity):
            (model / "model.sig").unlink(missing_ok=True)
            signer = signing.Config().use_sigstore_signer(
                identity_token=sigstore.token(who, ISSUER), trust_config=config
            )
            signer.sign(model, model / "model.sig")
    return config, root


@pytest.mark.parametrize("identity", [ME, WORKFLOW])
def test_an_identity_counts_with_its_issuer_and_instance(
    model: Path, judge: Judge, tmp_path: Path, identity: str
) -> None:
    config, root = by_identity(model, identity)
    who = {"identity": identity, "issuer": ISSUER}
    assert judge(**who, trustRoot=config) == []
    assert judge(**who, trustRoot=root) == []
    assert "you@example.com" in refusal(
        judge(identity="you@example.com", issuer=ISSUER, trustRoot=root)
    )
    assert "expected 'https://other.example'" in refusal(
        judge(identity=identity, issuer="https://other.example", trustRoot=root)
    )
    (tmp_path / "elsewhere").mkdir()
    _, other = by_identity_elsewhere(tmp_path / "elsewhere")
    assert "certificate chain" in refusal(judge(**who, trustRoot=other))
    (model / "model.safetensors").write_bytes(b"y" * 1000)
    assert "model.safetensors is not what was signed" in refusal(judge(**who, trustRoot=root))


def by_identity_elsewhere(folder: Path) -> tuple[Path, Path]:
    model = folder / "model"
    model.mkdir()
    return by_identity(model)


@pytest.mark.parametrize("part", ["signedEntryTimestamp", "rootHash", "logIndex", "sig", "payload"])
def test_a_bundle_that_was_changed(model: Path, judge: Judge, part: str) -> None:
    _, root = by_identity(model)
    file = model / "model.sig"
    bundle = json.loads(file.read_text())
    place = next(found for found in _within(bundle) if part in found)
    old = place[part]
    place[part] = ("B" if old[4:5] == "A" else "A").join((old[:4], old[5:])) if old[4:] else "7"
    file.write_text(json.dumps(bundle))
    refusal(judge(identity=ME, issuer=ISSUER, trustRoot=root))


def _within(data: object) -> list[dict[str, str]]:
    if isinstance(data, dict):
        return [data, *(found for value in data.values() for found in _within(value))]
    return [found for value in data for found in _within(value)] if isinstance(data, list) else []


def test_an_identity_is_verified_without_network_or_not_at_all(model: Path, judge: Judge) -> None:
    _, root = by_identity(model)
    said = refusal(judge(identity=ME, issuer=ISSUER), "cannot-verify")
    assert "a check has no network: no trustRoot" in said
    [finding] = judge(identity=ME, issuer=ISSUER)
    assert "cosign trusted-root create" in finding.remedy
    assert "no issuer" in refusal(judge(identity=ME, trustRoot=root), "cannot-verify")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{}", "no mediaType"),
        ("[]", "no object"),
        ("{}\n{}\n", "no JSON of one document"),
        (json.dumps({"mediaType": "application/x"}), "application/x"),
        (json.dumps({"mediaType": ROOT_TYPE}), "tlogs"),
        (json.dumps({"mediaType": CONFIG_TYPE}), "trustedRoot"),
    ],
)
def test_what_is_no_trust_root(model: Path, judge: Judge, content: str, why: str) -> None:
    by_identity(model)
    wrong = model.parent / "wrong.json"
    wrong.write_text(content)
    said = refusal(judge(identity=ME, issuer=ISSUER, trustRoot=wrong), "cannot-verify")
    assert said.startswith("wrong.json is no trust root of Sigstore")
    assert why in said


def test_one_kind_of_signature_where_another_is_wanted(
    model: Path, judge: Judge, tmp_path: Path
) -> None:
    _, root = by_identity(model)
    refusal(judge(certificates=root_of(authority("root"), tmp_path)))
    by_certificate(model, leaf("signer", authority("root"), SIGNS))
    refusal(judge(identity=ME, issuer=ISSUER, trustRoot=root))


def test_what_the_signer_left_out_is_told(model: Path, judge: Judge) -> None:
    from model_signing import hashing  # noqa: PLC0415 - beside its use

    root = authority("root")
    key, certificate = leaf("signer", root, SIGNS).write(model.parent / "keys", "signer")
    config = signing.Config().use_certificate_signer(
        private_key=key, signing_certificate=certificate, certificate_chain=[certificate]
    )
    left_out = hashing.Config().set_ignored_paths(paths=[model / "config.json"])
    config.set_hashing_config(left_out).sign(model, model / "model.sig")
    [finding] = judge(certificates=root_of(root, model.parent))
    assert (finding.severity, finding.rule) == ("warning", "left-unsigned")
    assert finding.file == "config.json"


def test_a_signature_in_a_folder(model: Path, judge: Judge, tmp_path: Path) -> None:
    root = authority("root")
    by_certificate(model, leaf("signer", root, SIGNS))
    (model / "proof").mkdir()
    (model / "model.sig").rename(model / "proof" / "mine.sig")
    trusted = {"certificates": root_of(root, tmp_path), "file": "proof/mine.sig"}
    assert judge(**trusted) == []
    (model / "mine.sig").write_text("{}")
    assert "mine.sig was not signed" in refusal(judge(**trusted))


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[]", b"\xff\xfe", b"[" * 100_000, b'{"verificationMaterial": {}}', b"1" * 5000],
)
def test_what_is_no_signature(model: Path, judge: Judge, tmp_path: Path, content: bytes) -> None:
    _, trust_root = by_identity(model)
    key = tmp_path / "key.pub"
    key.write_bytes(public_pem(new_key()))
    (model / "model.sig").write_bytes(content)
    refusal(judge(publicKey=key))
    refusal(judge(certificates=root_of(authority("root"), tmp_path)))
    refusal(judge(identity=ME, issuer=ISSUER, trustRoot=trust_root))
