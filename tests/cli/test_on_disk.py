"""`info`, `list`, `verify` and `to-nix`: models on this machine, laid out by the real layouts."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest

from common.digest import fixed_output_path, to_sri
from common.findings import CheckResult, Finding, Report
from layouts import huggingface, metadata
from layouts.place import describe
from tests.hub import Hub, Repo

WEIGHTS = bytes(range(256)) * 8192  # 2 MiB
FILES = {"config.json": b"{}", "sub/a.txt": b"a", "model.safetensors": WEIGHTS}
REPO = Repo("org/tiny", files=FILES)


def sri(content: bytes) -> str:
    return to_sri(hashlib.sha256(content).hexdigest())


def write(folder: Path, files: dict[str, bytes] = FILES) -> Path:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


def build(command: Any, name: str = "tiny", digit: str = "0", without: str = "") -> Path:
    """Lay a model out in the store as the validating derivation does."""
    raw = write(command.store / f"{digit * 31}r-raw")
    out = command.store / f"{digit * 32}-{name}"
    out.mkdir()
    items = tuple(describe(path, raw / path) for path in FILES if path != without)
    huggingface.write(out, items, huggingface.Entry("org/tiny", "model", REPO.sha))
    finding = Finding("config.json", "config", "warning", "an odd key")
    ignored = (without,) if without else ()
    unasked = CheckResult("fickling", "", "skipped", detail="not asked for")
    checks = (CheckResult("safetensors", "1", "passed", (finding,)), unasked)
    report = Report(checks, ignored=ignored)
    identity = {
        "name": name,
        "source": "huggingface:org/tiny@main",
        "revision": REPO.sha,
        "fetchedAt": None,
        "hash": None,
    }
    metadata.write(out, metadata.describe(identity, items, report, ()))
    return out


def locked_path(command: Any, place: Path) -> Path:
    return command.store / place.relative_to(command.store).parts[0]


@pytest.fixture
def locked(command: Any, hub: Hub) -> Any:
    hub.put(REPO)
    command.ok("lock", "add", "tiny", "hf:org/tiny")
    return command


def test_list_before_and_after_the_build(locked) -> None:
    assert locked.ok("list").out.splitlines()[1].split()[-2:] == ["no", "-"]
    build(locked, "other", "1")
    assert locked.ok("list", "--json").json["tiny"]["built"] is None
    out = build(locked)
    facts = locked.ok("list", "--json").json["tiny"]
    assert facts["built"] == str(out)
    assert facts["verdict"] == "passed with 1 warning (safe-only)"
    assert facts["totalSize"] == sum(map(len, FILES.values()))
    assert str(out) in locked.ok("list").out


def test_a_model_whose_files_were_left_out_is_built_too(locked) -> None:
    out = build(locked, without="sub/a.txt")
    assert locked.ok("list", "--json").json["tiny"]["built"] == str(out)
    assert "tiny: 2 files (" in locked.ok("verify", "tiny").out
    [component] = json.loads(locked.ok("bom", "tiny").out)["components"]
    files = [file["name"] for file in component["components"]]
    assert files == ["config.json", "model.safetensors"]
    left_out = {"name": "nix-ai-models:ignoredFile", "value": "sub/a.txt"}
    assert left_out in component["properties"]


def test_list_ignores_what_was_built_of_another_revision(locked, hub: Hub) -> None:
    build(locked)
    hub.put(Repo("org/tiny", files={**FILES, "config.json": b"[]"}))
    locked.ok("lock", "update")
    assert locked.ok("list", "--json").json["tiny"]["built"] is None


def test_list_of_nothing(command) -> None:
    result = command.ok("list")
    assert result.out == ""
    assert "models.lock.json locks nothing; try: nix-ai-model lock add NAME REF" in result.err


def test_info_of_a_locked_model_knows_what_is_in_the_store(locked) -> None:
    facts = locked.ok("info", "tiny", "--json").json
    assert facts["toDownload"] == facts["totalSize"] == sum(map(len, FILES.values()))
    digest = hashlib.sha256(WEIGHTS).hexdigest()
    place = Path(fixed_output_path("model.safetensors", digest, store=str(locked.store)))
    place.write_bytes(WEIGHTS)
    facts = locked.ok("info", "tiny", "--json").json
    assert facts["toDownload"] == len(FILES["config.json"]) + len(FILES["sub/a.txt"])
    assert facts["files"]["model.safetensors"]["storePath"] == str(place)
    assert "toDownload:  3 B (3 bytes)" in locked.ok("info", "tiny").out


def test_info_of_a_reference_downloads_nothing(command, hub: Hub) -> None:
    hub.put(REPO)
    facts = command.ok("info", "hf:org/tiny", "--json").json
    assert facts["revision"] == REPO.sha
    assert facts["toHash"] == 3
    assert facts["files"]["model.safetensors"] == {"size": 2 << 20, "sha256": sri(WEIGHTS)}
    assert not [request for request in hub.requests if request.file]


def test_info_of_a_built_model(command) -> None:
    out = build(command)
    facts = command.ok("info", out, "--json").json
    assert facts["reference"] == "huggingface:org/tiny@main"
    assert facts["revision"] == REPO.sha
    assert facts["validators"] == [
        {"name": "safetensors", "version": "1", "outcome": "passed"},
        {"name": "fickling", "version": "", "outcome": "skipped", "detail": "not asked for"},
    ]
    [finding] = facts["findings"]
    assert (finding["file"], finding["message"]) == ("config.json", "an odd key")
    assert set(facts["files"]) == set(FILES)
    text = command.ok("info", out).out
    assert re.search(r"^verdict: +passed with 1 warning \(safe-only\)$", text, re.MULTILINE)
    assert "checks:\n  passed:  safetensors 1\n  not run: fickling (not asked for)\n" in text
    assert re.search(r"^  config.json +- +warned +an odd key +-$", text, re.MULTILINE)
    narrow = command.ok("info", out, env={"COLUMNS": "40"}).out
    assert "\n  config.json\n    warned:  an odd key\n" in narrow


@pytest.mark.parametrize(
    "wrong",
    [
        {"findings": [{"file": "x", "check": "y", "severity": "\x1b[2J", "message": "z"}]},
        {"findings": ["text"]},
        {"validators": [{"name": "x"}]},
        {"postDownloadResults": 3},
    ],
)
def test_a_report_that_was_not_written_here(command, wrong: dict[str, Any]) -> None:
    out = build(command)
    meta = json.loads((out / metadata.FILE).read_text())
    (out / metadata.FILE).write_text(json.dumps(meta | wrong))
    for verb in ("info", "bom"):
        result = command(verb, out)
        assert result.status == 1
        assert "this metadata cannot be read" in result.err


def test_info_of_a_directory(command) -> None:
    write(command.folder / "m")
    facts = command.ok("info", "m", "--json").json
    assert facts["reference"] is None
    assert facts["fileCount"] == 3


def test_verify_of_a_built_model(command) -> None:
    out = build(command)
    assert command.ok("verify", out).out == f"{out}: 3 files (2.0 MiB) as pinned\n"
    (out / "config.json").resolve().write_bytes(b"[]")
    result = command("verify", out)
    assert result.status == 1
    assert result.out == (f"config.json\n  expected  {sri(b'{}')}\n  actual    {sri(b'[]')}\n")
    place = (out / "config.json").resolve()
    remedy = f"sudo nix-store --repair-path {locked_path(command, place)}"
    assert f"error: 1 of 3 files not as pinned, got config.json\ntry: {remedy}\n" in result.err


def test_verify_of_a_locked_model(locked) -> None:
    result = locked("verify", "tiny")
    assert result.status == 1
    assert "error: tiny is locked, but no file of it is in the store" in result.err
    out = build(locked)
    locked.ok("verify", "tiny")
    (out / "model.safetensors").resolve().unlink()
    facts = locked("verify", "tiny", "--json").json
    assert facts["ok"] is False
    bad = [file for file in facts["files"] if not file["ok"]]
    assert [(file["path"], file["actual"]) for file in bad] == [("model.safetensors", None)]


def test_verify_of_a_directory_against_the_lock(locked) -> None:
    folder = write(locked.folder / "m")
    (folder / "extra.txt").write_text("x")
    result = locked.ok("verify", folder, "--against", "tiny")
    assert "note: not compared, as nothing is known of them: extra.txt" in result.err
    (folder / "sub/a.txt").write_bytes(b"b")
    assert locked("verify", folder, "--against", "tiny").status == 1
    result = locked("verify", folder)
    assert result.status == 2
    assert "--against NAME" in result.err
    result = locked("verify", folder, "--against", "tinny")
    assert result.status == 2
    assert "did you mean 'tiny'?" in result.err


@pytest.mark.parametrize(
    "content",
    ["", "{}", "[]", '{"schemaVersion": 1, "files": [{}]}', '{"schemaVersion": 1, "files": 3}'],
)  # fmt: skip
def test_metadata_that_is_broken(command, content: str) -> None:
    (command.folder / metadata.FILE).write_text(content)
    result = command("verify", ".")
    assert result.status == 1
    assert "error: this metadata cannot be read" in result.err


def test_metadata_that_climbs_out(command) -> None:
    files = [{"path": "../secret", "size": 1, "sha256": sri(b"x")}]
    content = {"schemaVersion": 1, "name": "x", "files": files}
    (command.folder / metadata.FILE).write_text(json.dumps(content))
    result = command("verify", ".")
    assert result.status == 2
    assert "a path that leaves the model, got '../secret'" in result.err


def test_to_nix_of_a_hub_cache_is_what_prefetch_gives(command, hub: Hub, tmp_path: Path) -> None:
    hub.put(REPO)
    snapshot = huggingface_hub.snapshot_download(
        "org/tiny", cache_dir=tmp_path / "cache", endpoint=hub.endpoint, token=False
    )
    fetched = command.ok("prefetch", "hf:org/tiny").out
    hub.clear()
    for place in snapshot, Path(snapshot).parent.parent:
        assert command.ok("to-nix", place).out == fetched
    entry = command.ok("to-nix", place, "--json").json["lock"]
    assert entry["source"]["huggingface"] == {"repo": "org/tiny", "revision": "main"}
    assert entry["revision"] == REPO.sha
    assert hub.requests == []


def test_to_nix_of_an_output_of_ours(locked) -> None:
    out = build(locked)
    assert locked.ok("to-nix", out).out == locked.ok("prefetch", "hf:org/tiny").out
    locked.ok("to-nix", out, "--lock")
    made = json.loads(locked.ok("to-nix", out, "--lock").out)["models"]["tiny"]
    entry = json.loads(locked.lock.read_text())["models"]["tiny"]
    assert made | {"lockedAt": ""} == entry | {"lockedAt": ""}


def test_to_nix_of_a_directory_is_what_prefetch_gives(command) -> None:
    write(command.folder / "m")
    out = command.ok("to-nix", "m").out
    assert out == command.ok("prefetch", "file:m").out
    assert "path = ./m;" in out


def test_to_nix_of_a_cache_with_two_snapshots(command) -> None:
    entry = command.folder / "models--org--a"
    for digit in "12":
        write(entry / "snapshots" / (digit * 40), {"x": b"x"})
    result = command("to-nix", entry)
    assert result.status == 2
    assert "holds 2 snapshots and no `main`" in result.err
    out = command.ok("to-nix", entry / "snapshots" / ("2" * 40)).out
    assert f'revision = "{"2" * 40}";' in out


def test_to_nix_of_nothing(command) -> None:
    assert "there is no such file or directory" in command("to-nix", "nowhere").err
    (command.folder / "empty").mkdir()
    assert "there is no file of a model" in command("to-nix", "empty").err
    (command.folder / "empty" / "link").symlink_to("nowhere")
    assert "a link of this model leads nowhere" in command("to-nix", "empty").err
