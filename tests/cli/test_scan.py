"""`scan`: the checks of a build on whatever lies on disk, and nothing that hides from them."""

import json
import os
import pickle
import re
import socket
import zipfile
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
    assert result.out.startswith("m: passed by policy scanned: 2 files (")
    head, passed, skipped, *rest = result.out.splitlines()
    assert head.endswith(", 2 without a finding")
    assert passed.startswith("  passed:  active-documents 1, archives 1, ")
    assert "modelscan (no file is of a kind that it reads)" in skipped
    assert skipped.startswith("  not run: fickling (not asked for), ")
    assert rest == []
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
    assert {(row[0], row[1]) for row in rows if row[0] != "m:"} == {(name, "pickle")}
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


ESCAPES = b"c\x1b]0;owned\x07os\nsys\x1b[2Jtem\n(S'true'\ntR."
TEXT_PICKLE = b"cos\nsystem\n(S'true'\ntR."
STEERING = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u200b\udce9]")


def hostile(folder: Path) -> list[str]:
    """Write files whose names and contents steer terminals; gives how they are to be shown."""
    names = {
        b"red\x1b[31m.bin": r"red\x1b[31m.bin",
        b"two\nlines\t.bin": r"two\x0alines\x09.bin",
        b"latin\xe9.bin": r"latin\xe9.bin",
        "back\u202ewards.bin".encode(): r"back\x202ewards.bin",
        "hid\u200bden.bin".encode(): r"hid\x200bden.bin",
    }
    for name in names:
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(TEXT_PICKLE)
    (folder / "global.pkl").write_bytes(ESCAPES)
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        archive.writestr("in\x1b[2Jner\nname.pkl", TEXT_PICKLE)
    return [*names.values(), r"\x1b]0;owned\x07os", r"a.zip!in\x1b[2Jner\x0aname.pkl"]


@pytest.mark.parametrize("columns", ["", "80", "1000"])
def test_nothing_of_a_model_steers_a_terminal(command, model: Path, columns: str) -> None:
    shown = hostile(model)
    result = command("scan", "m", env={"COLUMNS": columns} if columns else {})
    assert result.status == 3
    assert not STEERING.search(result.out + result.err)
    for text in shown:
        assert text in result.out
    for line in result.out.splitlines():
        assert line == "" or line.startswith(("  ", "m: ")), "no name begins a line of its own"


@pytest.mark.parametrize("shape", ["--json", "--sarif"])
def test_nothing_of_a_model_steers_who_reads_json(command, model: Path, shape: str) -> None:
    hostile(model)
    result = command("scan", "m", shape)
    assert result.status == 3
    assert not STEERING.search(result.out + result.err)
    assert result.json


def test_it_can_be_read_on_a_narrow_terminal(command, model: Path) -> None:
    (model / "weights.bin").write_bytes(EVIL)
    text = command("scan", "m", env={"COLUMNS": "80"}).out
    assert max(map(len, text.splitlines())) <= 80
    assert "\n  weights.bin (pickle)\n    refused: " in text
    assert text.count('to do:   leave it out: security.ignoreFiles = [ "weights.bin" ];') == 1
    wide = command("scan", "m", env={"COLUMNS": "300"}).out
    assert re.search(r"\n  FILE +FORMAT +VERDICT +WHY +WHAT TO DO\n", wide)


def test_many_findings_are_counted(command, model: Path) -> None:
    for number in range(300):
        (model / f"{number:03}.bin").write_bytes(TEXT_PICKLE)
    (model / "zzz.bin").write_bytes(b"cmylib\nThing\n.")
    lines = command("scan", "m").out.splitlines()
    assert "303 files" in lines[0]
    assert "301 refused" in lines[0]
    assert len(lines) < 220
    assert re.fullmatch(r"  and \d+ findings more; all: --json", lines[-1])


def test_what_is_no_file_is_told_and_never_read(command, model: Path) -> None:
    os.mkfifo(model / "pipe")
    (model / "zeros").symlink_to("/dev/zero")
    (model / "gone.bin").symlink_to("nowhere")
    (model / "self").symlink_to("self")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(model / "socket"))
    result = command("scan", "m", "--json")
    assert result.status == 3
    [path] = result.json["paths"]
    said = {
        file["file"]: (file["verdict"], file["findings"][0]["message"])
        for file in path["files"]
        if file["findings"]
    }
    assert said == {
        "gone.bin": ("warned", "is a link to nothing, and was not looked at"),
        "self": ("warned", "is a link to nothing, and was not looked at"),
        "pipe": ("refused", "is a named pipe, and was not looked at"),
        "socket": ("refused", "is a socket, and was not looked at"),
        "zeros": ("refused", "is a device, and was not looked at"),
    }
    for name, kind in (("pipe", "a named pipe"), ("socket", "a socket"), ("zeros", "a device")):
        alone = command("scan", f"m/{name}")
        assert alone.status == 2
        assert f"only files and directories can be scanned, got m/{name}, {kind}" in alone.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("name", ["config.json", "."])
def test_what_may_not_be_read_is_no_pass(command, model: Path, name: str) -> None:
    (model / name).chmod(0)
    result = command("scan", "m")
    (model / name).chmod(0o755)
    assert result.status == 1
    assert "Permission denied" in result.err


def test_a_licence_that_nothing_states_is_in_the_json_too(command, model: Path) -> None:
    path = command("scan", "m", "--allow-license", "mit", "--json").json["paths"][0]
    [card] = [file for file in path["files"] if file["file"] == "README.md"]
    assert (card["verdict"], card["format"]) == ("refused", "-")
