"""How far containers are opened, and what is raised when that is not far enough."""

MAX_DEPTH = 6  # containers in containers
MAX_MEMBERS = 50_000  # of one file of the model, at all depths
MAX_ENTRIES = 4 * MAX_MEMBERS  # of zip directories; each can be read in up to four ways
MAX_UNPACKED_BYTES = 16 << 30  # of one file of the model, at all depths
MAX_EFFORT = (
    12_000_000  # opcodes of all pickles of one file of the model; some count more than once
)
BOMB_RATIO = 100  # unpacked to packed, from `BOMB_BYTES` on
BOMB_BYTES = 128 << 20  # unpacked; below this any ratio is allowed
IDLE_PACKED_BYTES = 8 << 20  # of a stream that nobody reads to its end, to see whether it is a bomb
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


class Budget:
    """What one file of the model may cost, everything that is in it together.

    A limit for each member alone would multiply with every level of nesting.

    Args:
        size: bytes of the file; None where that is not known.
    """

    def __init__(self, size: int | None) -> None:
        self._size = size or 0
        self._unpacked = 0
        self._members = 0
        self.entries = MAX_ENTRIES  # left
        self.effort = MAX_EFFORT  # left

    def unpack(self, count: int) -> None:
        """Count unpacked bytes.

        Raises:
            Trouble: they are too many.
        """
        self._unpacked += count
        if self._unpacked > BOMB_BYTES and self._unpacked > BOMB_RATIO * self._size:
            message = (
                f"unpacks, with what was before it, to more than {BOMB_RATIO} times the "
                f"{self._size:,} bytes of its file ({self._unpacked:,} bytes so far)"
            )
            raise Trouble("bomb", message)
        if self._unpacked > MAX_UNPACKED_BYTES:
            raise Trouble("too-large", f"unpacks to more than {MAX_UNPACKED_BYTES:,} bytes")

    def open(self) -> None:
        """Count a member.

        Raises:
            Trouble: they are too many.
        """
        self._members += 1
        if self._members > MAX_MEMBERS:
            raise Trouble("too-many-members", f"holds more than {MAX_MEMBERS:,} members")

    def enter(self, count: int) -> None:
        """Count entries of directories.

        Raises:
            Trouble: they are too many.
        """
        self.entries -= count
        if self.entries < 0:
            message = f"lists more than {MAX_ENTRIES:,} members in the directories of its archives"
            raise Trouble("too-many-members", message)

    def check(self) -> None:
        """See whether more opcodes may be followed.

        Raises:
            Trouble: they may not.
        """
        if self.effort <= 0:
            message = f"is in a file whose pickles have more than {MAX_EFFORT:,} opcodes in all"
            raise Trouble("too-many-opcodes", message)

    def follow(self, effort: int) -> None:
        """Count opcodes that were followed."""
        self.effort -= effort
