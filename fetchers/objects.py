"""What object stores share: keys below a prefix, listings that hold still, and pins.

A bucket has no directories and no commits. A model in it is what lies below a prefix, its paths are
the rest of the keys, and each object is pinned on its own: by a version that can still be asked for
when the object was overwritten, else by an ETag that only tells that it was.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TypeVar

from common.errors import IntegrityError, NotFoundError, TransferError, UsageError
from common.files import RemoteFile, check_path, select
from common.reference import Source, show_reference
from fetchers.mismatch import ACCEPT
from fetchers.opened import Opened, Ranged

READINGS = 5  # of a listing of several pages, before it is called restless
SHOWN = 5  # paths in a message
T = TypeVar("T")


@dataclass(frozen=True)
class Listed:
    """An object as a listing has it.

    Attributes:
        key: its whole name in the bucket.
        size: bytes; None where it says nothing about what a download gives.
        pin: ``KIND:VALUE``, what names this very content upstream.
        sha256: lower-case hex, where the store knows it.
    """

    key: str
    size: int | None
    pin: str
    sha256: str | None = None


class Moved(IntegrityError):  # noqa: N818 - told, it is an IntegrityError
    """What was pinned is gone, or something else is there now."""

    def __init__(self, origin: str, pin: str | None, got: str) -> None:
        super().__init__(f"{origin} is no longer the object that was pinned ({pin})", got, ACCEPT)


def steady(name: str, pages: Callable[[], Iterable[Sequence[T]]]) -> list[T]:
    """Read a listing; where it takes several requests, until two readings agree.

    Objects that come and go between two pages would otherwise give a model that never was.

    Args:
        name: of the listing, for messages.
        pages: reads it from the beginning.

    Raises:
        TransferError: it never agrees.
    """
    before = None
    for _ in range(READINGS):
        read = list(pages())
        listing = [entry for page in read for entry in page]
        if len(read) <= 1 or listing == before:
            return listing
        before = listing
    what = f"{name}: objects come and go while they are being listed"
    raise TransferError(
        what, f"{READINGS} readings, no two alike", "again when nobody writes there"
    )


def list_below(prefix: str, read: Callable[[str], list[Listed]]) -> list[Listed]:
    """List what a prefix means: everything below it as a directory, else the one object.

    Args:
        prefix: as in the source; with ``/`` at its end it is only a directory.
        read: gives every object whose key begins with a text.
    """
    below = read(prefix if prefix.endswith("/") or not prefix else f"{prefix}/")
    if below or prefix.endswith("/") or not prefix:
        return below
    return [entry for entry in read(prefix) if entry.key == prefix]


def key_of(prefix: str, path: str) -> str:
    """Give the key of a file of the model; the inverse of `path_of`."""
    if not prefix or prefix.endswith("/"):
        return prefix + path
    return prefix if path == PurePosixPath(prefix).name else f"{prefix}/{path}"


def path_of(prefix: str, key: str) -> str:
    """Give the path in the model of a key that begins with the prefix."""
    if not prefix or prefix.endswith("/"):
        return key.removeprefix(prefix)
    return PurePosixPath(key).name if key == prefix else key.removeprefix(f"{prefix}/")


def choose(source: Source, listed: Iterable[Listed]) -> dict[str, Listed]:
    """Give the objects that are files of the model, by path, sorted; placeholders left out.

    Raises:
        NotFoundError: there are none, or none that the globs want.
        UsageError: a key cannot be a path, or is a file and a directory at once.
    """
    prefix, attrs = source.attrs.get("prefix", ""), source.attrs
    # A key that ends in a slash is how consoles draw an empty folder.
    paths = {path_of(prefix, entry.key): entry for entry in listed if entry.key[-1:] != "/"}
    wanted = select(paths, attrs.get("files", ()), attrs.get("exclude", ()))
    if not wanted:
        raise _nothing(source, paths)
    for path in wanted:
        check_path(path)
        if key_of(prefix, path) != paths[path].key:
            raise UsageError("this prefix means two things", repr(prefix), f'prefix = "{prefix}/";')
    folders = {str(folder) for path in wanted for folder in PurePosixPath(path).parents}
    if clash := next((path for path in wanted if path in folders), None):
        remedy = f'exclude = [ "{clash}" ];'
        raise UsageError("an object is a file and a directory at once", repr(clash), remedy)
    return {path: paths[path] for path in wanted}


def _nothing(source: Source, paths: Iterable[str]) -> NotFoundError:
    name, some = show_reference(source), sorted(paths)[:SHOWN]
    if not some:
        return NotFoundError(f"{name} has no objects", None, "a prefix that the bucket has")
    globs = f"{list(source.attrs.get('files', ()))} without {list(source.attrs.get('exclude', ()))}"
    remedy = f"patterns for what it has: {', '.join(some)}"
    return NotFoundError(f"{name} has no file that matches `files`", globs, remedy)


def to_files(chosen: Mapping[str, Listed]) -> tuple[RemoteFile, ...]:
    """Give the files of a snapshot."""
    return tuple(
        RemoteFile(path, entry.size, entry.sha256, pin=entry.pin) for path, entry in chosen.items()
    )


def split_pin(pin: str | None) -> tuple[str, str]:
    """Take a pin apart into kind and value; both empty where there is none."""
    kind, _, value = (pin or "").partition(":")
    return kind, value


class PinnedOpener:
    """Prefers what is pinned; where that is gone, lets the sha256 judge what is there instead.

    An object that was stored anew with the same content is then still the one that was locked, and
    one with other content is told by the hash that came. See `fetchers.opened.Ranged`.

    Args:
        file: as locked, or as just listed.
        pinned: opens what the pin names, or raises `Moved`.
        current: opens what has the key now; raises `Moved` when that changed since the last time.
    """

    def __init__(self, file: RemoteFile, pinned: Ranged, current: Ranged) -> None:
        self._file, self._chosen, self._current = file, pinned, current

    def __call__(self, offset: int, validator: str | None) -> Opened:
        """Open from `offset` to the end, or from the beginning of what took its place."""
        return self._try(lambda opener: opener(offset, validator)) or self._current(0, None)

    def between(self, start: int, end: int) -> Opened:
        """Open the bytes from `start` up to, not including, `end`."""
        found = self._try(lambda opener: opener.between(start, end))
        return found or self._current.between(start, end)

    def _try(self, ask: Callable[[Ranged], Opened]) -> Opened | None:
        try:
            return ask(self._chosen)
        except Moved:
            if self._file.sha256 is None:
                raise
            self._chosen = self._current
            return None
