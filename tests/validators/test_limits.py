"""Hostile and huge files end in bounded time and memory, and weights are not read."""

import os
import resource
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from common.findings import Report
from tests.validators.corpus import huge
from tests.validators.corpus.archives import Member, make_zip
from tests.validators.corpus.assemble import payload, proto
from tests.validators.helpers import errors, judge, make_model
from validators import registry
from validators.containers import sources
from validators.runner import run_checks

SECONDS = 10.0
MEMORY_BYTES = 256 << 20
OURS = ("pickle-scan", "file-types")


def bounded(root: Path, monkeypatch: pytest.MonkeyPatch) -> Report:
    """Run both checks with a quarter of a gibibyte, and measure the time they compute."""
    for check in registry.all_checks(OURS).values():
        monkeypatch.setattr(type(check), "__setattr__", object.__setattr__)
        monkeypatch.setattr(check, "memory", MEMORY_BYTES)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    report = run_checks(make_model(root), checks=OURS)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert used < SECONDS * len(OURS)
    assert not any(result.detail for result in report.checks)
    return report


NO_OPS = {
    "none and pop": b"N0", "mark and pop": b"(0", "memoize": b"\x94", "dup": b"2", "none": b"N",
    "mark": b"(", "tuple": b"\x85", "empty list": b"]", "text": b"\x8c\x01a", "put": b"q\x01",
    "memoized text": b"\x8c\x04abcd\x94", "int": b"I1\n", "frame": b"\x95" + b"\0" * 8,
    "append": b"]a", "protocol": b"\x80\x04", "pickles": b"N.", "dictionary": b"}NNs0",
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("title", ["none and pop", "memoize", "tuple", "memoized text", "int"])
def test_twenty_million_opcodes(
    title: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = NO_OPS[title]
    with (tmp_path / "model.pkl").open("wb") as file:
        file.write(proto() + b"N")
        for _ in range(20):
            file.write(code * 1_000_000)
    report = bounded(tmp_path, monkeypatch)
    rules = {finding.rule for finding in report.findings if finding.severity == "error"}
    assert rules & {"too-many-opcodes", "too-deep"}


@pytest.mark.parametrize("title", NO_OPS)
def test_payload_behind_many_opcodes(title: str, tmp_path: Path) -> None:
    data = proto() + b"N" + NO_OPS[title] * 30_000 + payload()[2:]
    (tmp_path / "model.pkl").write_bytes(data)
    assert "dangerous-global" in {finding.rule for finding in errors(judge(tmp_path))}


def test_zip_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    zeros = zlib.compressobj(9, wbits=-15)
    packed = b"".join(zeros.compress(bytes(1 << 20)) for _ in range(300)) + zeros.flush()
    changes = {"method": 8, "unpacked": 2048 << 20}
    member = Member("a.pkl", packed, 0, local=changes, central=changes)
    (tmp_path / "bomb.zip").write_bytes(make_zip(member))
    assert {finding.rule for finding in errors([*bounded(tmp_path, monkeypatch).findings])} == {
        "bomb"
    }


def test_gzip_bomb_of_tar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packer = zlib.compressobj(9, wbits=31)
    with (tmp_path / "bomb.gz").open("wb") as file:
        file.write(packer.compress(b"N0" * (1 << 19)))
        for _ in range(300):
            file.write(packer.compress(b"N0" * (1 << 19)))
        file.write(packer.flush())
    assert errors([*bounded(tmp_path, monkeypatch).findings])


def test_overlapping_members(tmp_path: Path) -> None:
    members = [Member("a", b"x" * 1000), Member("b", b"", central={"offset": 0, "packed": 1000})]
    (tmp_path / "quoted.zip").write_bytes(make_zip(*members))
    assert "bomb" in {finding.rule for finding in errors(judge(tmp_path))}


def test_a_hundred_thousand_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as archive:
        for number in range(100_000):
            archive.writestr(f"{number}", b"")
    report = bounded(tmp_path, monkeypatch)
    assert "too-many-members" in {finding.rule for finding in errors([*report.findings])}


def test_nested_too_deep(tmp_path: Path) -> None:
    data = payload()
    for number in range(12):
        data = make_zip(Member(f"{number}.zip", data))
    (tmp_path / "deep.zip").write_bytes(data)
    assert "too-deep" in {finding.rule for finding in errors(judge(tmp_path))}


@pytest.mark.parametrize(
    ("name", "write"), [("model.safetensors", huge.safetensors), ("model.pt", huge.torch_zip)]
)
def test_huge_files_are_not_read(
    name: str,
    write: Callable[[Path], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read = [0]
    pread = os.pread

    def counting(descriptor: int, count: int, offset: int) -> bytes:
        data = pread(descriptor, count, offset)
        read[0] += len(data)
        return data

    monkeypatch.setattr(sources.os, "pread", counting)
    write(tmp_path / name)
    started = time.monotonic()
    findings = judge(tmp_path)
    assert time.monotonic() - started < 1.0
    assert not errors(findings)
    assert read[0] < 4 << 20
