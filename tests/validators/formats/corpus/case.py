"""A file (or a few) of a test corpus, and what the checks must say about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from validators.base import Model, ModelFile


@dataclass(frozen=True)
class Case:
    """Files by path, and the rule of the error that must come of them (empty: none may come).

    `sizes` makes files sparse: the bytes are followed by zeros up to that size.
    """

    id: str
    files: Mapping[str, bytes]
    rule: str = ""
    policy: str = "safe-only"
    sizes: Mapping[str, int] = field(default_factory=dict)

    def model(self, root: Path) -> Model:
        """Write the files below `root` and describe them."""
        files = []
        for name in sorted(self.files):
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.files[name])
            if name in self.sizes:
                with path.open("r+b") as stream:
                    stream.truncate(self.sizes[name])
            files.append(ModelFile(name, path, path.stat().st_size))
        return Model("test", tuple(files), root, self.policy)


@dataclass(frozen=True)
class Memory:
    """Bytes as the readers want them (`validators.containers.sources.Source`)."""

    data: bytes

    @property
    def size(self) -> int:
        return len(self.data)

    def read_at(self, offset: int, count: int) -> bytes:
        return self.data[offset : offset + count]
