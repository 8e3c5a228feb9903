"""What the end-to-end tests share: a hub, the command, and models that are locked with it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from common.reference import Source, show_reference
from tests.cli.conftest import Command
from tests.hub import Hub, Repo

Pin = Callable[..., str]


@pytest.fixture
def hub() -> Iterator[Hub]:
    """A hub that is empty at first; no client may ever do what it calls a failure."""
    with Hub() as hub:
        yield hub
        assert hub.failures == []


@pytest.fixture
def command(tmp_path: Path, hub: Hub) -> Command:
    """The command, which asks that hub."""
    command = Command(tmp_path / "work")
    command.environment["HF_ENDPOINT"] = hub.endpoint
    return command


@pytest.fixture
def pin(command: Command, hub: Hub) -> Pin:
    """Put a repository on the hub, lock it, and give the expression of its model."""

    def lock(repo: Repo, name: str, *words: str, revision: str = "main") -> str:
        hub.put(repo)
        source = {"repo": repo.id, "kind": repo.kind, "revision": revision}
        reference = show_reference(Source("huggingface", source))
        command.ok("lock", "add", name, reference, *words)
        return f'(lib.fromLock {command.lock})."{name}"'

    return lock
