"""What is known of a model, wherever it was found: what a bill of materials is made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.reference import Source

HUB_URL = "https://huggingface.co"


@dataclass(frozen=True)
class Described:
    """What is known of a model.

    Attributes:
        name: as its user calls it.
        hashes: sha256 (hex) and size of every file, by path.
        source: where it came from; None where nothing says so.
        revision: the commit it is at; empty where nothing says so.
        places: the files that are on this machine, by path.
        meta: our own metadata; None where Nix has not built it.
        locked_at: when it was pinned; empty where nothing says so.
    """

    name: str
    hashes: Mapping[str, tuple[str, int]]
    source: Source | None = None
    revision: str = ""
    places: Mapping[str, Path] = field(default_factory=dict)
    meta: Mapping[str, Any] | None = None
    locked_at: str = ""

    @property
    def known_at(self) -> str:
        """When it was pinned; empty where nothing says so."""
        return self.locked_at or str((self.meta or {}).get("fetchedAt") or "")

    @property
    def repo(self) -> str:
        """The model's name on the hub; empty for every other source."""
        if self.source is None or self.source.type != "huggingface":
            return ""
        return str(self.source.attrs["repo"])

    @property
    def is_hub_model(self) -> bool:
        """Whether it is a model of the hub, and not a data set or a space."""
        return bool(self.repo) and self._kind == "model"

    @property
    def _kind(self) -> str:
        return str(self.source.attrs.get("kind", "model")) if self.source else "model"

    @property
    def url(self) -> str:
        """Its page on the hub; empty for every other source."""
        prefix = "" if self._kind == "model" else f"{self._kind}s/"
        return f"{HUB_URL}/{prefix}{self.repo}" if self.repo else ""
