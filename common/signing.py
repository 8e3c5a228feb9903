"""OpenSSF model signatures over files whose hashes are known already, so that no weight is read.

Source: https://github.com/ossf/model-signing-spec; the cryptography is the library's
(https://github.com/sigstore/model-transparency), which is imported only when it is needed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from common.errors import IntegrityError, ModelError, UsageError

SIGNATURE = "model.sig"  # the library's own name for it
# The library leaves these out of every signature, because they are git's and not the model's.
_GIT_PATHS = (".git", ".gitattributes", ".github", ".gitignore")
_MISSING = (
    "the package model-signing is missing",
    "a toolchain whose Python has `model-signing`, or scripts/setup",
)


@dataclass(frozen=True)
class Trust:
    """Whose signature counts; exactly one of the three.

    Attributes:
        public_key: PEM file of an elliptic curve key.
        certificates: PEM files of a chain.
        identity: e-mail or URI in a Sigstore certificate.
        issuer: of that identity (an OpenID Connect issuer).
        trust_root: JSON file of the Sigstore instance; None asks the public one, over the network.
    """

    public_key: Path | None = None
    certificates: tuple[Path, ...] = ()
    identity: str = ""
    issuer: str = ""
    trust_root: Path | None = None


def verify(signature: Path, hashes: Mapping[str, str], trust: Trust) -> tuple[str, ...]:
    """Verify a signature against files.

    Args:
        signature: the signature file (a Sigstore bundle).
        hashes: sha256 (lower-case hex) by path of every file that is there.
        trust: whose signature is wanted.

    Returns:
        Paths that are signed and not there, such as files that were not fetched.

    Raises:
        IntegrityError: the signature is not by whom it should be, a file differs, or is not signed.
        UsageError: `trust` names nobody, or not exactly one way.
        ModelError: the library is missing, or the signature is of a kind that cannot be compared.
    """
    _check_library()
    from model_signing import hashing, manifest, verifying  # noqa: PLC0415 - see the top

    absent: list[str] = []

    class Known(hashing.Config):
        """Gives the known hashes where the library would read the files."""

        def __init__(self, expected: Any) -> None:
            super().__init__()  # type: ignore[no-untyped-call]
            self.expected = expected

        def hash(self, model_path: Any, *, files_to_hash: Any = None) -> Any:  # noqa: ARG002
            here = {p: h for p, h in hashes.items() if not _left_out(p, signature, self.expected)}
            signed = {item.identifier: item.digest for item in self.expected.resource_descriptors()}
            absent.extend(sorted(set(signed) - set(here)))
            items = [_item(path, sha256) for path, sha256 in sorted(here.items())]
            items += [
                manifest.FileManifestItem(path=PurePosixPath(path), digest=signed[path])
                for path in absent
            ]
            return manifest.Manifest(self.expected.model_name, items, _serialization())

    class Verify(verifying.Config):
        """Takes the known hashes whatever the signature says of its own making."""

        def __init__(self) -> None:
            super().__init__()  # type: ignore[no-untyped-call]

        def _guess_hashing_config(self, source_manifest: Any) -> None:
            kind = source_manifest.serialization_type
            if (kind["method"], kind["hash_type"]) != ("files", "sha256"):
                what = "the signature is over something else than the sha256 of whole files"
                raise ModelError(what, f"{kind['method']} by {kind['hash_type']}")
            self._hashing_config = Known(source_manifest)

    try:
        _trusting(Verify(), trust).verify(signature.parent, signature)
    except ModelError:
        raise
    except Exception as error:
        what = f"the signature {signature.name} does not hold"
        raise IntegrityError(what, str(error), "the key or identity of who signed it") from error
    return tuple(absent)


def sign(name: str, hashes: Mapping[str, str], key: Path, target: Path) -> None:
    """Sign files by their hashes, with an elliptic curve key.

    Args:
        name: of the model, recorded in the signature.
        hashes: sha256 (lower-case hex) by path.
        key: PEM file of the private key, not encrypted.
        target: the signature file to write.

    Raises:
        UsageError: the key cannot be used.
        ModelError: the library is missing.
    """
    _check_library()
    from model_signing import hashing, manifest, signing  # noqa: PLC0415

    class Known(hashing.Config):
        """Gives the known hashes where the library would read the files."""

        def __init__(self) -> None:
            super().__init__()  # type: ignore[no-untyped-call]

        def hash(self, model_path: Any, *, files_to_hash: Any = None) -> Any:  # noqa: ARG002
            items = [
                _item(path, sha256)
                for path, sha256 in sorted(hashes.items())
                if path.partition("/")[0] not in _GIT_PATHS
            ]
            return manifest.Manifest(name, items, _serialization())

    try:
        config = signing.Config().use_elliptic_key_signer(private_key=key)
        config.set_hashing_config(Known()).sign(target.parent, target)
    except (ValueError, TypeError, OSError) as error:
        remedy = "openssl ecparam -name prime256v1 -genkey -noout -out key.pem"
        raise UsageError("this key cannot sign", f"{key}: {error}", remedy) from error


def _check_library() -> None:
    try:
        import model_signing  # noqa: F401, PLC0415
    except ModuleNotFoundError as error:
        raise ModelError(_MISSING[0], None, _MISSING[1]) from error


def _trusting(config: Any, trust: Trust) -> Any:
    if bool(trust.public_key) + bool(trust.certificates) + bool(trust.identity) != 1:
        what = "say whose signature counts, in one way"
        raise UsageError(what, None, "publicKey = ./signer.pub; (or certificates, or identity)")
    if trust.public_key:
        return config.use_elliptic_key_verifier(public_key=trust.public_key)
    if trust.certificates:
        return config.use_certificate_verifier(certificate_chain=list(trust.certificates))
    return config.use_sigstore_verifier(
        identity=trust.identity, oidc_issuer=trust.issuer, trust_config=trust.trust_root
    )


def _left_out(path: str, signature: Path, expected: Any) -> bool:
    ignored = [*_GIT_PATHS, signature.name, *expected.serialization_type.get("ignore_paths", ())]
    return any(path == prefix or path.startswith(f"{prefix}/") for prefix in ignored)


def _item(path: str, sha256: str) -> Any:
    from model_signing import manifest  # noqa: PLC0415
    from model_signing._hashing import hashing  # noqa: PLC0415 - its digest has no public name

    digest = hashing.Digest("sha256", bytes.fromhex(sha256))
    return manifest.FileManifestItem(path=PurePosixPath(path), digest=digest)


def _serialization() -> Any:
    from model_signing import manifest  # noqa: PLC0415

    arguments = {"method": "files", "hash_type": "sha256", "allow_symlinks": False}
    return manifest.SerializationType.from_args(arguments)
