"""`lock`: entries come, move and go; nothing is downloaded twice, and nothing is lost."""

import json
from pathlib import Path

import pytest

from cli.prefer import leave_out
from tests.hub import Hub, Repo, Sparse

WEIGHTS = bytes(range(256)) * 8192  # 2 MiB
TOKENIZER = b"tokens " * 200_000  # above 1 MiB and not LFS: the hub states no sha256
FILES = {
    "README.md": b"# hi\n",
    "config.json": b"{}",
    "tokenizer.json": TOKENIZER,
    "model.safetensors": WEIGHTS,
}
PICKLES = {
    "pytorch_model-00001-of-00002.bin": b"1",
    "pytorch_model-00002-of-00002.bin": b"2",
    "pytorch_model.bin.index.json": b"{}",
    "training_args.bin": b"3",
    "tf_model.h5": b"4",
}


def fetched(hub: Hub) -> list[str]:
    """Give the files whose content was asked for."""
    return sorted({r.file for r in hub.requests if r.file and r.method == "GET"})


def test_add_writes_an_entry_and_list_shows_it(command, hub: Hub) -> None:
    repo = Repo("org/tiny", files=FILES)
    hub.put(repo)
    result = command.ok("lock", "add", "tiny", "hf:org/tiny")
    assert result.out == (
        f"tiny: huggingface:org/tiny@main at {repo.sha} (4 files, 3.3 MiB), "
        "written to models.lock.json\n"
    )
    text = command.lock.read_text()
    data = json.loads(text)
    assert text == json.dumps(data, indent=2, sort_keys=True) + "\n"
    assert data["version"] == 1
    entry = data["models"]["tiny"]
    assert entry["source"] == {"huggingface": {"repo": "org/tiny", "revision": "main"}}
    assert entry["revision"] == repo.sha
    assert entry["lockedAt"].endswith("Z")
    assert command.ok("lock", "list", "--json").json == data["models"]
    assert f"tiny  huggingface:org/tiny@main at {repo.sha}" in command.ok("lock", "list").out


def test_add_keeps_the_others_and_refuses_a_known_name(command, hub: Hub) -> None:
    hub.put(Repo("org/a", files={"x": b"a"}))
    hub.put(Repo("org/b", files={"x": b"b"}))
    command.ok("lock", "add", "one", "hf:org/a")
    command.ok("lock", "add", "two", "hf:org/b")
    before = command.lock.read_bytes()
    hub.clear()
    result = command("lock", "add", "one", "hf:org/b")
    assert result.status == 2
    assert "error: models.lock.json has a model of that name already, got one" in result.err
    assert (command.lock.read_bytes(), hub.requests) == (before, [])
    command.ok("lock", "add", "one", "hf:org/b", "--force")
    models = command.ok("lock", "list", "--json").json
    assert models["one"]["files"] == models["two"]["files"]


def test_add_prefers_safetensors_and_says_so(command, hub: Hub) -> None:
    hub.put(Repo("org/both", files=FILES | PICKLES))
    result = command.ok("lock", "add", "m", "hf:org/both", "--json")
    assert sorted(result.json["m"]["files"]) == sorted(FILES)
    globs = result.json["m"]["source"]["huggingface"]["exclude"]
    assert globs == [
        "pytorch_model-*-of-00002.bin",
        "pytorch_model.bin.index.json",
        "tf_model.h5",
        "training_args.bin",
    ]
    assert "note: left out pytorch_model-*-of-00002.bin" in result.err
    assert "--all-files keeps them" in result.err
    assert not set(fetched(hub)) & set(PICKLES)


def test_all_files_is_remembered(command, hub: Hub) -> None:
    hub.put(Repo("org/both", files=FILES | PICKLES))
    command.ok("lock", "add", "m", "hf:org/both", "--all-files")
    hub.put(Repo("org/both", files=FILES | PICKLES | {"new.bin": b"n"}))
    command.ok("lock", "update")
    entry = json.loads(command.lock.read_text())["models"]["m"]
    assert set(entry["files"]) == {*FILES, *PICKLES, "new.bin"}
    assert entry["source"]["huggingface"]["files"] == ["*"]


@pytest.mark.parametrize(
    ("paths", "left_out"),
    [
        (["model.safetensors", "pytorch_model.bin"], ["pytorch_model.bin"]),
        (["pytorch_model.bin", "config.json"], []),
        (["unet/diffusion_pytorch_model.fp16.safetensors", "unet/diffusion_pytorch_model.bin"],
         ["unet/diffusion_pytorch_model.bin"]),
        (["a/model.safetensors", "b/pytorch_model.bin"], []),
        (["adapter_model.safetensors", "adapter_model.bin", "optimizer.pt"],
         ["adapter_model.bin", "optimizer.pt"]),
        (["model.safetensors", "openvino_model.bin", "lm.bin", "spiece.model"], []),
        (["model.safetensors", "flax_model.msgpack", "rust_model.ot"],
         ["flax_model.msgpack", "rust_model.ot"]),
        (["[v1]/model.safetensors", "[v1]/x.pt"], ["[[]v1]/x.pt"]),
    ],
)  # fmt: skip
def test_what_is_left_out(paths: list[str], left_out: list[str]) -> None:
    assert leave_out(paths) == left_out


def test_update_of_an_unmoved_model_downloads_and_writes_nothing(command, hub: Hub) -> None:
    hub.put(Repo("org/tiny", files=FILES))
    command.ok("lock", "add", "tiny", "hf:org/tiny")
    before = command.lock.stat().st_mtime_ns, command.lock.read_bytes()
    hub.clear()
    assert "tiny: unchanged at " in command.ok("lock", "update").out
    assert (command.lock.stat().st_mtime_ns, command.lock.read_bytes()) == before
    assert fetched(hub) == []


def test_update_downloads_only_what_moved(command, hub: Hub) -> None:
    hub.put(Repo("org/tiny", files=FILES))
    command.ok("lock", "add", "tiny", "hf:org/tiny")
    old = json.loads(command.lock.read_text())["models"]["tiny"]
    huge = Sparse(7 << 30, "cd" * 32)
    moved = {**FILES, "model.safetensors": huge}
    new = Repo("org/tiny", files=moved, revisions={"old": FILES})
    hub.put(new)
    hub.clear()
    diff = command.ok("lock", "diff", "--json").json["tiny"]
    assert json.loads(command.lock.read_text())["models"]["tiny"] == old
    assert diff["changed"] is True
    assert (diff["oldRevision"], diff["newRevision"]) == (old["revision"], new.sha)
    changed = [{"path": "model.safetensors", "oldSize": 2 << 20, "newSize": huge.size}]
    assert (diff["filesChanged"], diff["filesAdded"], diff["filesRemoved"]) == (changed, [], [])
    result = command.ok("lock", "update", "tiny")
    assert "  ~ model.safetensors (2.0 MiB -> 7.0 GiB)" in result.out
    entry = json.loads(command.lock.read_text())["models"]["tiny"]
    assert fetched(hub) == []
    assert entry["small"] == old["small"]
    assert entry["revision"] == new.sha
    assert entry["files"]["model.safetensors"]["size"] == huge.size


def test_update_of_small_files_leaves_the_middling_ones_alone(command, hub: Hub) -> None:
    hub.put(Repo("org/tiny", files=FILES))
    command.ok("lock", "add", "tiny", "hf:org/tiny")
    moved = {path: content for path, content in FILES.items() if path != "README.md"}
    moved |= {"config.json": b'{"a": 1}', "new.txt": b"n"}
    hub.put(Repo("org/tiny", files=moved, revisions={"old": FILES}))
    hub.clear()
    out = command.ok("lock", "update").out
    assert "  + new.txt (1 B)\n  - README.md (5 B)\n  ~ config.json (2 B -> 8 B)\n" in out
    assert fetched(hub) == ["config.json", "new.txt"]
    fresh = command.ok("prefetch", "hf:org/tiny", "--format", "lock").json
    entry = json.loads(command.lock.read_text())["models"]["tiny"]
    assert (entry["small"], entry["files"]) == (fresh["small"], fresh["files"])


def test_update_survives_a_rewritten_history(command, hub: Hub) -> None:
    hub.put(Repo("org/tiny", files=FILES))
    command.ok("lock", "add", "tiny", "hf:org/tiny")
    hub.put(Repo("org/tiny", files={**FILES, "config.json": b"[]"}))
    assert "  ~ config.json (2 B -> 2 B)" in command.ok("lock", "update").out


def test_one_model_that_fails_does_not_stop_the_others(command, hub: Hub) -> None:
    hub.put(Repo("org/a", files={"x": b"a"}))
    hub.put(Repo("org/b", files={"x": b"b"}))
    command.ok("lock", "add", "a", "hf:org/a")
    command.ok("lock", "add", "b", "hf:org/b")
    hub.put(Repo("org/a", files={"x": b"a"}, private=True))
    hub.put(Repo("org/b", files={"x": b"new"}))
    result = command("lock", "update")
    assert result.status == 1
    assert "error: a: huggingface:org/a@main does not exist, or is private" in result.err
    assert "  ~ x (1 B -> 3 B)" in result.out
    assert json.loads(command.lock.read_text())["models"]["b"]["files"]["x"]["size"] == 3


def test_remove(command, hub: Hub) -> None:
    hub.put(Repo("org/a", files={"x": b"a"}))
    command.ok("lock", "add", "minilm", "hf:org/a")
    result = command("lock", "remove", "minilmm")
    assert result.status == 2
    assert "locks no such model, got 'minilmm'; did you mean 'minilm'?" in result.err
    assert command.ok("lock", "remove", "minilm").out == "minilm: removed from models.lock.json\n"
    assert json.loads(command.lock.read_text()) == {"models": {}, "version": 1}


def test_writers_at_once_lose_nothing(command, hub: Hub) -> None:
    names = [f"m{number}" for number in range(6)]
    for name in names:
        hub.put(Repo(f"org/{name}", files={"x": name.encode()}))
    running = [command.start("lock", "add", name, f"hf:org/{name}") for name in names]
    assert [process.wait(120) for process in running] == [0] * len(names)
    assert sorted(json.loads(command.lock.read_text())["models"]) == names
    assert [path.name for path in command.folder.iterdir()] == ["models.lock.json"]


def test_a_lock_file_that_is_a_link_stays_one(command, hub: Hub, tmp_path: Path) -> None:
    hub.put(Repo("org/a", files={"x": b"a"}))
    real = tmp_path / "real.json"
    command.lock.symlink_to(real)
    command.ok("lock", "add", "a", "hf:org/a")
    assert command.lock.is_symlink()
    assert "a" in json.loads(real.read_text())["models"]
