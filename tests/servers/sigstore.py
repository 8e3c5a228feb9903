"""A Sigstore instance on loopback: who vouches for identities, and the log of what they signed.

It issues certificates with a timestamp of a transparency log (RFC 6962) for tokens of its own, and
keeps a log with inclusion proofs; whatever it says can be verified by the keys in `trusted_root`.
Sources: https://github.com/sigstore/fulcio/blob/main/docs/certificate-specification.md,
https://github.com/sigstore/rekor/blob/main/openapi.yaml and
https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_trustroot.proto
"""

import base64
import hashlib
import json
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.certificates import authority, der, issue, new_key, pem, usage
from tests.servers.base import HOST

AUDIENCE = "sigstore"
TOKEN_SECONDS = 600
ROOT_TYPE = "application/vnd.dev.sigstore.trustedroot+json;version=0.1"
SIGNING_TYPE = "application/vnd.dev.sigstore.signingconfig.v0.2+json"
CONFIG_TYPE = "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json"
_ISSUER = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.1")
_TIMESTAMPS = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
_SHA256_ECDSA = b"\x04\x03"  # as TLS 1.2 names them
_SINCE = "2020-01-01T00:00:00Z"


class Sigstore:
    """An instance that runs between `with` and its end; what it signed can be verified after."""

    def __init__(self) -> None:
        self.authority = authority("test authority")
        self.certificate_log, self.log = new_key(), new_key()
        self.entries: list[bytes] = []
        self._secret = "not a secret of anybody, only of this test's tokens"
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer((HOST, 0), type("_Bound", (_Handler,), {"of": self}))

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where it answers, as identity provider too."""
        return f"http://{HOST}:{self._server.server_address[1]}"

    def token(self, identity: str, issuer: str) -> str:
        """Give the token with which somebody shows who they are."""
        now = int(time.time())
        claims = {"aud": AUDIENCE, "sub": identity, "iss": issuer, "iat": now}
        return jwt.encode(claims | {"exp": now + TOKEN_SECONDS}, self._secret, "HS256")

    def trusted_root(self) -> dict[str, Any]:
        """Give what is needed to verify."""
        since = {"start": _SINCE}
        chain = {"certificates": [{"rawBytes": _base64(_der(self.authority.certificate))}]}
        subject = {"organization": "tests", "commonName": "test authority"}
        return {
            "mediaType": ROOT_TYPE,
            "tlogs": [_log(self.log, f"{self.url}/log")],
            "ctlogs": [_log(self.certificate_log, f"{self.url}/ct")],
            "certificateAuthorities": [
                {"subject": subject, "uri": self.url, "certChain": chain, "validFor": since}
            ],
            "timestampAuthorities": [],
        }

    def trust_config(self) -> dict[str, Any]:
        """Give what is needed to sign, and to verify."""
        service = {
            "url": self.url,
            "majorApiVersion": 1,
            "validFor": {"start": _SINCE},
            "operator": "tests",
        }
        signing = {
            "mediaType": SIGNING_TYPE,
            **{name: [service] for name in ("caUrls", "oidcUrls", "rekorTlogUrls")},
            "rekorTlogConfig": {"selector": "ANY"},
        }
        root = self.trusted_root()
        return {"mediaType": CONFIG_TYPE, "trustedRoot": root, "signingConfig": signing}

    def certify(self, request: x509.CertificateSigningRequest, token: str) -> list[str]:
        """Issue a certificate to who a token says; raises `jwt.InvalidTokenError`."""
        claims = jwt.decode(token, self._secret, ["HS256"], audience=AUDIENCE)
        key = request.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        extensions: list[tuple[x509.ExtensionType, bool]] = [
            (usage("digital_signature"), True),
            (x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.CODE_SIGNING]), False),
            (x509.SubjectAlternativeName([_name(claims["sub"])]), True),
            (x509.UnrecognizedExtension(_ISSUER, claims["iss"].encode()), False),
        ]
        serial = x509.random_serial_number()
        before = issue("", key, self.authority, extensions, serial)
        logged = x509.UnrecognizedExtension(_TIMESTAMPS, self._timestamp(before))
        certificate = issue("", key, self.authority, [*extensions, (logged, False)], serial)
        return [pem(each).decode() for each in (certificate, self.authority.certificate)]

    def _timestamp(self, certificate: x509.Certificate) -> bytes:
        """Sign that a certificate was logged, before the signature is part of it."""
        at = int(time.time() * 1000)
        issuer = hashlib.sha256(der(self.authority.key)).digest()
        content = certificate.tbs_certificate_bytes
        entry = issuer + len(content).to_bytes(3) + content
        # Version 1, a certificate timestamp, of a precertificate; then no extensions.
        signed = struct.pack("!BBQH", 0, 0, at, 1) + entry + b"\0\0"
        signature = _sign(self.certificate_log, signed)
        log = hashlib.sha256(der(self.certificate_log)).digest()
        one = struct.pack("!B32sQH", 0, log, at, 0) + _SHA256_ECDSA + _sized(signature)
        listed = _sized(_sized(one))
        assert len(listed) < 0x80, "one byte of length is enough"
        return b"\x04" + bytes((len(listed),)) + listed

    def enter(self, proposed: dict[str, Any]) -> dict[str, Any]:
        """Put a signature into the log, and give the entry with its proofs."""
        body = json.dumps(_entry(proposed["spec"]["proposedContent"]), sort_keys=True).encode()
        with self._lock:
            self.entries.append(body)
            leaves = list(self.entries)
        index, name = len(leaves) - 1, hashlib.sha256(der(self.log)).hexdigest()
        facts = {"body": _base64(body), "integratedTime": int(time.time())}
        facts |= {"logID": name, "logIndex": index}
        promise = json.dumps(facts, sort_keys=True, separators=(",", ":")).encode()
        root = _root(leaves)
        note = f"{HOST} - 1\n{len(leaves)}\n{_base64(root)}\n"
        signature = bytes.fromhex(name)[:4] + _sign(self.log, note.encode())
        proof = {
            "logIndex": index,
            "treeSize": len(leaves),
            "rootHash": root.hex(),
            "hashes": [each.hex() for each in _path(index, leaves)],
            "checkpoint": f"{note}\n\N{EM DASH} {HOST} {_base64(signature)}\n",
        }
        promised = _base64(_sign(self.log, promise))
        verification = {"inclusionProof": proof, "signedEntryTimestamp": promised}
        return {_leaf(body).hex(): facts | {"verification": verification}}


class _Handler(BaseHTTPRequestHandler):
    of: Sigstore

    def do_GET(self) -> None:
        if self.path != "/.well-known/openid-configuration":
            return self._answer(404, {"message": self.path})
        here = {"authorization_endpoint": self.of.url, "token_endpoint": self.of.url}
        return self._answer(200, here)

    def do_POST(self) -> None:
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/api/v1/log/entries":
            return self._answer(201, self.of.enter(sent))
        if self.path != "/api/v2/signingCert":
            return self._answer(404, {"message": self.path})
        request = base64.b64decode(sent["certificateSigningRequest"])
        token = self.headers["Authorization"].removeprefix("Bearer ")
        try:
            chain = self.of.certify(x509.load_pem_x509_csr(request), token)
        except jwt.InvalidTokenError as error:
            return self._answer(401, {"message": str(error)})
        return self._answer(
            201, {"signedCertificateEmbeddedSct": {"chain": {"certificates": chain}}}
        )

    def log_message(self, *_: Any) -> None:
        """Say nothing: a test has no use for it."""

    def _answer(self, status: int, data: dict[str, Any]) -> None:
        content = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _entry(content: dict[str, Any]) -> dict[str, Any]:
    """Give what the log keeps of an envelope: hashes and signatures, not the payload."""
    envelope = json.loads(content["envelope"])
    [verifier] = content["verifiers"]
    payload = base64.b64decode(envelope["payload"])
    spec = {
        "envelopeHash": _hash(content["envelope"].encode()),
        "payloadHash": _hash(payload),
        "signatures": [
            {"signature": each["sig"], "verifier": verifier} for each in envelope["signatures"]
        ],
    }
    return {"apiVersion": "0.0.1", "kind": "dsse", "spec": spec}


def _hash(content: bytes) -> dict[str, str]:
    return {"algorithm": "sha256", "value": hashlib.sha256(content).hexdigest()}


def _leaf(content: bytes) -> bytes:
    return hashlib.sha256(b"\0" + content).digest()


def _root(leaves: list[bytes]) -> bytes:
    """Give the hash of a Merkle tree (RFC 6962, section 2.1)."""
    if len(leaves) == 1:
        return _leaf(leaves[0])
    half = _half(len(leaves))
    return hashlib.sha256(b"\x01" + _root(leaves[:half]) + _root(leaves[half:])).digest()


def _path(index: int, leaves: list[bytes]) -> list[bytes]:
    """Give the hashes that lead from a leaf to the root."""
    if len(leaves) == 1:
        return []
    half = _half(len(leaves))
    if index < half:
        return [*_path(index, leaves[:half]), _root(leaves[half:])]
    return [*_path(index - half, leaves[half:]), _root(leaves[:half])]


def _half(size: int) -> int:
    return 1 << (size - 1).bit_length() - 1


def _log(key: ec.EllipticCurvePrivateKey, url: str) -> dict[str, Any]:
    public = {
        "rawBytes": _base64(der(key)),
        "keyDetails": "PKIX_ECDSA_P256_SHA_256",
        "validFor": {"start": _SINCE},
    }
    name = {"keyId": _base64(hashlib.sha256(der(key)).digest())}
    return {"baseUrl": url, "hashAlgorithm": "SHA2_256", "publicKey": public, "logId": name}


def _name(identity: str) -> x509.GeneralName:
    mail = "@" in identity and "://" not in identity
    return x509.RFC822Name(identity) if mail else x509.UniformResourceIdentifier(identity)


def _sign(key: ec.EllipticCurvePrivateKey, content: bytes) -> bytes:
    return key.sign(content, ec.ECDSA(hashes.SHA256()))


def _sized(content: bytes) -> bytes:
    return struct.pack("!H", len(content)) + content


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
