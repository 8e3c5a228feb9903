"""Transformations: another tree out of a model, validated and laid out like any other."""

import json
from collections.abc import Iterator

import pytest

from tests.hub import Hub, Repo
from tests.nix import Nix


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub([Repo("org/tiny", files={"config.json": b"{}", "a/b.txt": b"text"})]) as hub:
        yield hub


def model(steps: str) -> str:
    return f"""lib.fetchModel {{
      source.huggingface.repo = "org/tiny";
      fileHashes."config.json" = "sha256-RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o=";
      transform.steps = [ {steps} ];
    }}"""


def test_steps_run_in_order_and_the_result_is_a_model(nix: Nix, hub: Hub) -> None:
    steps = """
      { name = "one"; command = "cp -rL $src $out; chmod -R u+w $out; echo one > $out/log.txt"; }
      { name = "two"; command = "cp -rL $src $out; chmod -R u+w $out; echo two >> $out/log.txt"; }
    """
    out = nix.real(nix.build(model(steps), HF_ENDPOINT=hub.endpoint))
    [snapshot] = (out / "hub/models--org--tiny/snapshots").iterdir()
    assert (snapshot / "log.txt").read_text() == "one\ntwo\n"
    meta = json.loads((out / ".nix-ai-model-meta.json").read_text())
    assert [file["path"] for file in meta["files"]] == ["config.json", "log.txt"]
    nix.rebuild(model(steps), HF_ENDPOINT=hub.endpoint)


def test_a_step_with_a_wrong_hash_shows_the_right_one(nix: Nix, hub: Hub) -> None:
    step = '{ name = "one"; command = "mkdir $out; echo 1 > $out/x"; outputHash = lib.fakeHash; }'
    log = nix.build_fails(model(step), HF_ENDPOINT=hub.endpoint)
    got = log.partition("got:")[2].split()[0]
    nix.build(model(step.replace("lib.fakeHash", f'"{got}"')), HF_ENDPOINT=hub.endpoint)


def test_what_a_step_makes_is_scanned(nix: Nix, hub: Hub) -> None:
    evil = r"mkdir $out; printf 'cos\nsystem\n(S\"true\"\ntR.' > $out/x"
    step = f'{{ name = "one"; command = "{evil}"; }}'
    log = nix.build_fails(model(step), HF_ENDPOINT=hub.endpoint)
    assert "os.system" in log


def test_raw_is_a_directory_of_what_was_fetched(nix: Nix, hub: Hub) -> None:
    raw = nix.build(f"({model('')}).raw", HF_ENDPOINT=hub.endpoint)
    [path] = nix.real(raw).iterdir()
    assert path.name == "config.json"
    assert nix.real(path.readlink()).read_bytes() == b"{}"


def test_quantize_says_what_to_do_instead(nix: Nix) -> None:
    error = nix.eval_fails(
        '(lib.fetchModel { source = "hf:a/b"; hash = lib.fakeHash; quantize.enable = true; }).name'
    )
    assert "`quantize.enable` cannot be used here" in error
    assert "transform.steps" in error


def test_shards_are_fetched_side_by_side(nix: Nix, hub: Hub) -> None:
    shards = {f"model-{n}-of-3.safetensors": bytes([n]) * 9 for n in (1, 2, 3)}
    hub.put(Repo("org/sharded", files={"config.json": b"{}", **shards}))
    expression = """(lib.fetchModel {{
      source.huggingface.repo = "org/sharded"; hash = lib.fakeHash;
      sharding = {{ enable = true; pattern = "{}"; parallelDownloads = 3; }};
    }}).raw"""
    log = nix.build_fails(expression.format("model-*.safetensors"), HF_ENDPOINT=hub.endpoint)
    assert "got:" in log
    log = nix.build_fails(expression.format("*.gguf"), HF_ENDPOINT=hub.endpoint)
    assert "no file matches `sharding.pattern`, got '*.gguf'" in log
