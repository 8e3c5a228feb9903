"""Whose model signature counts: a key's, a certificate authority's, or an identity's (Sigstore)."""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import UsageError

# Source: https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_trustroot.proto
_ROOT_TYPE = "application/vnd.dev.sigstore.trustedroot"
_CONFIG_TYPE = "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json"
_SIGNING_TYPE = "application/vnd.dev.sigstore.signingconfig.v0.2+json"
_ROOT_REMEDY = (
    "cosign trusted-root create --with-default-services --out trusted_root.json, then: "
    "security.signature.trustRoot = ./trusted_root.json;"
)
_PEM_KEY = (
    "public key of an elliptic curve",
    "openssl ec -in key.pem -pubout -out signer.pub",
)
_PEM_CERTIFICATE = ("certificate", "openssl x509 -in FILE -inform DER -out FILE.pem")
_ONE_WAY = "publicKey = ./signer.pub; (or certificates, or identity with issuer and trustRoot)"


@dataclass(frozen=True)
class Trust:
    """Whose signature counts; exactly one of key, certificates and identity.

    Attributes:
        public_key: PEM file of an elliptic curve key.
        certificates: PEM files of authorities, up to a root.
        identity: e-mail or URI in a Sigstore certificate.
        issuer: who vouches for that identity (an OpenID Connect issuer).
        trust_root: JSON file with the keys of the Sigstore instance: its `trusted_root.json`, or a
            `ClientTrustConfig` that holds one.
    """

    public_key: Path | None = None
    certificates: tuple[Path, ...] = ()
    identity: str = ""
    issuer: str = ""
    trust_root: Path | None = None

    @property
    def remedy(self) -> str:
        """What to look at where a signature does not hold."""
        if self.public_key:
            return "the files as they were signed, or the key of who signed them"
        if self.certificates:
            return "the files as they were signed, or the certificates up to the signer's root"
        return "the files as they were signed, or the identity and issuer that the text names"


def trusting(config: Any, trust: Trust) -> Any:
    """Tell a `model_signing.verifying.Config` whose signature counts.

    Raises:
        UsageError: `trust` names nobody, or not exactly one way, or what it names cannot be read.
    """
    if bool(trust.public_key) + bool(trust.certificates) + bool(trust.identity) != 1:
        raise UsageError("say whose signature counts, in one way", None, _ONE_WAY)
    if trust.identity:
        return _trusting_identity(config, trust)
    files = [trust.public_key] if trust.public_key else list(trust.certificates)
    shown = ", ".join(map(str, files))
    try:
        if trust.public_key:
            return config.use_elliptic_key_verifier(public_key=trust.public_key)
        return config.use_certificate_verifier(certificate_chain=trust.certificates)
    except OSError as error:
        # NB: a path in a text is not brought into the build.
        what = f"cannot read {error.filename}, whose signature is to count"
        raise UsageError(what, error.strerror, "a path without quotes: ./signer.pem") from error
    except (ValueError, TypeError) as error:
        kind, remedy = _PEM_KEY if trust.public_key else _PEM_CERTIFICATE
        raise UsageError(f"this is no PEM file of a {kind}", f"{shown}: {error}", remedy) from error


def _trusting_identity(config: Any, trust: Trust) -> Any:
    if not trust.issuer:
        # NB: the library would take anybody's word for who somebody is.
        what = "an identity counts only together with who vouches for it"
        remedy = 'security.signature.issuer = "https://github.com/login/oauth";'
        raise UsageError(what, f"{trust.identity!r} and no issuer", remedy)
    if trust.trust_root is None:
        # NB: the library would ask Sigstore's servers, which no build can reach.
        what = "the keys of the Sigstore instance are needed, since a check has no network"
        raise UsageError(what, "no trustRoot", _ROOT_REMEDY)
    whole = json.dumps(_client_config(trust.trust_root))
    with tempfile.TemporaryDirectory(prefix="nix-ai-model-trust-") as folder:
        file = Path(folder, "trust.json")
        file.write_text(whole, "utf-8")
        try:
            return config.use_sigstore_verifier(
                identity=trust.identity, oidc_issuer=trust.issuer, trust_config=file
            )
        except Exception as error:
            raise _no_trust_root(trust.trust_root, _first_line(error)) from error


def _client_config(file: Path) -> Mapping[str, Any]:
    """Read a trust root in either form, and give the one that the library reads."""
    try:
        data = json.loads(file.read_text("utf-8"))
    except OSError as error:
        what = f"cannot read the trust root {file}"
        raise UsageError(what, error.strerror, "a path without quotes: ./trust.json") from error
    except ValueError as error:
        raise _no_trust_root(file, f"no JSON of one document: {error}") from error
    kind = data.get("mediaType", "no mediaType") if isinstance(data, dict) else "no object"
    if str(kind).startswith(_ROOT_TYPE):
        signing = {"mediaType": _SIGNING_TYPE}  # required, and of no use to who verifies
        return {"mediaType": _CONFIG_TYPE, "trustedRoot": data, "signingConfig": signing}
    if kind != _CONFIG_TYPE:
        raise _no_trust_root(file, str(kind))
    return dict(data)


def _no_trust_root(file: Path, got: str) -> UsageError:
    what = f"{file.name} is no trust root of Sigstore (trusted_root.json or ClientTrustConfig)"
    return UsageError(what, got, _ROOT_REMEDY)


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return ": ".join(lines[:3]) or type(error).__name__
