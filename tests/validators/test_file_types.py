"""What files are by their bytes, and what the policy says to it."""

from pathlib import Path

import pytest

from common.findings import Finding
from tests.validators.corpus.archives import Member, make_tar, make_zip
from tests.validators.helpers import errors, judge, make_model
from validators.base import Model, ModelFile
from validators.checks import file_types

PROGRAMS = {
    "elf": b"\x7fELF\2\1\1" + b"\0" * 60,
    "pe": b"MZ" + b"\0" * 58 + b"\x40\0\0\0" + b"PE\0\0" + b"\0" * 60,
    "mach-o": b"\xcf\xfa\xed\xfe" + b"\0" * 60,
    "universal": b"\xca\xfe\xba\xbe\0\0\0\2" + b"\0" * 60,
    "llamafile": b"MZqFpD='\n" + b"\0" * 60,
    "script": b"#!/bin/sh\ntrue\n",
    "java": b"\xca\xfe\xba\xbe\0\0\0\x3d" + b"\0" * 60,
    "wasm": b"\0asm\1\0\0\0",
    "bytecode": b"\xa7\x0d\r\n" + b"\0" * 60,
    "bytecode-3.5": b"\x16\x0d\r\n\x5f\x5e\x5d\x5c" + b"\0" * 60,
    "bytecode-2": b"\x03\xf3\r\n\x5f\x5e\x5d\x5c" + b"\0" * 60,
    "dalvik": b"dex\n035\0" + b"\0" * 60,
    "lua": b"\x1bLua\x53" + b"\0" * 60,
    "java-objects": b"\xac\xed\0\5sr\0\x11java.util.HashMap",
}


def rules(findings: list[Finding]) -> set[str]:
    return {finding.rule for finding in errors(findings)}


@pytest.mark.parametrize("program", PROGRAMS)
def test_programs(program: str, tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_bytes(PROGRAMS[program])
    (finding,) = errors(judge(tmp_path, "safe-only"))
    assert finding.rule == "executable"
    assert finding.trigger
    assert finding.remedy
    accepted = program in {"script", "wasm"}  # the others no scanner can judge
    assert bool(errors(judge(tmp_path, "scanned"))) != accepted


NUMBERS = {
    "mz": b"MZ" + b"\x91\x3c\x05\xbd" * 200,
    "shebang": b"#!" + b"\x91\x3c\x05\xbd" * 200,
    "bytecode": b"\x91\x0d\r\n" + b"\x91\x3c\x05\xbd" * 200,
}


@pytest.mark.parametrize("start", NUMBERS)
def test_numbers_that_begin_like_a_program(start: str, tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_bytes(NUMBERS[start])
    assert not errors(judge(tmp_path, "safe-only"))


def test_programs_in_archives(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(make_tar(("x", PROGRAMS["elf"])))
    (finding,) = errors(judge(tmp_path, "safe-only"))
    assert finding.file == "a.tar!x"


@pytest.mark.parametrize("name", ["m.safetensors", "m.gguf", "m.npy"])
def test_a_name_that_lies(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("version https://git-lfs.github.com/spec/v1\n")
    assert rules(judge(tmp_path)) == {"name-disagrees"}


def test_what_nobody_knows_is_reported(tmp_path: Path) -> None:
    (tmp_path / "thing").write_bytes(b"\xff\xfe\xfd" * 20)
    (tmp_path / "weights.bin").write_bytes(b"\xff\xfe\xfd" * 20)
    (tmp_path / "empty").write_bytes(b"")
    findings = judge(tmp_path, "safe-only")
    assert [(finding.file, finding.rule) for finding in findings] == [("thing", "unidentified")]


def test_links_to_nothing_and_paths_that_climb(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("nowhere")
    file = ModelFile("../x", tmp_path / "link", 0)
    found = list(file_types.run(Model("m", (file,), tmp_path)))
    assert rules(found) == {"path", "link"}


def test_links_inside_an_archive_are_fine(tmp_path: Path) -> None:
    member = Member("a/b", b"../c", central={"mode": 0o120777})
    (tmp_path / "a.zip").write_bytes(make_zip(member))
    assert not errors(judge(tmp_path))
    member = Member("a/b", b"../../c", central={"mode": 0o120777})
    (tmp_path / "a.zip").write_bytes(make_zip(member))
    assert rules(judge(tmp_path)) == {"link"}


def test_a_thousand_lies_are_said_a_hundred_times(tmp_path: Path) -> None:
    lies = [Member(f"{number}", b"x", local={"name": "y"}) for number in range(1000)]
    (tmp_path / "a.zip").write_bytes(make_zip(*lies))
    *first, last = file_types.run(make_model(tmp_path, "scanned"))
    assert len(first) == 100
    assert last.message.startswith("900 more findings like this are left out")
