"""What the command prints, built by Nix for real; and what Nix built, seen by the command."""

import hashlib
import os
from typing import Any

import pytest

from tests.cli.conftest import LAUNCHER
from tests.hub import Hub, Repo
from tests.nix import Nix

HEADER = b'{"w":{"dtype":"U8","shape":[2097152],"data_offsets":[0,2097152]}}'
WEIGHTS = len(HEADER).to_bytes(8, "little") + HEADER + bytes(range(256)) * 8192  # 2 MiB
FILES = {"config.json": b"{}", "sub/a b.txt": b"a", "model.safetensors": WEIGHTS}

pytestmark = pytest.mark.nix


def paste(expression: str) -> str:
    return f"let nix-ai-models = {{ inherit lib; }}; in {expression}"


@pytest.fixture
def hub(command: Any) -> Any:
    with Hub([Repo("org/tiny", files=FILES)]) as hub:
        command.environment["HF_ENDPOINT"] = hub.endpoint
        yield hub


@pytest.mark.parametrize("words", [[], ["--tree-hash"]], ids=["files", "tree"])
def test_what_prefetch_prints_builds(command, hub: Hub, nix: Nix, words: list[str]) -> None:
    expression = command.ok("prefetch", "hf:org/tiny", *words).out
    out = nix.build(paste(expression), HF_ENDPOINT=hub.endpoint)
    for path, content in FILES.items():
        printed = nix.loaded("sha256sum", f"{out}/{path}").stdout
        assert printed.split()[0] == hashlib.sha256(content).hexdigest(), path


@pytest.mark.parametrize("verb", ["prefetch file:m", "prefetch file:m --tree-hash", "to-nix m"])
def test_a_local_model_builds(command, nix: Nix, verb: str) -> None:
    for path, content in FILES.items():
        (command.folder / "m" / path).parent.mkdir(parents=True, exist_ok=True)
        (command.folder / "m" / path).write_bytes(content)
    expression = command.ok(*verb.split()).out
    # A pasted expression is relative to the file it is in.
    (command.folder / "model.nix").write_text(f"{{ nix-ai-models }}: {expression}")
    text = f"import {command.folder}/model.nix {{ nix-ai-models = {{ inherit lib; }}; }}"
    out = nix.build(text)
    assert nix.loaded("cat", f"{out}/sub/a b.txt").stdout == "a"


def test_the_command_sees_what_nix_built(command, hub: Hub, nix: Nix) -> None:
    command.ok("lock", "add", "tiny", "hf:org/tiny")
    entry = f"(builtins.fromJSON (builtins.readFile {command.lock})).models.tiny"
    locked = f'lib.fetchModel {{ name = "tiny"; lock = {entry}; }}'
    out = nix.build(locked, HF_ENDPOINT=hub.endpoint)

    def inside(*words: str) -> str:
        run = nix.loaded(
            str(LAUNCHER), *words, "--lock-file", str(command.lock), PATH=os.environ["PATH"]
        )
        assert run.returncode == 0, run.stderr
        return run.stdout

    listed = inside("list")
    assert out in listed
    assert "passed (safe-only)" in listed
    assert inside("verify", "tiny") == "tiny: 3 files (2.0 MiB) as pinned\n"
    assert inside("verify", out) == f"{out}: 3 files (2.0 MiB) as pinned\n"
    assert "toDownload:  0 B" in inside("info", "tiny")
    run = nix.loaded(str(LAUNCHER), "to-nix", out)
    assert run.stdout == command.ok("prefetch", "hf:org/tiny").out
    scanned = nix.loaded(str(LAUNCHER), "scan", out)
    assert scanned.returncode == 0, scanned.stdout


def test_the_parts_are_known_before_the_model_is_built(command, hub: Hub, nix: Nix) -> None:
    command.ok("lock", "add", "tiny", "hf:org/tiny")
    nix.build(
        f'(lib.fromLock {command.lock}).tiny.files."model.safetensors"', HF_ENDPOINT=hub.endpoint
    )
    run = nix.loaded(str(LAUNCHER), "info", "tiny", "--lock-file", str(command.lock))
    assert "toDownload:  3 B" in run.stdout
