"""Certificates for tests: authorities, and what they vouch for."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

DAY = dt.timedelta(days=1)
USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


@dataclass(frozen=True)
class Pair:
    """A key, and a certificate for it."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    def write(self, folder: Path, name: str) -> tuple[Path, Path]:
        """Write both as PEM files, and give the key's and the certificate's."""
        folder.mkdir(parents=True, exist_ok=True)
        key, certificate = folder / f"{name}.key.pem", folder / f"{name}.crt.pem"
        key.write_bytes(private_pem(self.key))
        certificate.write_bytes(pem(self.certificate))
        return key, certificate


def pem(certificate: x509.Certificate) -> bytes:
    """Give a certificate as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def der(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Give the public half of a key as DER."""
    public = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.DER, public)


def private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Give a key as PEM, not encrypted."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def public_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Give the public half of a key as PEM."""
    public = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, public)


def new_key() -> ec.EllipticCurvePrivateKey:
    """Make a key."""
    return ec.generate_private_key(ec.SECP256R1())


def usage(*names: str) -> x509.KeyUsage:
    """Give the extension that allows these uses of a key and no other."""
    return x509.KeyUsage(**{name: name in names for name in USAGES})


def authority(name: str, issuer: Pair | None = None) -> Pair:
    """Make an authority, a root of its own unless another one issues it."""
    key = new_key()
    extensions = [
        (x509.BasicConstraints(ca=True, path_length=None), True),
        (usage("key_cert_sign", "crl_sign"), True),
    ]
    return Pair(key, issue(name, key.public_key(), issuer or Pair(key, None), extensions))  # type: ignore[arg-type]


def leaf(name: str, issuer: Pair, *uses: str) -> Pair:
    """Make a certificate of somebody who signs; without uses it says nothing of them."""
    key = new_key()
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=False, path_length=None), True)
    ]
    if uses:
        extensions.append((usage(*uses), True))
    return Pair(key, issue(name, key.public_key(), issuer, extensions))


def issue(
    name: str,
    key: ec.EllipticCurvePublicKey,
    issuer: Pair,
    extensions: Iterable[tuple[x509.ExtensionType, bool]],
    serial: int | None = None,
) -> x509.Certificate:
    """Issue a certificate, by its own key where the issuer has no certificate yet."""
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)] if name else [])
    by = issuer.certificate.subject if issuer.certificate else subject
    builder = (
        x509.CertificateBuilder(by, subject, key, serial or x509.random_serial_number())
        .not_valid_before(now - DAY)
        .not_valid_after(now + 365 * DAY)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()),
            critical=False,
        )
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(issuer.key, hashes.SHA256())
