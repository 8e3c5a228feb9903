"""Check `signature`: the OpenSSF signature that a repository ships, where the user asks for it.

`security.signature` names whose it must be. Files that are not here are not missed: a lock may have
left them out, and what is not loaded needs no signature.
"""

from collections.abc import Iterator
from pathlib import Path

from common.digest import file_sha256
from common.errors import IntegrityError, ModelError
from common.findings import Finding
from common.signing import SIGNATURE, verify
from common.trust import Trust
from validators.base import Check, Model

NAME = "signature"


def _run(model: Model) -> Iterator[Finding]:
    wanted = model.security["signature"]
    name = wanted.get("file", SIGNATURE)
    places = {file.path: file for file in model.files}
    if name not in places:
        message = "the signature that is asked for is not part of the model"
        remedy = 'source.<type>.files must include it, or security.signature.file = "…";'
        yield Finding(name, NAME, "error", message, "", remedy, "no-signature")
        return
    hashes = {path: file.sha256 or file_sha256(file.local) for path, file in places.items()}
    try:
        covered = verify(model.root, name, hashes, _trust(wanted))
    except ModelError as error:
        rule = "bad-signature" if isinstance(error, IntegrityError) else "cannot-verify"
        got = "" if error.got is None else str(error.got)
        yield Finding(name, NAME, "error", error.what, got, error.remedy, rule)
        return
    if covered.absent:
        message = f"{len(covered.absent)} signed files are not part of the model"
        yield Finding(name, NAME, "info", message, covered.absent[0], "", "signed-and-absent")
    for path in covered.unsigned:
        message = "the signer left this file out of the signature, so nobody vouches for it"
        remedy = f'security.ignoreFiles = [ "{path}" ];'
        yield Finding(path, NAME, "warning", message, "", remedy, "left-unsigned")


def _trust(wanted: dict[str, str | list[str]]) -> Trust:
    def path(key: str) -> Path | None:
        return Path(str(wanted[key])) if key in wanted else None

    return Trust(
        public_key=path("publicKey"),
        certificates=tuple(Path(str(item)) for item in wanted.get("certificates", ())),
        identity=str(wanted.get("identity", "")),
        issuer=str(wanted.get("issuer", "")),
        trust_root=path("trustRoot"),
    )


CHECK = Check(
    name=NAME, version="2", run=_run, enabled=lambda model: bool(model.security.get("signature"))
)
