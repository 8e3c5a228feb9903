"""The real model, owned by another user and read-only, loads in every way without a network."""

from dataclasses import dataclass

import pytest

from tests import minilm
from tests.cli.conftest import Command
from tests.e2e.loading import NOBODY, load, original
from tests.hub import Hub
from tests.nix import Nix


@dataclass(frozen=True)
class Built:
    """The real model in the store: its path, variables and commit, and what it should compute."""

    path: str
    env: dict[str, str]
    commit: str
    numbers: list[float]

    @property
    def entry(self) -> str:
        return f"{self.path}/hub/models--{minilm.REPO_ID.replace('/', '--')}"


@pytest.fixture(scope="module")
def built(session_nix: Nix, tmp_path_factory: pytest.TempPathFactory) -> Built:
    command = Command(tmp_path_factory.mktemp("load") / "work")
    repo = minilm.repo()
    with Hub([repo]) as hub:
        command.environment["HF_ENDPOINT"] = hub.endpoint
        command.ok("lock", "add", "minilm", f"hf:{minilm.REPO_ID}")
        model = f"(lib.fromLock {command.lock}).minilm"
        path = session_nix.build(model, HF_ENDPOINT=hub.endpoint)
    return Built(path, session_nix.eval(f"{model}.env"), repo.sha, original(minilm.directory()))


def test_nobody_may_write_it(session_nix: Nix, built: Built) -> None:
    words = ("--user", str(NOBODY), "find", built.path, "-writable", "!", "-type", "l")
    assert session_nix.loaded(*words).stdout == ""


@pytest.mark.parametrize(
    "way", ["path", "home", "variables", "entry linked", "snapshot", "snapshot by commit"]
)
def test_loads(session_nix: Nix, built: Built, way: str) -> None:
    home = {"HF_HOME": built.path}
    words, environ = {
        "path": ((built.path,), {}),
        "home": ((minilm.REPO_ID,), home),
        "variables": ((minilm.REPO_ID,), built.env),
        "entry linked": ((minilm.REPO_ID, "--link", built.entry), {}),
        "snapshot": ((minilm.REPO_ID, "--snapshot"), home),
        "snapshot by commit": ((minilm.REPO_ID, "--snapshot", "--revision", built.commit), home),
    }[way]
    got = load(session_nix, *words, **environ)
    assert got["numbers"] == built.numbers
    assert len(got["numbers"]) == 3 * 384
    assert (got["user"], got["warnings"]) == (NOBODY, [])
    assert got["repositories"] == ([] if way == "path" else [minilm.REPO_ID])
    if way.startswith("snapshot"):
        assert got["found"] == f"{built.entry}/snapshots/{built.commit}"


def test_the_client_sees_every_file_of_the_repository(session_nix: Nix, built: Built) -> None:
    entry = session_nix.real(built.entry)
    snapshot = entry / "snapshots" / built.commit
    here = {p.relative_to(snapshot).as_posix() for p in snapshot.rglob("*") if not p.is_dir()}
    assert here == set(minilm.files())
    assert (entry / "refs/main").read_text() == built.commit
