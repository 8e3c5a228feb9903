"""The wording of content that is not what was pinned."""

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
    what = f"{file.path} from {origin} is not what was pinned: its {kind} should be {expected}"
    return IntegrityError(what, got, remedy)
