"""What moved between two entries of one model."""

from dataclasses import dataclass
from typing import Any

from cli.console import clean
from cli.locked import Entry
from common.progress import show_bytes


@dataclass(frozen=True)
class Changes:
    """The difference of two entries.

    Attributes:
        name: of the model.
        old: what is locked.
        new: what upstream has.
    """

    name: str
    old: Entry
    new: Entry

    @property
    def any(self) -> bool:
        """Whether anything moved."""
        return not self.old.same_content(self.new)

    @property
    def added(self) -> list[str]:
        """Paths that only the new entry has."""
        return sorted(set(self.new.files) - set(self.old.files))

    @property
    def removed(self) -> list[str]:
        """Paths that only the old entry has."""
        return sorted(set(self.old.files) - set(self.new.files))

    @property
    def changed(self) -> list[str]:
        """Paths of both whose content differs."""
        both = set(self.old.files) & set(self.new.files)
        return sorted(path for path in both if self._sha256(path)[0] != self._sha256(path)[1])

    def _sha256(self, path: str) -> tuple[str, str]:
        return self.old.files[path].sha256, self.new.files[path].sha256

    def to_json(self) -> dict[str, Any]:
        """Give the difference as JSON data; sizes in bytes."""
        old, new = self.old.files, self.new.files
        changed = [
            {"path": path, "oldSize": old[path].size, "newSize": new[path].size}
            for path in self.changed
        ]
        return {
            "changed": self.any,
            "oldRevision": self.old.revision,
            "newRevision": self.new.revision,
            "oldSize": self.old.size,
            "newSize": self.new.size,
            "filesAdded": [{"path": path, "size": new[path].size} for path in self.added],
            "filesRemoved": [{"path": path, "size": old[path].size} for path in self.removed],
            "filesChanged": changed,
        }

    def to_text(self) -> str:
        """Write the difference for people."""
        if not self.any:
            return f"{self.name}: unchanged{_at(self.new.revision)}"
        head = f"{self.name}: {self.old.revision or 'content'} -> {self.new.revision or 'content'}"
        old, new = self.old.files, self.new.files
        lines = [f"  + {clean(path)} ({show_bytes(new[path].size)})" for path in self.added]
        lines += [f"  - {clean(path)} ({show_bytes(old[path].size)})" for path in self.removed]
        lines += [
            f"  ~ {clean(path)} ({show_bytes(old[path].size)} -> {show_bytes(new[path].size)})"
            for path in self.changed
        ]
        return "\n".join([head, *(lines or ["  the same files"])])


def _at(revision: str) -> str:
    return f" at {revision}" if revision else ""
