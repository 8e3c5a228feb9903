"""How far containers are opened, and what is raised when that is not far enough."""

MAX_DEPTH = 6  # containers in containers
MAX_MEMBERS = 50_000  # of one file of the model, at all depths
MAX_UNPACKED_BYTES = 16 << 30  # of one compressed stream
BOMB_RATIO = 100  # unpacked to packed, from `BOMB_BYTES` on
BOMB_BYTES = 128 << 20  # unpacked; below this any ratio is allowed
SPOOL_MEMORY_BYTES = 8 << 20  # unpacked bytes kept in memory, the rest goes to a temporary file
MAX_DIRECTORY_BYTES = 64 << 20  # of a zip's or 7z's directory
HEAD_BYTES = 4096  # of a member, by which it is identified


class Trouble(Exception):  # noqa: N818 - carries a finding, which may be a mere warning
    """A container that cannot be looked into, wholly or in part.

    Args:
        rule: identifier of the finding.
        message: one sentence.
        path: the member it is about; filled in on the way up.
    """

    def __init__(self, rule: str, message: str, path: str = "") -> None:
        super().__init__(message)
        self.rule, self.message, self.path = rule, message, path
