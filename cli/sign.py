"""`sign PATH`: a signature of what was built, for others to verify."""

import argparse
import json
import subprocess
from pathlib import Path

from cli.console import Console, count
from cli.on_disk import identify
from cli.parser import PROGRAM, Parser
from common.digest import file_sha256
from common.errors import ModelError, UsageError
from common.signing import SIGNATURE, Signer, sign


def add(verbs: Parser) -> None:
    """Add the verb."""
    verb = verbs.add_verb(
        "sign",
        "sign a model that was built",
        description="Sign a model: with --key as OpenSSF model signing does it (a file that "
        "travels with the weights), with --nix-key as Nix does it (for binary caches). Others "
        "verify the first by security.signature, with --certificate by the certificate's root.",
    )
    verb.add_argument("path", metavar="PATH", type=Path, help="a built model, or a directory")
    verb.add_argument("--key", metavar="PEM", type=Path, help="private key (elliptic curve)")
    verb.add_argument("--certificate", metavar="PEM", type=Path, help="certificate of that key")
    verb.add_argument(
        "--chain",
        metavar="PEM",
        type=Path,
        action="append",
        default=[],
        help="authority between that certificate and the root (repeatable)",
    )
    verb.add_argument("--output", metavar="FILE", type=Path, help=f"default: {SIGNATURE}")
    verb.add_argument("--nix-key", metavar="FILE", type=Path, help="secret key of a Nix cache")
    verb.set_defaults(run=run)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Run the verb."""
    if bool(arguments.key) == bool(arguments.nix_key):
        what = "a signature needs one key, --key or --nix-key"
        raise UsageError(what, None, f"{PROGRAM} sign PATH --key key.pem")
    if (arguments.certificate and not arguments.key) or (
        arguments.chain and not arguments.certificate
    ):
        what = "a certificate needs its key, and a chain its certificate"
        remedy = f"{PROGRAM} sign PATH --key key.pem --certificate me.pem --chain authority.pem"
        raise UsageError(what, None, remedy)
    found = identify(arguments.path)
    if arguments.nix_key:
        _sign_for_nix(arguments.path, arguments.nix_key)
        console.answer(f"{arguments.path}: signed for Nix, with all that it refers to")
        return 0
    files = found.files()
    hashes = {path: sha256 for path, (sha256, _) in found.hashes().items()}
    hashes |= {path: file_sha256(files[path]) for path in files if path not in hashes}
    target = arguments.output or Path(SIGNATURE)
    hashes.pop(target.name, None)
    name = str((found.meta or {}).get("name") or found.root.absolute().name)
    signer = Signer(arguments.key, arguments.certificate, tuple(arguments.chain))
    sign(name, hashes, signer, target)
    console.answer(f"{target}: signs {count(len(hashes), 'file')} of {name}")
    return 0


def _sign_for_nix(path: Path, key: Path) -> None:
    try:
        _nix("store", "sign", "--recursive", "--key-file", str(key), str(path))
    except _NixError as error:
        remedy = "nix key generate-secret --key-name NAME > FILE, and the rights to the store"
        raise ModelError("Nix did not sign", str(error), remedy) from error


def is_signed(path: Path) -> bool:
    """Whether a store path has a signature, of whomever.

    Raises:
        ModelError: Nix does not know the path, or is not there.
    """
    try:
        facts = json.loads(_nix("path-info", "--json", str(path)))
    except _NixError as error:
        raise ModelError("Nix knows no signature of this path", str(error)) from error
    # NB: a list of objects until Nix 2.19, an object by path since.
    [fact] = facts.values() if isinstance(facts, dict) else facts
    return bool(fact.get("signatures"))


class _NixError(Exception):
    pass


def _nix(*words: str) -> str:
    command = ["nix", "--extra-experimental-features", "nix-command", *words]
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise ModelError("Nix is not installed", None, "https://nixos.org/download") from error
    if result.returncode:
        lines = result.stderr.strip().splitlines() or ["nothing was said"]
        raise _NixError(lines[-1].removeprefix("error: "))
    return result.stdout
