"""The errors this project raises: a cause, what came instead, and something to paste."""


class ModelError(Exception):
    """Something failed in a way a person can act on.

    Args:
        what: the cause, one sentence without a full stop.
        got: the offending value as the user wrote it; left out of the text when None.
        remedy: a command or an attribute to paste; left out when empty.
    """

    exit_status = 1

    def __init__(self, what: str, got: object = None, remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.got = got
        self.remedy = remedy

    def __str__(self) -> str:
        text = self.what if self.got is None else f"{self.what}, got {self.got}"
        return f"{text}\ntry: {self.remedy}" if self.remedy else text


class UsageError(ModelError):
    """The call itself is wrong: a reference, a name or an option that cannot be read."""

    exit_status = 2


class UnsafeError(ModelError):
    """A model was refused by validation."""

    exit_status = 3


class NotFoundError(ModelError):
    """The repository, revision, file, bucket, version or model does not exist upstream."""


class AuthError(ModelError):
    """Upstream wants credentials, or refuses the ones it got (HTTP 401 and 403)."""


class IntegrityError(ModelError):
    """The bytes that came are not the bytes that were locked."""


class TransferError(ModelError):
    """The network or the server failed, and retrying did not help."""


class DiskError(ModelError):
    """The disk is full, read-only, or lacks the space that was asked for."""
