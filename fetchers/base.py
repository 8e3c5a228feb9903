"""The contract of a source: two verbs, *resolve* and *download*, and the values they pass on.

A source is one module of this package. It is imported only when a reference names it (`load`), and
imports its own client library inside its functions, so that fetching a URL loads no cloud SDK.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from common.files import RemoteFile
from common.reference import Source

if TYPE_CHECKING:
    from fetchers.context import Context

MODULES: Mapping[str, str] = {
    "huggingface": "fetchers.huggingface",
    "mlflow": "fetchers.mlflow",
    "git-lfs": "fetchers.git_lfs",
    "url": "fetchers.url",
    "s3": "fetchers.s3",
    "gcs": "fetchers.gcs",
    "azure": "fetchers.azure",
    "ollama": "fetchers.ollama",
    "local": "fetchers.local",
}


@dataclass(frozen=True)
class Snapshot:
    """A source at one moment: what *resolve* gives and a lock entry keeps.

    Attributes:
        source: as asked for, unchanged.
        revision: what pins it upstream (40 hex digits of a commit, a version, a manifest digest);
            empty where the content alone pins it.
        files: sorted by path, already filtered by the source's globs.
        notes: sentences for the user, e.g. a preference that was applied.
    """

    source: Source
    revision: str
    files: tuple[RemoteFile, ...]
    notes: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Digests:
    """What a download saw pass by.

    Attributes:
        sha256: of the whole content, lower-case hex.
        size: bytes.
    """

    sha256: str
    size: int


class Fetcher(Protocol):
    """What every source module offers at its top level."""

    def resolve(self, source: Source, context: "Context") -> Snapshot:
        """Ask upstream what the source is now; downloads no content.

        Raises:
            NotFoundError, AuthError, TransferError, UsageError.
        """

    def download(
        self, source: Source, revision: str, file: RemoteFile, target: Path, context: "Context"
    ) -> Digests:
        """Write one file at the pinned revision to `target`, verified, resumed and retried.

        Asks no hub API where the pinned revision and the path name the content.

        Raises:
            IntegrityError, NotFoundError, AuthError, TransferError, DiskError.
        """


def load(type_: str) -> Fetcher:
    """Import the module of a source type."""
    return cast("Fetcher", importlib.import_module(MODULES[type_]))
