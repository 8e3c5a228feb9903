"""The contract of a check, and the model that checks look at."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.findings import Finding

POLICIES = ("safe-only", "scanned", "off")
NOT_STARTED = "not started"  # for the version of a program that had nothing to look at
SECOND_OPINIONS = ("picklescan", "fickling")  # what `security.scanners` may name


@dataclass(frozen=True)
class ModelFile:
    """A file of the model as it lies on disk now.

    Attributes:
        path: inside the model, POSIX.
        local: where its bytes are; may be a link into the store.
        size: bytes.
        sha256: lower-case hex where a verified hash is known already, else None.
    """

    path: str
    local: Path
    size: int
    sha256: str | None = None


@dataclass(frozen=True)
class Model:
    """What is validated: files, and the user's rules for them.

    Attributes:
        name: for messages.
        files: sorted by path.
        root: a directory that holds the files at their paths, for programs that want one.
        policy: ``safe-only``, ``scanned`` or ``off``.
        security: the other attributes of ``security`` as in Nix (``allowGlobals``, …).
        tools: programs of the toolchain by name (``modelscan`` → argument list that starts it).
        seen: what our own walk saw of the files that concern other scanners, by path, as JSON data
            (see `validators.scanners.Seen`); None where nothing has walked yet.
    """

    name: str
    files: tuple[ModelFile, ...]
    root: Path
    policy: str = "safe-only"
    security: Mapping[str, Any] = field(default_factory=dict)
    tools: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    seen: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Check:
    """A check, as each module of `validators.checks` offers it under the name `CHECK`.

    Attributes:
        name: as in reports, e.g. ``pickle-scan``.
        version: changes whenever its verdicts may change.
        run: gives the findings; an exception it raises is a failure of the check, never a pass.
            A generator may return the version of the program that it ran. A `visits.Shared` is
            shown the walk that all such checks share, in one process; others get one of their own.
        enabled: whether the user's settings ask for it; everything is on unless switched off.
        timeout: seconds for the whole model.
        memory: bytes that its process, and each program it starts, may use.
        informed: whether it runs after the walk, with `Model.seen`, and only if anything is there.
    """

    name: str
    version: str
    run: Callable[[Model], Iterable[Finding]]
    enabled: Callable[[Model], bool] = lambda _: True
    timeout: float = 600.0
    memory: int = 2 << 30
    informed: bool = False
