"""`fetch` as users run it, into a real store, followed by a real build."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hub import Hub, Repo
from tests.nix import ROOT, Nix
from tests.weights import safetensors

MIB = 1 << 20
WEIGHTS = {
    "model-00001-of-00002.safetensors": safetensors(9 * MIB + 17, 1),
    "model-00002-of-00002.safetensors": safetensors(5 * MIB, 2),
}
FILES = WEIGHTS | {"config.json": b'{"model_type": "bert"}', "sub/vocab.txt": b"a\nb\n"}


class Command:
    """The command with the private store of `nix`."""

    def __init__(self, nix: Nix, folder: Path, hub: Hub) -> None:
        self.nix, self.folder, self.lock = nix, folder, folder / "models.lock.json"
        self.cache = folder / "partial"
        folder.mkdir()
        home = folder / "home"
        home.mkdir()
        self.environ = {"HF_ENDPOINT": hub.endpoint, "HOME": str(home), "NETRC": "/nonexistent"}

    def __call__(self, *words: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
        done = self.nix.run(*self.words(*words), **(self.environ | environ))
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def ok(self, *words: str | Path, **environ: str) -> str:
        done = self(*words, **environ)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def words(self, *words: str | Path) -> list[str]:
        at = ["--lock-file", str(self.lock)]
        more = ["--cache-dir", str(self.cache)] if words[0] == "fetch" else []
        return [str(ROOT / "nix-ai-model"), *map(str, words), *at, *more]

    def add(self, name: str, reference: str, **environ: str) -> None:
        self.ok("lock", "add", name, reference, **environ)

    def fetched(self, *words: str | Path, **environ: str) -> Any:
        return json.loads(self.ok("fetch", *words, "--json", **environ))["models"]


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub([Repo("org/tiny", files=FILES)]) as hub:
        yield hub
        assert hub.failures == []


@pytest.fixture
def command(nix: Nix, hub: Hub, tmp_path: Path) -> Command:
    command = Command(nix, tmp_path / "work", hub)
    command.add("tiny", "hf:org/tiny")
    hub.clear()
    return command


def sent(hub: Hub) -> int:
    return sum(request.sent for request in hub.requests)


def model(command: Command, name: str = "tiny") -> str:
    return f'(lib.fetchModel {{ name = "{name}"; lock = {command.lock}; }})'


def test_a_build_after_fetch_runs_no_fetcher_and_asks_nothing(
    command: Command, nix: Nix, hub: Hub
) -> None:
    told = command.fetched("tiny")["tiny"]["files"]
    assert {file["from"] for file in told.values()} == {"download"}
    assert sorted(told) == sorted(FILES)
    hub.clear()
    built = nix.run(
        "nix-build",
        "--no-out-link",
        "-E",
        nix.expression(model(command)),
        HF_ENDPOINT="http://0.0.0.0:1",
    )
    assert built.returncode == 0, built.stderr
    assert hub.requests == []
    assert {path: nix.real(told[path]["path"]).read_bytes() for path in FILES} == FILES
    planned = nix.eval(f'builtins.mapAttrs (_: file: "${{file}}") ({model(command)}).files')
    assert planned == {path: file["path"] for path, file in told.items()}
    drvs = [line for line in built.stderr.splitlines() if line.startswith("building ")]
    assert [line for line in drvs if "-tiny.drv" not in line] == []
    assert list(command.cache.iterdir()) == []


def test_the_second_fetch_finds_everything(command: Command, hub: Hub) -> None:
    command.ok("fetch")
    hub.clear()
    out = command.ok("fetch", "tiny")
    assert out == "tiny: 4 files, 14.0 MiB in the store; nothing was missing\n"
    assert hub.requests == []
