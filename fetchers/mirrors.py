"""Several addresses of the same content as one opener: the next is tried where one fails."""

from collections.abc import Mapping

from common.errors import ModelError
from common.files import RemoteFile
from fetchers.context import Context
from fetchers.retry import Interrupted
from fetchers.transfer import Opened, Opener


def first_that_answers(file: RemoteFile, openers: Mapping[str, Opener], context: Context) -> Opener:
    """Make one opener of several.

    The first opening begins with the first address; every other one, after an interruption or
    content with a wrong hash, begins with the next. One that fails, or states another size than
    `file` has, is passed over.

    Args:
        file: what is expected.
        openers: by the name of their address, for messages.
        context: is told of every failure.
    """
    mirrors = list(openers.items())
    return _Mirrors(file, mirrors, context) if len(mirrors) > 1 else mirrors[0][1]


class _Mirrors:
    def __init__(
        self, file: RemoteFile, mirrors: list[tuple[str, Opener]], context: Context
    ) -> None:
        self._file, self._mirrors, self._context = file, mirrors, context
        self._next = 0
        self._validated_by = ""

    def __call__(self, offset: int, validator: str | None) -> Opened:
        failures: list[Exception] = []
        for _ in self._mirrors:
            name, opener = self._mirrors[self._next % len(self._mirrors)]
            self._next += 1
            try:
                opened = self._open(name, opener, offset, validator)
            except (ModelError, Interrupted) as error:
                failures.append(error)
                self._context.progress.note(f"{self._file.path}: {_reason(error)}")
                continue
            self._validated_by = name
            return opened
        raise next((one for one in failures if isinstance(one, Interrupted)), failures[0])

    def _open(self, name: str, opener: Opener, offset: int, validator: str | None) -> Opened:
        if name != self._validated_by:
            # Another server's validator says nothing; only a sha256 would notice a mixture.
            validator = None
            offset = offset if self._file.sha256 else 0
        opened = opener(offset, validator)
        if None not in (opened.total, self._file.size) and opened.total != self._file.size:
            opened.close()
            raise Interrupted(f"{name} has {opened.total} bytes instead of {self._file.size}")
        return opened


def _reason(error: Exception) -> str:
    return error.reason if isinstance(error, Interrupted) else str(error).partition("\n")[0]
