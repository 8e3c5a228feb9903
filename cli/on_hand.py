"""Files that are on this machine already, found by their content in any folder.

A Hugging Face cache, an exported mirror, and a plain copy of a model are all just folders with the
right bytes in them; what a file is called matters only for which one is looked at first.
"""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from cli.targets import reach
from common.digest import file_sha256
from common.errors import NotFoundError


class OnHand:
    """The files below some folders, by size and by content.

    Raises:
        NotFoundError: a folder is not there.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._by_size: dict[int, list[Path]] = defaultdict(list)
        self._hashes: dict[Path, str] = {}
        for folder in folders:
            if not folder.is_dir():
                raise NotFoundError(
                    "there is no such directory", str(folder), f"ls {folder.parent}"
                )
            for path in reach(folder).values():
                self._by_size[path.stat().st_size].append(path)

    def find(self, sha256: str, size: int, name: str = "") -> Path | None:
        """Find a file by its content, which is read to be sure.

        Args:
            sha256: hex.
            size: bytes.
            name: base name that it probably has.
        """
        candidates = sorted(
            self._by_size.get(size, ()), key=lambda path: _unlikeliness(path, sha256, name)
        )
        for path in candidates:
            if self._sha256(path) == sha256:
                return path
        return None

    def _sha256(self, path: Path) -> str:
        if path not in self._hashes:
            self._hashes[path] = file_sha256(path)
        return self._hashes[path]


def _unlikeliness(path: Path, sha256: str, name: str) -> int:
    # A blob of a cache or a mirror is called by its hash.
    return 0 if path.resolve().name == sha256 else 1 if path.name == name else 2
