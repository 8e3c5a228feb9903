"""`prefetch`: what it prints builds, and it downloads only what hides its hash."""

import base64
import hashlib
import json
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from cli.source import default_name
from common.digest import nar_sha256, to_sri
from common.reference import parse_reference
from tests.hub import Hub, Repo, Sparse
from tests.nix import nix_says

COMMON = {"config.json": b"{}", "README.md": b"# hi\n", "1_Pooling/config.json": b'{"dim": 3}'}
HUGE = Sparse(100 << 30, "ab" * 32)
WEIGHTS = bytes(range(256)) * 8192  # 2 MiB
TOKENIZER = b"tokens " * 200_000  # above 1 MiB and not LFS: the hub states no sha256


def sri(content: bytes) -> str:
    return to_sri(hashlib.sha256(content).hexdigest())


def evaluate(expression: str, folder: Path) -> Any:
    """Let Nix read the printed call; gives the arguments that `fetchModel` gets."""
    text = f"let nix-ai-models.lib.fetchModel = arguments: arguments; in {expression}"
    evaluation = ("nix-instantiate", "--eval", "--strict", "--json", "--read-write-mode")
    return json.loads(nix_says(folder.parent / "nix", *evaluation, "-E", text, cwd=folder))


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


@pytest.mark.nix
def test_prints_a_call_that_nix_reads(command, hub: Hub, tmp_path: Path) -> None:
    repo = Repo("org/tiny", files={**COMMON, "model.safetensors": WEIGHTS})
    hub.put(repo)
    got = evaluate(command.ok("prefetch", "hf:org/tiny").out, command.folder)
    tree = write(tmp_path / "tree", COMMON)
    assert got == {
        "name": "tiny",
        "source": {"huggingface": {"repo": "org/tiny", "revision": repo.sha}},
        "lock": {
            "revision": repo.sha,
            "small": {"hash": to_sri(nar_sha256(tree))},
            "files": {
                path: {"sha256": sri(content), "size": len(content)}
                for path, content in COMMON.items()
            }
            | {"model.safetensors": {"sha256": sri(WEIGHTS), "size": 2 << 20, "large": True}},
        },
    }


@pytest.mark.nix
def test_the_small_hash_is_the_one_nix_computes(command, hub: Hub, tmp_path: Path) -> None:
    hub.put(Repo("org/tiny", files=COMMON))
    entry = command.ok("prefetch", "hf:org/tiny", "--format", "lock")
    tree = write(tmp_path / "tree", COMMON)
    sha256 = (tmp_path / "nix", "nix-hash", "--type", "sha256")
    printed = base64.b64decode(entry.json["small"]["hash"].removeprefix("sha256-"))
    assert nix_says(*sha256, "--to-base32", printed.hex()) == nix_says(
        *sha256, "--base32", str(tree)
    )


def test_a_weight_of_100_gb_costs_seconds_and_not_one_byte(command, hub: Hub) -> None:
    hub.put(Repo("org/big", files={**COMMON, "model.safetensors": HUGE}))
    begun = monotonic()
    facts = command.ok("prefetch", "hf:org/big", "--json").json
    assert monotonic() - begun < 20
    assert facts["totalSize"] == HUGE.size + sum(map(len, COMMON.values()))
    locked = facts["lock"]["files"]["model.safetensors"]
    assert locked == {"sha256": to_sri(HUGE.sha256), "size": HUGE.size, "large": True}
    assert "model.safetensors" not in {request.file for request in hub.requests}


def test_says_what_it_downloads_before_it_does(command, hub: Hub) -> None:
    hub.put(Repo("org/tok", files={"tokenizer.json": TOKENIZER, "config.json": b"{}"}))
    result = command.ok("prefetch", "hf:org/tok", "--format", "lock")
    assert "downloading 1.3 MiB in 2 files whose sha256 is published nowhere" in result.err
    files = result.json["files"]
    assert files["tokenizer.json"] == {"sha256": sri(TOKENIZER), "size": 1_400_000, "large": True}
    assert "large" not in files["config.json"]


def test_a_repository_of_large_files_alone_has_no_small_tree(command, hub: Hub) -> None:
    hub.put(Repo("org/w", files={"model.safetensors": WEIGHTS}))
    result = command.ok("prefetch", "hf:org/w", "--format", "lock")
    assert "small" not in result.json
    assert "downloading" not in result.err


def test_tree_hash_is_that_of_the_whole_tree(command, hub: Hub, tmp_path: Path) -> None:
    files = {**COMMON, "deep/model.safetensors": WEIGHTS}
    hub.put(Repo("org/tiny", files=files))
    result = command.ok("prefetch", "hf:org/tiny", "--tree-hash")
    assert f'hash = "{to_sri(nar_sha256(write(tmp_path / "tree", files)))}";' in result.out
    assert "lock" not in result.out
    assert "downloading all 2.0 MiB" in result.err


def test_pins_named_revisions_to_their_commit(command, hub: Hub) -> None:
    repo = Repo("org/r", files=COMMON, revisions={"v1": {"a": b"1"}, "refs/pr/1": {"b": b"2"}})
    hub.put(repo)
    for name in ("v1", "refs/pr/1"):
        for words in (f"hf:org/r@{name}", "--json"), ("hf:org/r", "--revision", name, "--json"):
            facts = command.ok("prefetch", *words).json
            assert facts["revision"] == repo.commits[name].sha
            assert facts["reference"] == f"huggingface:org/r@{facts['revision']}"
            assert facts["lock"]["source"]["huggingface"]["revision"] == name


def test_globs_choose_files(command, hub: Hub) -> None:
    hub.put(Repo("org/g", files={**COMMON, "model.safetensors": WEIGHTS, "a.bin": b"x"}))
    words = ("--include", "*.json", "--include", "*.bin", "--exclude", "1_Pooling/")
    entry = command.ok("prefetch", "hf:org/g", *words, "--format", "lock").json
    assert sorted(entry["files"]) == ["a.bin", "config.json"]
    source = entry["source"]["huggingface"]
    assert (source["files"], source["exclude"]) == (["*.json", "*.bin"], ["1_Pooling/"])


@pytest.mark.parametrize("kind", ["dataset", "space"])
def test_datasets_and_spaces(command, hub: Hub, kind: str) -> None:
    hub.put(Repo("org/d", kind, files=COMMON))
    out = command.ok("prefetch", f"huggingface:{kind}s/org/d").out
    assert f'kind = "{kind}";' in out


def test_the_endpoint_option_comes_before_the_environment(command) -> None:
    with Hub([Repo("gpt2", files=COMMON)]) as other:
        result = command.ok("prefetch", "hf:gpt2", "--endpoint", other.endpoint)
    assert f'endpoint = "{other.endpoint}";' in result.out


def test_a_file_damaged_on_the_way_is_refused(command, hub: Hub) -> None:
    hub.put(Repo("org/f", files=COMMON))
    hub.fault("flip", path="config.json", offset=0, times=None)
    result = command("prefetch", "hf:org/f")
    assert (result.status, result.out) == (1, "")
    assert "git blob id" in result.err
    assert "\ntry: " in result.err


def test_a_listing_that_climbs_out_is_refused(command, hub: Hub) -> None:
    hub.put(Repo("org/evil", files={"../x": b"boo", "config.json": b"{}"}))
    result = command("prefetch", "hf:org/evil")
    assert (result.status, result.out) == (2, "")
    assert "error: a file of this model has a path that leaves the model, got '../x'" in result.err


def test_a_stated_hash_that_is_none_is_refused(command, hub: Hub) -> None:
    hub.put(Repo("org/odd", files={"model.safetensors": Sparse(1 << 30, "zz")}))
    result = command("prefetch", "hf:org/odd")
    assert (result.status, result.out) == (1, "")
    assert "error: the sha256 that is stated for model.safetensors is none, got zz" in result.err


def test_a_local_directory(command) -> None:
    write(command.folder / "my model", {"config.json": b"{}", "w.bin": b"x"})
    out = command.ok("prefetch", "file:my model").out
    assert 'path = ./. + "/my model";' in out
    assert 'name = "my-model";' in out
    assert sri(b"x") in out


@pytest.mark.nix
def test_a_local_path_is_one_for_nix(command) -> None:
    write(command.folder / "m", {"config.json": b"{}"})
    expression = command.ok("prefetch", "file:m").out
    text = f"let nix-ai-models.lib.fetchModel = a: toString a.source.local.path; in {expression}"
    evaluation = ("nix-instantiate", "--eval", "--json", "-E", text)
    given = nix_says(command.folder.parent / "nix", *evaluation, cwd=command.folder)
    assert json.loads(given) == str(command.folder / "m")


def test_an_address_with_a_secret_is_refused_and_not_shown(command) -> None:
    for reference in (
        "git-lfs:https://me:hunter2secret@git.example/x.git",
        "https://files.example/w.bin?token=hunter2secret",
        "git-lfs:https://hunter2secret@git.example/x.git",
    ):
        result = command("prefetch", reference)
        assert result.status == 2
        assert "hunter2secret" not in result.err + result.out
        assert "would end in the lock file" in result.err


def test_a_token_is_used_and_shown_nowhere(command, hub: Hub) -> None:
    hub.put(Repo("org/gated", files=COMMON, gated="auto", tokens=("hf_abcdefgh",)))
    result = command("prefetch", "hf:org/gated")
    assert result.status == 1
    assert "is gated" in result.err
    result = command.ok("prefetch", "hf:org/gated", "--json", env={"HF_TOKEN": "hf_abcdefgh"})
    assert "hf_abcdefgh" not in result.out + result.err


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("hf:org/All-MiniLM.v2", "All-MiniLM.v2"),
        ("hf:gpt2@main", "gpt2"),
        ("ollama:llama2:7b", "llama2"),
        ("ollama:localhost:5000/ns/x:1b", "x"),
        ("https://a.example/dir/model.v1.gguf?download=true", "model.v1"),
        ("s3://bucket/llama-2-7b/", "llama-2-7b"),
        ("s3://bucket", "bucket"),
        ("az://account/container", "container"),
        ("git-lfs:https://git.example/org/repo.git@v1", "repo"),
        ("mlflow:my model@3", "my-model"),
        ("file:/models/some dir", "some-dir"),
    ],
)
def test_a_model_is_named_after_its_source(reference: str, name: str) -> None:
    assert default_name(parse_reference(reference)) == name


@pytest.mark.parametrize(
    ("reference", "status", "text"),
    [
        ("hf:org/none", 1, "does not exist, or is private"),
        ("hf:org/tiny@nope", 1, "no revision 'nope'"),
        ("hf:org/tiny --include *.xyz", 1, "has no file that matches"),
        ("hf:org/empty", 1, "has no files"),
        ("org/tiny", 2, "try: huggingface:org/tiny"),
        ("huggingfaec:org/tiny", 2, "did you mean 'huggingface'?"),
        ("hf:org/tiny --region eu", 2, "--region means nothing for a source of type huggingface"),
        ("hf:org/tiny --name a/b", 2, "this is no name for a model, got 'a/b'\ntry: a-b"),
        ("hf:org/tiny --tree-hash --format lock", 2, "a lock entry has a hash a file"),
        ("file:nowhere", 1, "there is no such file or directory"),
    ],
)
def test_bad_references(command, hub: Hub, reference: str, status: int, text: str) -> None:
    hub.put(Repo("org/tiny", files=COMMON))
    hub.put(Repo("org/empty", files={}))
    result = command("prefetch", *reference.split())
    assert (result.status, result.out) == (status, "")
    assert result.err.startswith("error: ")
    assert text in result.err
