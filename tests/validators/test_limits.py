"""Hostile and huge files end in bounded time and memory, and weights are not read."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.validators.corpus import endless, exhausting, huge
from tests.validators.corpus.archives import Member, make_zip
from tests.validators.corpus.assemble import payload, proto
from tests.validators.helpers import errors, judge, make_model
from tests.validators.spent import scan
from validators.containers import Trouble, sources, walk

SECONDS = 10.0  # of all processes together
MEBIBYTES = 256.0  # likewise
NO_OPS = exhausting.NO_OPS
# Twenty million of each take two minutes; these stand for the rest.
_OFTEN = ("none and pop", "tuple", "memoized text", ": pickles", "in a zip")


def _params() -> list[object]:
    items = (*exhausting.items(), *endless.items())
    often = {item.title for item in items if item.title.endswith(_OFTEN)}
    return [
        pytest.param(
            item,
            id=item.title,
            marks=[pytest.mark.slow] * ("opcodes" in item.title and item.title not in often),
        )
        for item in items
    ]


@pytest.mark.parametrize("item", _params())
def test_ends_early_and_says_why(item: exhausting.Exhausting, tmp_path: Path) -> None:
    item.write(tmp_path)
    spent, findings = scan(tmp_path)
    rules = {finding["rule"] for finding in findings if finding["severity"] == "error"}
    assert "failed" not in rules
    assert not item.rules or item.rules & rules
    assert spent.cpu < SECONDS
    assert spent.mebibytes < MEBIBYTES


@pytest.mark.parametrize("title", NO_OPS)
def test_payload_behind_many_opcodes(title: str, tmp_path: Path) -> None:
    data = proto() + b"N\x94" + NO_OPS[title] * 30_000 + payload()[2:]
    (tmp_path / "model.pkl").write_bytes(data)
    assert "dangerous-global" in {finding.rule for finding in errors(judge(tmp_path))}


def test_stored_zips_in_zips_are_looked_at_once(tmp_path: Path) -> None:
    data = exhausting.stored_in_stored(levels=3, width=3)
    (tmp_path / "model.zip").write_bytes(data)
    members = list(walk(make_model(tmp_path).files[0]))
    assert len(members) == 1 + 3 + 9 + 27 + 27


def test_one_budget_for_all_levels(tmp_path: Path) -> None:
    inner = exhausting.bomb_zip(100 << 20)  # below every limit by itself
    (tmp_path / "a.zip").write_bytes(make_zip(*(Member(f"{n}", inner, 8) for n in range(3))))
    (file,) = make_model(tmp_path).files
    troubles: list[Trouble] = []
    whole = [one for one in walk(file) if _readable(one.source, troubles) == 100 << 20]
    assert len(whole) == 1
    assert {trouble.rule for trouble in troubles} == {"bomb"}


def _readable(source: sources.Source, troubles: list[Trouble]) -> int | None:
    try:
        return sources.length(source)
    except Trouble as trouble:
        troubles.append(trouble)
        return None


def test_a_long_list_of_names_is_said_once(tmp_path: Path) -> None:
    names = b"".join(b"cm\nn%d\n0" % number for number in range(30))
    (tmp_path / "model.pkl").write_bytes(proto() + b"N" + names + b".")
    remedies = [finding.remedy for finding in sorted(errors(judge(tmp_path)))]
    assert remedies[0].count('"m.n') == 30
    assert not any('"m.n' in remedy for remedy in remedies[1:])


def test_overlapping_members(tmp_path: Path) -> None:
    members = [Member("a", b"x" * 1000), Member("b", b"", central={"offset": 0, "packed": 1000})]
    (tmp_path / "quoted.zip").write_bytes(make_zip(*members))
    assert "bomb" in {finding.rule for finding in errors(judge(tmp_path))}


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
    findings = judge(tmp_path)
    assert not errors(findings)
    assert read[0] < 4 << 20


@pytest.mark.parametrize("title", [title for title in huge.FILES if "5 GiB" in title])
def test_huge_files_are_judged_in_a_second(title: str, tmp_path: Path) -> None:
    huge.FILES[title](tmp_path)
    spent, findings = scan(tmp_path)
    assert not [finding for finding in findings if finding["severity"] == "error"]
    assert spent.cpu < 2.0  # below one second on a machine that does nothing else
    assert spent.mebibytes < MEBIBYTES
