"""`fetch` as users run it, into a real store, followed by a real build."""

import hashlib
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.digest import file_sha256
from tests.e2e.command import Command
from tests.hub import Hub, Repo, Sparse
from tests.nix import ROOT, Nix
from tests.weights import safetensors, safetensors_header

MIB = 1 << 20
WEIGHTS = {
    "model-00001-of-00002.safetensors": safetensors(9 * MIB + 17, 1),
    "model-00002-of-00002.safetensors": safetensors(5 * MIB, 2),
}
FILES = WEIGHTS | {"config.json": b'{"model_type": "bert"}', "sub/vocab.txt": b"a\nb\n"}


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub([Repo("org/tiny", files=FILES)]) as hub:
        yield hub
        assert hub.failures == []


@pytest.fixture
def command(nix: Nix, hub: Hub, tmp_path: Path) -> Command:
    command = Command(nix, tmp_path / "work", hub.endpoint)
    command.add("tiny", "hf:org/tiny")
    hub.clear()
    return command


def sent(hub: Hub) -> int:
    return sum(request.sent for request in hub.requests)


def test_a_build_after_fetch_runs_no_fetcher_and_asks_nothing(
    command: Command, nix: Nix, hub: Hub
) -> None:
    told = command.fetched("tiny")["tiny"]["files"]
    assert {file["from"] for file in told.values()} == {"download"}
    assert sorted(told) == sorted(FILES)
    hub.clear()
    built = nix.run(
        "nix-build",
        "--no-out-link",
        "-E",
        nix.expression(command.model()),
        HF_ENDPOINT="http://0.0.0.0:1",
    )
    assert built.returncode == 0, built.stderr
    assert hub.requests == []
    assert {path: nix.real(told[path]["path"]).read_bytes() for path in FILES} == FILES
    planned = nix.eval(f'builtins.mapAttrs (_: file: "${{file}}") ({command.model()}).files')
    assert planned == {path: file["path"] for path, file in told.items()}
    drvs = [line for line in built.stderr.splitlines() if line.startswith("building ")]
    assert [line for line in drvs if "-tiny.drv" not in line] == []
    assert list(command.cache.iterdir()) == []


def test_the_second_fetch_finds_everything(command: Command, hub: Hub) -> None:
    command.ok("fetch")
    hub.clear()
    out = command.ok("fetch", "tiny")
    assert out == "tiny: 4 files, 14.0 MiB in the store; nothing was missing\n"
    assert hub.requests == []


def finish_or_kill(command: Command, hub: Hub, until: int) -> bool:
    """Start a fetch and kill it, children and all, when the hub has sent so much in this run."""
    before = sent(hub)
    process = subprocess.Popen(
        [str(ROOT / "scripts/with-nix"), *command.words("fetch", "big", "--jobs", "2")],
        env=command.nix.environ | command.environ,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while sent(hub) - before < until and process.poll() is None:
        time.sleep(0.005)
    killed = process.poll() is None
    os.killpg(process.pid, signal.SIGKILL) if killed else None
    process.wait()
    return killed


@pytest.mark.slow
def test_killed_three_times_and_finished(command: Command, hub: Hub) -> None:
    """The full size is a GiB: NIX_AI_MODELS_FULL_SIZE=1; by default a quarter of that."""
    size = (1024 if os.environ.get("NIX_AI_MODELS_FULL_SIZE") else 256) * MIB
    content = safetensors(8 * MIB, 3)
    path = command.folder / "big.safetensors"
    with path.open("wb") as file:
        header = safetensors_header(size)
        file.write(header)
        for index in range(size // len(content) + 1):
            file.write(index.to_bytes(8, "little") + content[8:])
        file.truncate(size + len(header))
    total = path.stat().st_size
    hub.put(Repo("org/big", files={"big.safetensors": path}))
    hub.rate = 24 * MIB  # a second and connection: less than the client can take
    command.add("big", "hf:org/big")
    hub.clear()
    for share in (0.3, 0.6, 0.9):
        assert finish_or_kill(command, hub, int(total * share) - sent(hub))
    told = command.fetched("big")["big"]["files"]["big.safetensors"]
    assert told["from"] == "download"
    extra = sent(hub) - total
    print(f"{total / MIB:.0f} MiB, three kills: {100 * extra / total:.2f} % more crossed the wire")
    # What a kill costs does not depend on the size, so the bound is that of the full size.
    assert extra <= 0.02 * 1024 * MIB
    assert file_sha256(command.nix.real(told["path"])) == file_sha256(path)


def test_gated_with_the_users_token_and_nothing_of_it_left(
    command: Command, nix: Nix, hub: Hub
) -> None:
    token = "hf_only_in_the_users_environment"
    hub.put(Repo("org/gated", files=FILES, gated="auto", tokens=(token,)))
    command.add("gated", "hf:org/gated", HF_TOKEN=token)
    refused = command("fetch", "gated")
    assert refused.returncode == 1
    assert "org/gated@main is gated, and no token was found" in refused.stderr
    assert "accept the licence at https://huggingface.co/org/gated" in refused.stderr
    done = command("fetch", "gated", HF_TOKEN=token)
    assert done.returncode == 0, done.stderr
    nix.build(command.model("gated"))
    for place in (nix.state, command.folder):
        found = subprocess.run(
            ["grep", "-rlaF", token, str(place)], capture_output=True, text=True, check=False
        )
        assert found.stdout == ""
    assert token not in done.stderr + done.stdout


def test_a_wrong_token_is_told_with_its_origin_and_not_itself(command: Command, hub: Hub) -> None:
    hub.put(Repo("org/gated", files=FILES, gated="auto", tokens=("hf_right",)))
    hub.tokens["hf_wrong_one"] = "read"
    command.add("gated", "hf:org/gated", HF_TOKEN="hf_right")
    hub.fault("echo", path="*resolve*", status=403, times=None)
    done = command("fetch", "gated", "--debug", HF_TOKEN="hf_wrong_one")
    assert done.returncode == 1
    assert "hf_wrong_one" not in done.stderr + done.stdout
    assert "with the token of $HF_TOKEN" in done.stderr


def test_a_token_that_expires_midway_is_renewed_by_its_command(
    command: Command, nix: Nix, hub: Hub
) -> None:
    hub.put(Repo("org/gated", files=FILES, gated="auto", tokens=("hf_first", "hf_second")))
    command.add("gated", "hf:org/gated", HF_TOKEN="hf_first")
    hub.fault("expire", token="hf_first", after=6 * MIB)
    renew = "test -e renewed && echo hf_second || { touch renewed; echo hf_first; }"
    told = command.fetched("gated", "--token-command", f"cd {command.folder}; {renew}")
    for path, content in FILES.items():
        assert nix.real(told["gated"]["files"][path]["path"]).read_bytes() == content
    used = {request.headers.get("authorization") for request in hub.requests}
    assert {"Bearer hf_first", "Bearer hf_second"} <= used


def test_files_on_disk_are_not_downloaded(command: Command, nix: Nix, hub: Hub) -> None:
    cache = command.folder / "hf"
    entry = cache / "models--org--tiny"
    snapshot = entry / "snapshots" / hub.repos[0].sha
    for path, content in FILES.items():
        blob = entry / "blobs" / hashlib.sha256(content).hexdigest()
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(content)
        (snapshot / path).parent.mkdir(parents=True, exist_ok=True)
        (snapshot / path).symlink_to(blob)
    damaged = entry / "blobs" / hashlib.sha256(FILES["config.json"]).hexdigest()
    damaged.write_bytes(b"x" * len(FILES["config.json"]))
    told = command.fetched("tiny", "--from", cache)["tiny"]["files"]
    assert {path: file["from"] for path, file in told.items()} == {
        path: "download" if path == "config.json" else "disk" for path in FILES
    }
    assert [r.file for r in hub.requests if r.file] == ["config.json"]
    assert {path: nix.real(told[path]["path"]).read_bytes() for path in FILES} == FILES
    assert (snapshot / "sub/vocab.txt").read_bytes() == FILES["sub/vocab.txt"]


def test_content_that_changed_fails_warns_or_updates_the_lock(
    command: Command, nix: Nix, hub: Hub
) -> None:
    locked = command.lock.read_text()
    changed = FILES | {"model-00002-of-00002.safetensors": safetensors(5 * MIB, 9)}
    # The same commit with other content, as a rewritten history or a bad mirror would give.
    wrong = Repo("org/tiny", files=changed, revisions={hub.repos[0].sha: changed})
    hub.put(wrong)
    failed = command("fetch", "tiny")
    assert failed.returncode == 1
    assert "model-00002-of-00002.safetensors" in failed.stderr
    assert "its sha256 should be sha256-" in failed.stderr
    warned = command("fetch", "tiny", "--on-hash-mismatch", "warn")
    assert warned.returncode == 0, warned.stderr
    assert "a build refuses it until it is locked" in warned.stderr
    assert command.lock.read_text() == locked
    asked = command("fetch", "tiny", "--on-hash-mismatch", "update-hash")
    assert asked.returncode == 1  # nobody was there to agree
    assert command.lock.read_text() == locked
    updated = command("fetch", "tiny", "--on-hash-mismatch", "update-hash", "--yes")
    assert updated.returncode == 0, updated.stderr
    assert command.lock.read_text() != locked
    hub.clear()
    built = nix.build(command.model(), HF_ENDPOINT="http://127.0.0.1:9")
    name = "model-00002-of-00002.safetensors"
    shown = nix.loaded("sha256sum", f"{built}/{name}").stdout
    assert shown.startswith(hashlib.sha256(changed[name]).hexdigest())


def test_too_little_space_is_told_with_both_figures(command: Command, hub: Hub) -> None:
    hub.put(Repo("org/huge", files={"model.safetensors": Sparse(1 << 50, "ab" * 32)}))
    command.add("huge", "hf:org/huge")
    hub.clear()
    done = command("fetch", "huge")
    assert done.returncode == 1
    assert "lacks the space: 2048.0 TiB are needed, got" in done.stderr
    assert re.search(r"[\d.]+ [GT]iB free", done.stderr)
    assert hub.requests == []


def test_two_at_a_time_do_the_work_once(command: Command, nix: Nix, hub: Hub) -> None:
    hub.rate = 4 * MIB
    # NB: Nix itself fails when two of its processes make the same new store at once.
    assert nix.run("nix-store", "--verify").returncode == 0
    processes = [
        subprocess.Popen(
            [str(ROOT / "scripts/with-nix"), *command.words("fetch", "tiny")],
            env=nix.environ | command.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in processes:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        assert "in the store" in out
    large = [r for r in hub.requests if r.origin == "cdn"]
    assert sum(r.sent for r in large) == sum(map(len, WEIGHTS.values()))
    assert list(command.cache.iterdir()) == []


def test_links_keep_what_was_fetched(command: Command, nix: Nix, hub: Hub) -> None:
    command.ok("fetch", "tiny", "--gc-root", command.folder / "roots")
    nix.run("nix-store", "--gc")
    hub.clear()
    assert "nothing was missing" in command.ok("fetch", "tiny")
    assert len(list((command.folder / "roots/tiny").iterdir())) == 3
    for link in (command.folder / "roots/tiny").iterdir():
        link.unlink()
    nix.run("nix-store", "--gc")
    assert "14.0 MiB downloaded" in command.ok("fetch", "tiny")


def test_the_rate_is_kept(command: Command, hub: Hub) -> None:
    begun = time.monotonic()
    command.ok("fetch", "tiny", "--limit-rate", "5M")
    assert time.monotonic() - begun > sum(map(len, FILES.values())) / 5e6 - 0.5


def test_a_reference_needs_no_lock(command: Command) -> None:
    out = command.ok("fetch", "hf:org/tiny")
    assert out.startswith("tiny: 4 files, 14.0 MiB in the store; 14.0 MiB downloaded")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("tinny",), "locks no such model, got 'tinny'; did you mean 'tiny'?"),
        (("tiny", "--limit-rate", "fast"), "this is no rate, got 'fast'"),
        (("tiny", "--jobs", "0"), "expected a number above 0"),
        (("tiny", "--from", "/nowhere"), "there is no such directory, got /nowhere"),
    ],
)
def test_wrong_calls(command: Command, words: tuple[str, ...], said: str) -> None:
    done = command("fetch", *words)
    assert done.returncode in (1, 2)
    assert said in done.stderr


def test_gc_deletes_what_nothing_keeps(command: Command, nix: Nix, hub: Hub) -> None:
    built = nix.build(command.model(), HF_ENDPOINT=hub.endpoint)
    old = command.cache / f"{'ab' * 32}.part"
    command.cache.mkdir(exist_ok=True)
    old.write_bytes(b"x" * 1000)
    os.utime(old, (0, 0))
    cache = ("--cache-dir", command.cache)
    root = command.folder / "root"
    nix.run("nix-store", "--realise", built, "--add-root", str(root), "--indirect")
    assert str(old) in command.without_lock("gc", *cache)
    assert built not in command.without_lock("gc", *cache)
    root.unlink()
    listed = json.loads(command.without_lock("gc", "--json", *cache))["unused"]
    names = {Path(one["path"]).name.partition("-")[2] for one in listed}
    assert {"tiny", "tiny-small", *WEIGHTS} <= names
    assert nix.real(built).exists()
    command.without_lock("gc", "--delete", "--yes", *cache)
    assert not nix.real(built).exists()
    assert not old.exists()
    assert json.loads(command.without_lock("gc", "--json", *cache))["unused"] == []
