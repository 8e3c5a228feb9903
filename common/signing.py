"""OpenSSF model signatures over files whose hashes are known already, so that no weight is read.

Source: https://github.com/ossf/model-signing-spec; the cryptography is the library's
(https://github.com/sigstore/model-transparency), which is imported only when it is needed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from common.errors import IntegrityError, ModelError, UsageError
from common.trust import Trust, trusting

SIGNATURE = "model.sig"  # the library's own name for it
_SHOWN = 10  # files of those that differ
# The library leaves these out of every signature, because they are git's and not the model's.
_GIT_PATHS = (".git", ".gitattributes", ".github", ".gitignore")
_MISSING = (
    "the package model-signing is missing",
    "a toolchain whose Python has `model-signing`, or scripts/setup",
)


@dataclass(frozen=True)
class Signer:
    """Who signs.

    Attributes:
        key: PEM file of an elliptic curve key, not encrypted.
        certificate: PEM file of the certificate for that key; None signs with the bare key.
        chain: PEM files of the authorities between that certificate and the root.
    """

    key: Path
    certificate: Path | None = None
    chain: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Covered:
    """What a signature that holds has to do with the files that are here.

    Attributes:
        absent: paths that are signed and not there, such as files that were not fetched.
        unsigned: paths that the signer left out of the signature.
    """

    absent: tuple[str, ...] = ()
    unsigned: tuple[str, ...] = ()


def verify(root: Path, name: str, hashes: Mapping[str, str], trust: Trust) -> Covered:
    """Verify a signature against files.

    Args:
        root: directory of the model.
        name: path of the signature file in it (a Sigstore bundle).
        hashes: sha256 (lower-case hex) by path of every file that is there.
        trust: whose signature is wanted.

    Raises:
        IntegrityError: the signature is not by whom it should be, a file differs, or is not signed.
        UsageError: `trust` names nobody, or not exactly one way, or what it names cannot be read.
        ModelError: the library is missing, or the signature is of a kind that cannot be compared.
    """
    _check_library()
    from model_signing import hashing, manifest, verifying  # noqa: PLC0415 - see the top

    covered = []

    class Known(hashing.Config):
        """Gives the known hashes where the library would read the files."""

        def __init__(self, expected: Any) -> None:
            super().__init__()  # type: ignore[no-untyped-call]
            self.expected = expected

        def hash(self, model_path: Any, *, files_to_hash: Any = None) -> Any:  # noqa: ARG002
            covered.append(_compare(name, hashes, self.expected, trust))
            signed = self.expected.resource_descriptors()
            items = [
                manifest.FileManifestItem(path=PurePosixPath(item.identifier), digest=item.digest)
                for item in signed
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

    config = trusting(Verify(), trust)
    try:
        config.verify(root, root / name)
    except ModelError:
        raise
    except Exception as error:
        what = f"the signature {name} does not hold"
        got = " ".join(str(error).split()) or type(error).__name__
        raise IntegrityError(what, got, trust.remedy) from error
    return covered[0]


def sign(name: str, hashes: Mapping[str, str], signer: Signer, target: Path) -> None:
    """Sign files by their hashes.

    Args:
        name: of the model, recorded in the signature.
        hashes: sha256 (lower-case hex) by path.
        signer: whose key signs.
        target: the signature file to write.

    Raises:
        UsageError: the key or a certificate cannot be used, or they do not belong together.
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
        config = _signing(signing.Config(), signer)
        config.set_hashing_config(Known()).sign(target.parent, target)
    except (ValueError, TypeError, OSError) as error:
        remedy = "openssl ecparam -name prime256v1 -genkey -noout -out key.pem"
        if signer.certificate:
            remedy = "the key that belongs to the certificate, both as PEM"
        files = ", ".join(map(str, filter(None, (signer.key, signer.certificate, *signer.chain))))
        raise UsageError("this key cannot sign", f"{files}: {error}", remedy) from error


def _signing(config: Any, signer: Signer) -> Any:
    if signer.certificate is None:
        return config.use_elliptic_key_signer(private_key=signer.key)
    return config.use_certificate_signer(
        private_key=signer.key,
        signing_certificate=signer.certificate,
        # NB: the library cannot read an empty chain; once more its own changes nothing.
        certificate_chain=list(signer.chain) or [signer.certificate],
    )


def _check_library() -> None:
    try:
        import model_signing  # noqa: F401, PLC0415
    except ModuleNotFoundError as error:
        raise ModelError(_MISSING[0], None, _MISSING[1]) from error


def _compare(name: str, hashes: Mapping[str, str], expected: Any, trust: Trust) -> Covered:
    """Compare what is here with what was signed.

    The library compares too, but names no file in a way that people can read.
    """
    signed = {item.identifier: item.digest for item in expected.resource_descriptors()}
    aside = (*_GIT_PATHS, name)
    loose = sorted(path for path in set(hashes) - set(signed) if not _is_below(path, aside))
    spared = expected.serialization_type.get("ignore_paths", ())
    unsigned = [path for path in loose if _is_below(path, spared)]
    wrong = [
        f"{path} is not what was signed"
        for path in sorted(set(hashes) & set(signed))
        if signed[path].digest_value.hex() != hashes[path]
    ]
    wrong += [f"{path} was not signed" for path in loose if path not in unsigned]
    if wrong:
        more = f"; and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        got = "; ".join(wrong[:_SHOWN]) + more
        raise IntegrityError(f"the signature {name} does not hold", got, trust.remedy)
    return Covered(tuple(sorted(set(signed) - set(hashes))), tuple(unsigned))


def _is_below(path: str, prefixes: Iterable[str]) -> bool:
    return any(path == prefix or path.startswith(f"{prefix}/") for prefix in prefixes)


def _item(path: str, sha256: str) -> Any:
    from model_signing import manifest  # noqa: PLC0415
    from model_signing._hashing import hashing  # noqa: PLC0415 - its digest has no public name

    digest = hashing.Digest("sha256", bytes.fromhex(sha256))
    return manifest.FileManifestItem(path=PurePosixPath(path), digest=digest)


def _serialization() -> Any:
    from model_signing import manifest  # noqa: PLC0415

    arguments = {"method": "files", "hash_type": "sha256", "allow_symlinks": False}
    return manifest.SerializationType.from_args(arguments)
