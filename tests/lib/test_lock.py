"""Models from a lock file."""

import hashlib
import json
from pathlib import Path
from typing import Any

from common.digest import to_sri
from tests.nix import ROOT, Nix


def sri(text: str) -> str:
    return to_sri(hashlib.sha256(text.encode()).hexdigest())


def entry(name: str, files: int = 20, large: int = 2) -> dict[str, Any]:
    """Give a lock entry with so many files, of which some are large."""
    listed: dict[str, Any] = {}
    for number in range(files):
        path = f"model-{number}.safetensors" if number < large else f"part/{number}.json"
        file = {"sha256": sri(f"{name}/{path}"), "size": 5_000_000_000 if number < large else 100}
        listed[path] = file | ({"large": True} if number < large else {})
    return {
        "source": {"huggingface": {"repo": f"org/{name}", "revision": "main"}},
        "revision": hashlib.sha1(name.encode()).hexdigest(),
        "lockedAt": "2026-11-20T12:00:00Z",
        "small": {"hash": sri(name)},
        "files": listed,
    }


def lock(path: Path, *names: str) -> Path:
    """Write a lock file of such entries."""
    path.write_text(json.dumps({"version": 1, "models": {name: entry(name) for name in names}}))
    return path


def test_a_thousand_models_are_evaluated_without_building_anything(
    nix: Nix, tmp_path: Path
) -> None:
    """How long that takes is printed by bench/evaluate."""
    file = lock(tmp_path / "models.lock.json", *(f"m{number}" for number in range(1000)))
    paths = nix.eval(f"map (m: m.drvPath) (builtins.attrValues (lib.fromLock {file}))")
    assert len(set(paths)) == 1000
    assert nix.outputs() == []


def test_small_files_share_a_derivation_and_large_ones_have_their_own(
    nix: Nix, tmp_path: Path
) -> None:
    file = lock(tmp_path / "models.lock.json", "m")
    files = nix.eval(f"(lib.fromLock {file}).m.files")
    small = {str(path).removesuffix(f"/{name}") for name, path in files.items() if "part/" in name}
    assert len(small) == 1
    assert small.pop().endswith("-m-small")
    assert files["model-0.safetensors"].endswith("-model-0.safetensors")


def test_the_model_tells_what_it_is(nix: Nix, tmp_path: Path) -> None:
    file = lock(tmp_path / "models.lock.json", "phi-2")
    facts = nix.eval(
        f"""let m = (lib.fromLock {file}).phi-2; in {{
          inherit (m) revision size env hub report source reference shellHook name;
          out = m.outPath;
        }}"""
    )
    assert facts["size"] == 2 * 5_000_000_000 + 18 * 100
    assert facts["revision"] == hashlib.sha1(b"phi-2").hexdigest()
    assert facts["hub"] == f"{facts['out']}/hub/models--org--phi-2"
    assert facts["report"] == f"{facts['out']}/.nix-ai-model-meta.json"
    assert facts["env"]["PHI2_MODEL_PATH"] == facts["out"]
    assert facts["env"]["HF_HOME"] == facts["out"]
    assert facts["env"]["HF_HUB_OFFLINE"] == "1"
    assert facts["reference"] == "huggingface:org/phi-2@main"
    assert f"export HF_HOME='{facts['out']}'\n" in facts["shellHook"]


def test_a_model_of_a_lock_can_be_overridden(nix: Nix, tmp_path: Path) -> None:
    file = lock(tmp_path / "models.lock.json", "m")
    plain, by_set, by_function = nix.eval(
        f"""let m = (lib.fromLock {file}).m; in map (x: x.drvPath) [
          m
          (m.override {{ security.policy = "off"; }})
          (m.override (old: {{ security.policy = if old.name == "m" then "off" else "scanned"; }}))
        ]"""
    )
    assert plain != by_set == by_function


def test_a_model_can_be_reached_by_an_attribute_path(nix: Nix, tmp_path: Path) -> None:
    file = lock(tmp_path / "models.lock.json", "m")
    (tmp_path / "models.nix").write_text(
        f"""let host = import {ROOT}/lib/toolchains/host.nix {{ python = "/bin/false"; }};
        in (import {ROOT} {{ toolchain = host; }}).fromLock {file}"""
    )
    result = nix.run("nix-instantiate", str(tmp_path / "models.nix"), "-A", "m")
    assert result.stdout.strip().endswith("-m.drv"), result.stderr


def test_a_local_path_is_not_copied_a_second_time(nix: Nix, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model/config.json").write_text("{}")
    nix.build(
        f"""lib.fetchModel {{
          source.local.path = {tmp_path}/model;
          fileHashes."config.json" = "sha256-RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o=";
        }}"""
    )
    found = nix.real("/nix/store").rglob("*config.json")
    real = [path for path in found if not path.is_symlink()]
    assert len(real) == 2, "the one that Nix added, and the small file's copy in the model"


def test_the_lock_may_be_named_by_path_and_name(nix: Nix, tmp_path: Path) -> None:
    file = lock(tmp_path / "models.lock.json", "m")
    by_path, by_lock = nix.eval(
        f"""map (m: m.drvPath)
          [ (lib.fetchModel {{ name = "m"; lock = {file}; }}) (lib.fromLock {file}).m ]"""
    )
    assert by_path == by_lock


def test_a_name_that_is_not_locked(nix: Nix, tmp_path: Path) -> None:
    file = lock(tmp_path / "models.lock.json", "minilm")
    error = nix.eval_fails(f'(lib.fetchModel {{ name = "minlm"; lock = {file}; }}).drvPath')
    assert 'has no model "minlm"; did you mean "minilm"?' in error
