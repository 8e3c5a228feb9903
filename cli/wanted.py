"""What a locked model is in the store: the paths that its fixed-output derivations would have."""

from collections.abc import Mapping
from dataclasses import dataclass

from cli.locked import Entry, LockedFile
from cli.nix_store import folder
from common.digest import fixed_output_path
from common.files import RemoteFile, store_name


@dataclass(frozen=True)
class Single:
    """A file that is a store path of its own."""

    path: str
    file: LockedFile
    store_path: str


@dataclass(frozen=True)
class Tree:
    """The small files, which are one store path together."""

    name: str
    files: Mapping[str, LockedFile]
    hash: str
    store_path: str


@dataclass(frozen=True)
class Wanted:
    """Everything that building a model reads.

    Attributes:
        name: of the model.
        entry: its lock.
        singles: by path; two files of the same content and base name are one store path.
        tree: None where there are no small files.
    """

    name: str
    entry: Entry
    singles: tuple[Single, ...]
    tree: Tree | None

    @property
    def store_paths(self) -> set[str]:
        """Give every store path."""
        tree = {self.tree.store_path} if self.tree else set()
        return {single.store_path for single in self.singles} | tree

    def place(self, path: str) -> str:
        """Give the store path of which a file of the model is, or is a part."""
        alone = {single.path: single.store_path for single in self.singles}
        return alone[path] if path in alone or self.tree is None else self.tree.store_path

    def location(self, path: str) -> str:
        """Give where a file of the model is in the store."""
        place = self.place(path)
        return f"{place}/{path}" if self.tree and place == self.tree.store_path else place


def wanted(name: str, entry: Entry) -> Wanted:
    """Compute the store paths of a locked model, as `lib/internal/fetch.nix` makes them."""
    alone = {path: file for path, file in entry.files.items() if entry.small is None or file.large}
    singles = tuple(
        Single(path, file, fixed_output_path(store_name(path), file.sha256, store=folder()))
        for path, file in sorted(alone.items())
    )
    return Wanted(name, entry, singles, _tree(name, entry, alone))


def _tree(name: str, entry: Entry, alone: Mapping[str, LockedFile]) -> Tree | None:
    if entry.small is None:
        return None
    files = {path: file for path, file in entry.files.items() if path not in alone}
    full = f"{name}-small"
    place = fixed_output_path(full, entry.small, recursive=True, store=folder())
    return Tree(full, files, entry.small, place)


def remote(path: str, file: LockedFile) -> RemoteFile:
    """Give a locked file in the form that fetchers take."""
    return RemoteFile(path, file.size, file.sha256, pin=file.pin)
