"""What `prefetch` prints, pasted into a file, builds."""

import time
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.e2e.models import safetensors
from tests.hub import Hub, Repo, Sparse
from tests.nix import Nix

WEIGHTS = safetensors(2 << 20)
FILES = {
    "config.json": b'{"model_type": "bert"}',
    "1_Pooling/deep/config.json": b"{}",
    "model.safetensors": WEIGHTS,
}
OTHER = {"config.json": b'{"model_type": "gpt2"}', "other.safetensors": safetensors(64)}
MANY = 10_000
HUGE = Sparse(100 << 30, "ab" * 32)


def paste(command: Command, printed: str) -> str:
    """Write what was printed into a file, as a user would; gives the expression of that file."""
    file = command.folder / "model.nix"
    file.write_text(f"nix-ai-models:\n{printed}")
    return f"import {file} {{ inherit lib; }}"


@pytest.mark.parametrize(
    ("repo", "reference", "entry"),
    [
        (Repo("org/tiny", files=FILES), "hf:org/tiny", "models--org--tiny"),
        (Repo("org/data", "dataset", files=FILES), "hf:datasets/org/data", "datasets--org--data"),
        (Repo("org/app", "space", files=FILES), "hf:spaces/org/app", "spaces--org--app"),
        (Repo("gpt2", files=FILES), "hf:gpt2", "models--gpt2"),
    ],
    ids=["model", "dataset", "space", "no owner"],
)
def test_every_kind_of_repository(
    nix: Nix, hub: Hub, command: Command, repo: Repo, reference: str, entry: str
) -> None:
    hub.put(repo)
    model = paste(command, command.ok("prefetch", reference).out)
    path = nix.real(nix.build(model, HF_ENDPOINT=hub.endpoint))
    snapshot = path / "hub" / entry / "snapshots" / repo.sha
    assert listed(snapshot) == sorted(FILES)
    assert (path / "1_Pooling/deep/config.json").read_bytes() == b"{}"
    assert nix.real(nix.eval(f"({model}).hub")) == snapshot.parent.parent


@pytest.mark.parametrize("revision", ["v1.0", "refs/pr/1", "feature/x", "commit"])
def test_every_kind_of_revision(nix: Nix, hub: Hub, command: Command, revision: str) -> None:
    names = ("v1.0", "refs/pr/1", "feature/x")
    repo = Repo("org/tiny", files=FILES, revisions=dict.fromkeys(names, OTHER))
    hub.put(repo)
    asked = repo.commits["v1.0"].sha if revision == "commit" else revision
    model = paste(command, command.ok("prefetch", f"hf:org/tiny@{asked}").out)
    path = nix.real(nix.build(model, HF_ENDPOINT=hub.endpoint))
    [snapshot] = (path / "snapshots").iterdir()
    assert snapshot.name == repo.commits["v1.0"].sha
    assert listed(snapshot) == sorted(OTHER)


def test_a_named_revision_keeps_its_name_in_a_lock(nix: Nix, hub: Hub, command: Command) -> None:
    repo = Repo("org/tiny", files=FILES, revisions={"refs/pr/1": OTHER})
    hub.put(repo)
    command.ok("lock", "add", "pr", "hf:org/tiny@refs/pr/1")
    path = nix.real(nix.build(f"(lib.fromLock {command.lock}).pr", HF_ENDPOINT=hub.endpoint))
    refs = path / "hub/models--org--tiny/refs"
    commit = repo.commits["refs/pr/1"].sha
    assert {name: (refs / name).read_text() for name in listed(refs)} == {
        "main": commit,
        "refs/pr/1": commit,
    }


def test_ten_thousand_files_and_globs(nix: Nix, hub: Hub, command: Command) -> None:
    names = [f"data/{n // 100:03d}/{n:05d}.txt" for n in range(MANY)]
    hub.put(Repo("org/many", files=FILES | {name: name.encode() for name in names}))
    globs = ("--include", "data/*7.txt", "--include", "*.safetensors", "--exclude", "data/0[0-8]*")
    model = paste(command, command.ok("prefetch", "hf:org/many", *globs).out)
    pages = [request for request in hub.requests if "/tree/" in request.path]
    assert len(pages) > MANY // hub.page_size
    wanted = [name for name in names if name.endswith("7.txt") and name >= "data/09"]
    assert len(wanted) == 100
    path = nix.real(nix.build(model, HF_ENDPOINT=hub.endpoint))
    [snapshot] = (path / "snapshots").iterdir()
    assert listed(snapshot) == sorted([*wanted, "model.safetensors"])


def test_a_weight_of_100_gb_is_pinned_without_a_byte_of_it(
    nix: Nix, hub: Hub, command: Command
) -> None:
    hub.put(Repo("org/big", files=FILES | {"model.safetensors": HUGE}))
    begun = time.monotonic()
    model = paste(command, command.ok("prefetch", "hf:org/big").out)
    path = nix.eval(f'({model}).files."model.safetensors"')
    assert time.monotonic() - begun < 20
    assert path.endswith("-model.safetensors")
    assert nix.eval(f"({model}).size") > HUGE.size
    assert "model.safetensors" not in {request.file for request in hub.requests}


def test_a_tree_hash_builds(nix: Nix, hub: Hub, command: Command) -> None:
    repo = Repo("org/tiny", files=FILES)
    hub.put(repo)
    model = paste(command, command.ok("prefetch", "hf:org/tiny", "--tree-hash").out)
    path = nix.real(nix.build(model, HF_ENDPOINT=hub.endpoint))
    assert listed(path / "hub/models--org--tiny/snapshots" / repo.sha) == sorted(FILES)


def listed(root: Path) -> list[str]:
    """Give the paths of all files and links below a directory."""
    found = (path for path in root.rglob("*") if path.is_symlink() or path.is_file())
    return sorted(path.relative_to(root).as_posix() for path in found)
