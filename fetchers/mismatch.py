"""The wording of content that is not what was pinned."""

from common.digest import to_sri
from common.errors import IntegrityError
from common.files import RemoteFile

ACCEPT = "nix-ai-model lock diff, and when the change is wanted: nix-ai-model lock update"


def changed(
    file: RemoteFile, origin: str, kind: str, expected: object, got: object
) -> IntegrityError:
    """Make the error for a file whose size or digest is not the pinned one.

    Args:
        file: what was expected.
        origin: where the content came from, without secrets.
        kind: what differs.
        expected: its pinned value.
        got: its value now; for a sha256 the SRI hash, so that it can be pasted.
    """
    remedy = ACCEPT
    if kind == "sha256":
        remedy += f'\n     or, with fileHashes: "{file.path}" = "{got}";'
    # The locked hash is told whatever gave the difference away.
    locked = f" ({to_sri(file.sha256)})" if file.sha256 and kind != "sha256" else ""
    what = f"{file.path}{locked} from {origin} is not what was pinned"
    what += f": its {kind} should be {expected}"
    return IntegrityError(what, got, remedy)
