"""Files of this machine: one copy in the store, checked before it is made."""

import hashlib
import json
from pathlib import Path

import pytest

from common.digest import to_sri
from common.errors import NotFoundError, UsageError
from common.reference import Source, parse_reference
from fetchers import local
from fetchers.context import Context
from tests.fetchers.conftest import Command, content
from tests.nix import Nix, with_lib
from tests.servers import sample


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return sample.write(tmp_path / "a model")


def sri(data: bytes) -> str:
    return to_sri(hashlib.sha256(data).hexdigest())


def call(path: str, pin: str, extra: str = "") -> str:
    return f'(lib.fetchModel {{ name = "m"; source.local = {{ path = {path}; {extra} }}; {pin} }})'


def hashes(files: dict[str, bytes]) -> str:
    return "".join(f'fileHashes."{path}" = "{sri(data)}";' for path, data in files.items())


def tree(nix: Nix, expression: str) -> dict[str, bytes]:
    """Give the files of a `raw` that Nix itself puts into the store, without a derivation."""
    words = ("nix-instantiate", "--eval", "--json", "--read-write-mode", "-E")
    result = nix.run(*words, with_lib(f'"${{{expression}.raw}}"'))
    assert result.returncode == 0, result.stderr
    return sample.read(nix.real(json.loads(result.stdout)))


def test_a_locked_directory(nix: Nix, model: Path, command: Command) -> None:
    (model / "linked.txt").symlink_to(model / "config.json")
    locked = command.lock(f"file:{model}")
    out = nix.build(locked)
    for path, data in sample.FILES.items():
        assert content(nix, f"{out}/{path}") == data, path
    assert content(nix, f"{out}/linked.txt") == sample.FILES["config.json"]
    nix.build(locked, "--check")
    # One copy of the weights in the store, under the name that every source gives them.
    weights = sample.FILES["model.safetensors"]
    stored = nix.real("/nix/store").rglob("*")
    copies = [path for path in stored if path.is_file() and path.stat().st_size == len(weights)]
    assert [path.name.partition("-")[2] for path in copies if not path.is_symlink()] == [
        "model.safetensors"
    ]


def test_the_whole_tree_is_what_other_sources_give(nix: Nix, model: Path, command: Command) -> None:
    pin = f'hash = "{command.tree_hash(f"file:{model}")}";'
    assert tree(nix, call(f'"{model}"', pin)) == dict(sample.FILES)


def test_a_relative_nix_path_and_one_file(nix: Nix, model: Path, command: Command) -> None:
    (model / "m.nix").write_text(
        f'lib: lib.fetchModel {{ name = "m"; source.local.path = ./model.safetensors; '
        f'fileHashes."model.safetensors" = "{sri(sample.WEIGHTS)}"; }}'
    )
    out = nix.build(f'import (/. + "{model}/m.nix") lib')
    assert content(nix, f"{out}/model.safetensors") == sample.WEIGHTS
    locked = command.lock(f"file:{model}/model.safetensors")
    assert content(nix, nix.build(locked) + "/model.safetensors") == sample.WEIGHTS


def test_a_relative_string_is_refused_with_the_text_to_paste(nix: Nix) -> None:
    pin = 'fileHashes."x" = lib.fakeHash;'
    for given, remedy in {
        "model": "source.local.path = ./model;",
        "./model": "source.local.path = ./model;",
        "../model": "source.local.path = ../model;",
        "~/model": 'source.local.path = "/home/…/model";',
    }.items():
        error = nix.eval_fails(call(f'"{given}"', pin) + ".drvPath")
        assert (
            f'`source.local.path` is relative to nothing when it is a string, got "{given}"'
            in error
        )
        assert remedy in error


def test_a_wrong_digest_is_an_error_or_a_warning(nix: Nix, model: Path) -> None:
    wrong = sri(b"something else")
    pin = f'fileHashes."config.json" = "{wrong}";'
    error = nix.build_fails(call(f'"{model}"', pin))
    assert f"{model}/config.json is not what was pinned: its hash should be {wrong}, got " in error
    assert hashlib.sha256(sample.FILES["config.json"]).hexdigest() in error
    assert "nix-ai-model lock update" in error
    assert not [name for name in nix.outputs() if "config.json" in name]
    loose = call(f'"{model}"', pin, "strict = false;")
    result = nix.run(*nix._nix_build(loose))
    assert result.returncode == 0, result.stderr
    assert f"warning: {model}/config.json is not what was pinned" in result.stderr
    out = result.stdout.split()[-1]
    assert content(nix, f"{out}/config.json") == sample.FILES["config.json"]
    report = json.loads(content(nix, f"{out}/.nix-ai-model-meta.json"))
    assert sri(sample.FILES["config.json"]) in json.dumps(report["files"])


def test_a_wrong_tree_hash(nix: Nix, model: Path) -> None:
    error = nix.build_fails(call(f'"{model}"', "hash = lib.fakeHash;"))
    assert f"{model} is not what was pinned" in error
    assert "nix-ai-model prefetch" in error


def test_globs(nix: Nix, model: Path, command: Command) -> None:
    globs = {"files": ["*.json", "tokenizer/", "notes ?1.txt"], "exclude": ["*/[a-b]+*.txt"]}
    kept = {"config.json", "tokenizer/vocab list.txt", "notes #1.txt"}
    source = {"local": {"path": str(model), **globs}}
    command.lock(source)
    assert set(command.entry()["files"]) == kept
    listed = local.resolve(Source("local", source["local"]), Context(environ={}))
    assert {file.path for file in listed.files} == kept
    nixed = 'files = [ "*.json" "tokenizer/" "notes ?1.txt" ]; exclude = [ "*/[a-b]+*.txt" ];'
    chosen = call(f'"{model}"', "hash = lib.fakeHash;", nixed + "strict = false;")
    assert set(tree(nix, chosen)) == kept


def test_links_and_a_whole_hash(nix: Nix, model: Path) -> None:
    (model / "out").symlink_to("/etc/passwd")
    error = nix.build_fails(call(f'"{model}"', "hash = lib.fakeHash;"))
    assert f"{model}/out is a link" in error
    assert "nix-ai-model lock add NAME" in error


def test_what_is_not_there(nix: Nix, tmp_path: Path, model: Path) -> None:
    for path in (tmp_path / "none", model):
        error = nix.build_fails(call(f'"{path}"', hashes({"gone.txt": b""})))
        assert f"there is no {path}/gone.txt" in error
    with pytest.raises(NotFoundError, match="there is no such file or directory"):
        local.resolve(parse_reference(f"file:{tmp_path}/none"), Context(environ={}))
    (model / "dead").symlink_to("nowhere")
    with pytest.raises(UsageError, match="a link in this directory leads nowhere"):
        local.resolve(parse_reference(f"file:{model}"), Context(environ={}))


def test_impure_takes_what_is_there(nix: Nix, model: Path) -> None:
    source = f'source.local.path = "{model}"; impure = true;'
    assert tree(nix, f'(lib.fetchModel {{ name = "m"; {source} }})') == dict(sample.FILES)


def test_many_files(nix: Nix, tmp_path: Path, command: Command) -> None:
    files = {f"many/{i:04}.txt": b"%d\n" % i for i in range(sample.MANY)}
    root = sample.write(tmp_path / "many files", files)
    pin = f'hash = "{command.tree_hash(f"file:{root}")}";'
    assert tree(nix, call(f'"{root}"', pin)) == files
