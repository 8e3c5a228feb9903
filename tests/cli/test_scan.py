"""`scan`: the checks of a build on whatever lies on disk, and nothing that hides from them."""

import json
import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from cli.targets import reach

HEADER = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
SAFETENSORS = len(HEADER).to_bytes(8, "little") + HEADER + b"\0" * 4


class Evil:
    def __reduce__(self) -> Any:
        return os.system, ("true",)


EVIL = pickle.dumps(Evil())
BLOB = "a" * 40
CLEAN = pickle.dumps({"lr": 0.1})


@pytest.fixture
def model(command: Any) -> Path:
    folder = command.folder / "m"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(SAFETENSORS)
    return folder


def test_a_clean_model(command, model: Path) -> None:
    result = command.ok("scan", "m")
    assert result.out.startswith("m: 2 files (")
    assert ", 2 without a finding\n  checks: " in result.out
    facts = command.ok("scan", "m", "--json").json
    assert facts["refused"] is False
    formats = {file["file"]: file["format"] for file in facts["paths"][0]["files"]}
    assert formats == {"config.json": "json", "model.safetensors": "safetensors"}


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.safetensors", "weights.txt", "x/y"])
def test_a_malicious_pickle_under_any_name(command, model: Path, name: str) -> None:
    (model / name).parent.mkdir(exist_ok=True)
    (model / name).write_bytes(EVIL)
    result = command("scan", "m")
    assert result.status == 3
    assert result.err.startswith("error: refused as unsafe, got m\ntry: ")
    rows = [line.split() for line in result.out.splitlines() if "refused" in line]
    assert {(row[0], row[1]) for row in rows} == {(name, "pickle")}
    assert "posix.system" in result.out
    facts = command("scan", "m", "--json").json
    bad = [file["file"] for file in facts["paths"][0]["files"] if file["verdict"] == "refused"]
    assert (facts["refused"], bad) == (True, [name])


def test_one_file_and_several_paths(command, model: Path) -> None:
    (command.folder / "evil.bin").write_bytes(EVIL)
    result = command("scan", "evil.bin", "m", "--json")
    assert result.status == 3
    assert [path["refused"] for path in result.json["paths"]] == [True, False]


def test_the_policy_decides_on_harmless_pickles(command, model: Path) -> None:
    (model / "pytorch_model.bin").write_bytes(CLEAN)
    command.ok("scan", "m")
    result = command("scan", "m", "--policy", "safe-only")
    assert result.status == 3
    assert 'security.policy = "scanned";' in result.out


def test_what_is_allowed_as_in_nix(command, model: Path) -> None:
    estimator = b"\x80\x04\x8c\x05mylib\x8c\x05Thing\x93)\x81."
    (model / "model.pkl").write_bytes(estimator)
    refused = command("scan", "m")
    assert refused.status == 3
    assert 'security.allowGlobals = [ "mylib.Thing" ];' in refused.out
    command.ok("scan", "m", "--allow-global", "mylib.Thing")
    ignoring = command.ok("scan", "m", "--ignore-file", "*.pkl").out
    assert "left out of the model by `security.ignoreFiles`" in ignoring
    asked = command("scan", "m", "--scanner", "fickling", "--allow-license", "mit", "--json")
    outcomes = {check["name"]: check["outcome"] for check in asked.json["paths"][0]["checks"]}
    assert outcomes["license"] == "failed"
    assert outcomes["fickling"] != "skipped"
    assert command("scan", "m", "--scanner", "clamav").status == 2


def test_what_a_link_leads_to_is_scanned(command, model: Path) -> None:
    outside = command.folder / "outside"
    outside.mkdir()
    (outside / "w.bin").write_bytes(EVIL)
    (model / "more").symlink_to(outside)
    (outside / "back").symlink_to(model)
    assert command("scan", "m").status == 3


def test_a_model_cannot_switch_its_own_scan_off(command, model: Path) -> None:
    (model / "pytorch_model.bin").write_bytes(EVIL)
    (model / "modelscan-settings.toml").write_text("[scanners]\n")
    (model / "validators.py").write_text("raise SystemExit(0)")
    process = command.start("scan", ".")
    process.communicate()
    assert process.returncode == 3
    assert command("scan", "m").status == 3


def test_nothing_to_scan(command) -> None:
    (command.folder / "empty").mkdir()
    for path, text in (("empty", "there is no file to scan"), ("nowhere", "there is no such file")):
        result = command("scan", path)
        assert result.status == 1
        assert f"error: {text}" in result.err


def test_a_cache_entry_is_reached_by_its_names(tmp_path: Path) -> None:
    entry = tmp_path / "models--org--a"
    (entry / "blobs").mkdir(parents=True)
    (entry / "refs").mkdir()
    (entry / "snapshots" / "c1").mkdir(parents=True)
    (entry / "blobs" / BLOB).write_text("{}")
    (entry / "blobs" / ("b" * 64)).write_text("no name leads here")
    (entry / "blobs" / "modeling.py").write_text("print()")
    (entry / "refs" / "main").write_text("c1")
    (entry / "snapshots" / "c1" / "config.json").symlink_to(f"../../blobs/{BLOB}")
    (entry / "notes.txt").symlink_to("blobs/modeling.py")
    found = [
        "blobs/" + "b" * 64,
        "blobs/modeling.py",
        "notes.txt",
        "refs/main",
        "snapshots/c1/config.json",
    ]
    assert sorted(reach(entry)) == found


def test_one_file_under_two_names_is_reached_by_both(tmp_path: Path) -> None:
    (tmp_path / "weights.txt").write_text("x")
    (tmp_path / "code.py").symlink_to("weights.txt")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "code.py").symlink_to("../weights.txt")
    assert sorted(reach(tmp_path)) == ["code.py", "weights.txt"]


def test_links_in_circles_end(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(json.dumps({}))
    (tmp_path / "loop").symlink_to(".")
    (tmp_path / "self").symlink_to("self")
    assert sorted(reach(tmp_path)) == ["a"]
