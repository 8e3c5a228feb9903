"""Large files: several connections, resumed across runs, damaged partial files."""

import hashlib
import os
import random
from dataclasses import replace
from pathlib import Path

import pytest

from common.errors import AuthError, DiskError, IntegrityError, TransferError
from common.files import RemoteFile
from common.reference import Source
from fetchers import huggingface
from fetchers.context import Context, Retries
from fetchers.partial import BLOCK_BYTES, Partials
from tests.hub import Hub, Repo

MIB = 1 << 20
SIZE = 20 * MIB + 12345
CONTENT = random.Random(6).randbytes(SIZE)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
FILE = RemoteFile("model.safetensors", SIZE, SHA256)


@pytest.fixture
def hub():
    with Hub([Repo("org/name", files={FILE.path: CONTENT, "config.json": b"{}"})]) as hub:
        yield hub


@pytest.fixture
def context(hub: Hub, tmp_path: Path) -> Context:
    (tmp_path / "partial").mkdir()
    return Context(
        environ={"HF_ENDPOINT": hub.endpoint, "HOME": str(tmp_path)},
        retries=Retries(4, 0.01, 0.05),
        connections=4,
        partials=Partials(tmp_path / "partial"),
    )


def fetch(hub: Hub, context: Context, target: Path, file: RemoteFile = FILE):
    source = Source("huggingface", {"repo": "org/name"})
    return huggingface.download(source, hub.repos[0].sha, file, target, context)


def sent(hub: Hub) -> int:
    return sum(request.sent for request in hub.requests)


def test_whole(hub: Hub, context: Context, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("fetchers.parts.RUN_BLOCKS", 12)
    digests = fetch(hub, context, tmp_path / "out")
    assert digests.sha256 == SHA256
    assert (tmp_path / "out").read_bytes() == CONTENT
    assert sent(hub) == SIZE
    assert len([r for r in hub.requests if r.origin == "cdn"]) == 7
    assert list((tmp_path / "partial").iterdir()) == []
    assert hub.failures == []


def interrupted(hub: Hub, context: Context, tmp_path: Path, after: int) -> None:
    fault = hub.fault("cut", path="*.safetensors", origin="cdn", after=after, times=None)
    with pytest.raises(TransferError):
        fetch(hub, replace(context, retries=Retries(0, 0.0), connections=1), tmp_path / "out")
    fault.times = 0
    assert not (tmp_path / "out").exists()


def test_resumed_by_another_run(hub: Hub, context: Context, tmp_path: Path) -> None:
    interrupted(hub, context, tmp_path, 12 * MIB + 5)
    fetch(hub, context, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == CONTENT
    assert sent(hub) < SIZE + BLOCK_BYTES


def test_a_flipped_byte_in_the_middle_costs_one_block(
    hub: Hub, context: Context, tmp_path: Path
) -> None:
    interrupted(hub, context, tmp_path, 12 * MIB + 5)
    partial = tmp_path / "partial" / f"{SHA256}.part"
    with partial.open("r+b") as file:
        file.seek(5 * MIB + 77)
        byte = file.read(1)[0]
        file.seek(5 * MIB + 77)
        file.write(bytes([byte ^ 1]))
    hub.clear()
    fetch(hub, context, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == CONTENT
    assert sent(hub) == SIZE - 12 * MIB + BLOCK_BYTES


@pytest.mark.parametrize("journal", [b"", b"\x01\x02\x03", os.urandom(8 * 30)])
def test_a_broken_journal(hub: Hub, context: Context, tmp_path: Path, journal: bytes) -> None:
    interrupted(hub, context, tmp_path, 8 * MIB)
    (tmp_path / "partial" / f"{SHA256}.blocks").write_bytes(journal)
    fetch(hub, context, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == CONTENT


def test_a_truncated_partial_file_begins_anew(hub: Hub, context: Context, tmp_path: Path) -> None:
    interrupted(hub, context, tmp_path, 8 * MIB)
    os.truncate(tmp_path / "partial" / f"{SHA256}.part", 3 * MIB)
    fetch(hub, context, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == CONTENT


def test_a_server_without_ranges(hub: Hub, context: Context, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("fetchers.parts.RUN_BLOCKS", 12)
    hub.fault("no-range", origin="cdn", times=None)
    fetch(hub, context, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == CONTENT


@pytest.mark.parametrize("kind", ["cut", "reset"])
def test_broken_connections(hub: Hub, context: Context, tmp_path: Path, kind: str) -> None:
    hub.fault(kind, origin="cdn", after=2 * MIB + 99, times=3)
    fetch(hub, context, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == CONTENT


def test_other_content_is_refused_after_a_second_try(
    hub: Hub, context: Context, tmp_path: Path
) -> None:
    hub.fault("flip", origin="cdn", offset=7, times=None)
    with pytest.raises(IntegrityError, match="its sha256 should be sha256-"):
        fetch(hub, context, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_byte_flipped_once_in_transit(hub: Hub, context: Context, tmp_path: Path) -> None:
    hub.fault("flip", origin="cdn", offset=7, times=1)
    fetch(hub, context, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == CONTENT


def test_another_size_is_refused_at_once(hub: Hub, context: Context, tmp_path: Path) -> None:
    file = replace(FILE, size=SIZE + MIB)
    with pytest.raises(IntegrityError, match="size in bytes"):
        fetch(hub, context, tmp_path / "out", file)


def test_too_little_space_is_told_before_the_first_byte(
    hub: Hub, context: Context, tmp_path: Path
) -> None:
    file = replace(FILE, size=1 << 50)
    with pytest.raises(DiskError, match=r"space for 1024.0 TiB, got [\d.]+ GiB free"):
        fetch(hub, context, tmp_path / "out", file)
    assert hub.requests == []


def test_a_gated_file_without_a_token(context: Context, tmp_path: Path) -> None:
    repo = Repo("org/gated", files={FILE.path: CONTENT}, gated="auto", tokens=("hf_good",))
    with Hub([repo]) as hub:
        context.environ["HF_ENDPOINT"] = hub.endpoint  # type: ignore[index]
        source = Source("huggingface", {"repo": "org/gated"})
        with pytest.raises(AuthError, match=r"org/gated@main is gated, and no token was found"):
            huggingface.download(source, repo.sha, FILE, tmp_path / "out", context)
