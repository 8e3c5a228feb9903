"""Every way to pin a model, or not to, ends in a model that loads."""

import hashlib
import json
from pathlib import Path

from common.digest import to_sri
from tests.e2e.conftest import Pin
from tests.e2e.loading import load, original
from tests.e2e.models import safetensors, tiny_bert
from tests.hub import Hub, Repo
from tests.nix import Nix, with_lib

WEIGHTS = safetensors(2 << 20)
FILES = {"config.json": b'{"model_type": "bert"}', "sub/model.safetensors": WEIGHTS}
IMPURE = ("--impure", "--no-link", "--json", "--expr")
TINY = Repo("org/tiny", files=FILES)


def sri(content: bytes) -> str:
    return to_sri(hashlib.sha256(content).hexdigest())


def test_the_fake_hash_shows_the_real_one_and_the_model_loads_by_id(
    nix: Nix, hub: Hub, tmp_path: Path
) -> None:
    hub.put(Repo("org/bert", files=tiny_bert(tmp_path / "bert")))
    model = """lib.fetchModel {{
      source.huggingface = {{ repo = "org/bert"; revision = "main"; }};
      hash = {};
    }}"""
    log = nix.build_fails(model.format("lib.fakeHash"), HF_ENDPOINT=hub.endpoint)
    assert "hash mismatch in fixed-output derivation" in log
    real = log.partition("got:")[2].split()[0]
    path = nix.build(model.format(f'"{real}"'), HF_ENDPOINT=hub.endpoint)
    by_id = load(nix, "org/bert", HF_HOME=path)
    assert by_id["numbers"] == original(tmp_path / "bert")
    assert by_id["warnings"] == []
    assert json.loads((nix.real(path) / ".nix-ai-model-meta.json").read_text())["hash"] == real


def test_hashes_of_files_fetch_those_files_alone(nix: Nix, hub: Hub) -> None:
    hub.put(TINY)
    path = nix.build(
        f"""lib.fetchModel {{
          source = "hf:org/tiny";
          fileHashes."sub/model.safetensors" = "{sri(WEIGHTS)}";
        }}""",
        HF_ENDPOINT=hub.endpoint,
    )
    assert {request.file for request in hub.requests} == {"sub/model.safetensors"}
    assert (nix.real(path) / "sub/model.safetensors").is_symlink()
    assert not (nix.real(path) / "config.json").exists()


def test_a_lock_by_path_by_entry_and_by_name_is_one_model(nix: Nix, hub: Hub, pin: Pin) -> None:
    by_name = pin(TINY, "tiny")
    file = by_name.partition("fromLock ")[2].partition(")")[0]
    by_path = f'lib.fetchModel {{ name = "tiny"; lock = {file}; }}'
    entry = f"(builtins.fromJSON (builtins.readFile {file})).models.tiny"
    by_entry = f'lib.fetchModel {{ name = "tiny"; lock = {entry}; }}'
    built = {nix.build(model, HF_ENDPOINT=hub.endpoint) for model in (by_name, by_path, by_entry)}
    assert len(built) == 1


def test_an_impure_model_follows_its_source(nix: Nix, hub: Hub) -> None:
    model = 'lib.fetchModel { source = "hf:org/tiny"; impure = true; }'
    for config in (b'{"model_type": "bert"}', b'{"model_type": "gpt2"}'):
        hub.put(Repo("org/tiny", files=FILES | {"config.json": config}))
        # NB: nix-build 2.8 builds it, and then crashes when it would print the path.
        done = nix.run(*("nix", "build", *IMPURE, with_lib(model)), HF_ENDPOINT=hub.endpoint)
        assert done.returncode == 0, done.stderr
        path = nix.real(json.loads(done.stdout)[0]["outputs"]["out"])
        assert (path / "config.json").read_bytes() == config


def test_an_impure_model_is_scanned_too(nix: Nix, hub: Hub) -> None:
    hub.put(Repo("org/bad", files=FILES | {"w.bin": b"cposix\nsystem\n(S'false'\ntR."}))
    model = 'lib.fetchModel { source = "hf:org/bad"; impure = true; }'
    log = nix.build_fails(model, HF_ENDPOINT=hub.endpoint)
    assert "w.bin: names a dangerous global" in log


def test_a_hub_that_the_source_names_comes_before_the_environment(nix: Nix, hub: Hub) -> None:
    hub.put(TINY)
    where = f'source.huggingface = {{ repo = "org/tiny"; endpoint = "{hub.endpoint}"; }};'
    elsewhere = {"HF_ENDPOINT": "http://127.0.0.1:9"}
    by_file = f'fileHashes."config.json" = "{sri(FILES["config.json"])}";'
    nix.build(f"lib.fetchModel {{ {where} {by_file} }}", **elsewhere)
    whole = f"lib.fetchModel {{ {where} hash = lib.fakeHash; }}"
    assert "hash mismatch" in nix.build_fails(whole, **elsewhere)
