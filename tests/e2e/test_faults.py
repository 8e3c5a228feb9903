"""Every fault of a hub, met by a real sandboxed build: what passes passes, the rest explains."""

import hashlib
import random
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from common.digest import to_sri
from tests.hub import Hub, Repo
from tests.nix import Nix, with_lib

WEIGHTS = random.Random(2).randbytes(3_000_000)
CONFIG = b'{"model_type": "bert"}'
FILES = {"model.safetensors": WEIGHTS, "config.json": CONFIG}
IMPATIENT = "onDownloadFailure = { maxRetries = 3; retryDelay = 0.05; }; download.stallTimeout = 1;"


def sri(content: bytes) -> str:
    return to_sri(hashlib.sha256(content).hexdigest())


def model(weights: str = sri(WEIGHTS), *, repo: str = "org/tiny", more: str = "") -> str:
    """Give the expression of one file's derivation."""
    return f"""(lib.fetchModel {{
      source.huggingface = {{ repo = "{repo}"; {more} }};
      fileHashes."model.safetensors" = "{weights}";
      {IMPATIENT}
    }}).files."model.safetensors" """


@pytest.fixture
def hub() -> Iterator[Hub]:
    repos = [
        Repo("org/tiny", files=FILES),
        Repo("org/gated", files=FILES, gated="auto", tokens=("hf_letmein",)),
        Repo("org/empty"),
    ]
    with Hub(repos) as hub:
        yield hub


def content_statuses(hub: Hub) -> list[int]:
    return [request.status for request in hub.requests if request.origin == "cdn"]


def test_a_body_cut_three_times_is_resumed_where_it_ended(nix: Nix, hub: Hub) -> None:
    hub.fault("cut", path="model.safetensors", origin="cdn", after=500_000, times=3)
    path = nix.build(model(), HF_ENDPOINT=hub.endpoint)
    assert nix.real(path).read_bytes() == WEIGHTS
    assert content_statuses(hub) == [200, 206, 206, 206]
    ranges = [request.headers.get("range") for request in hub.requests if request.origin == "cdn"]
    assert ranges == [None, "bytes=500000-", "bytes=1000000-", "bytes=1500000-"]
    assert all(r.headers["if-range"] for r in hub.requests if r.headers.get("range"))
    assert hub.failures == []


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("reset", {"after": 500_000}),
        ("stall", {"after": 500_000, "seconds": 30}),
        ("status", {"status": 503, "times": 2}),
        ("status", {"status": 500, "times": 3}),
        ("status", {"status": 429, "retry_after": 1}),
        ("status", {"status": 429, "retry_after": 2, "retry_form": "date"}),
        ("status", {"status": 429, "retry_after": 1, "retry_form": "ratelimit"}),
        ("flip", {"offset": 1_234_567}),
        ("change", {"times": 1, "skip": 0}),
        ("bare-etag", {"times": None}),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(map(str, value.values())),
)
def test_what_passes_is_waited_for(
    nix: Nix, hub: Hub, kind: str, options: dict[str, int | str | None]
) -> None:
    hub.fault(kind, path="*model.safetensors", origin="cdn", **options)
    path = nix.build(model(), HF_ENDPOINT=hub.endpoint)
    assert nix.real(path).read_bytes() == WEIGHTS
    assert len(content_statuses(hub)) >= (1 if kind == "bare-etag" else 2)


def test_the_wait_a_server_asks_for_is_kept_and_counted_down(nix: Nix, hub: Hub) -> None:
    hub.fault("status", path="*model.safetensors", status=429, retry_after=7)
    begun = time.monotonic()
    result = nix.run(
        *("nix-build", "--no-out-link", "-E", with_lib(model())), HF_ENDPOINT=hub.endpoint
    )
    assert result.returncode == 0, result.stderr
    assert time.monotonic() - begun > 7
    waits = [line for line in result.stderr.splitlines() if "HTTP 429" in line]
    assert ["again in 7 s" in waits[0], "again in 2 s" in waits[1]] == [True, True]


def test_a_server_without_ranges_makes_it_start_over(nix: Nix, hub: Hub) -> None:
    hub.fault("no-range", path="model.safetensors", origin="cdn", times=None)
    hub.fault("cut", path="model.safetensors", origin="cdn", after=500_000, times=1)
    path = nix.build(model(), HF_ENDPOINT=hub.endpoint)
    assert nix.real(path).read_bytes() == WEIGHTS
    assert content_statuses(hub) == [200, 200]


def test_a_file_that_changed_midway_is_never_mixed(nix: Nix, hub: Hub) -> None:
    hub.fault("cut", path="model.safetensors", origin="cdn", after=500_000, times=1)
    hub.fault("change", path="model.safetensors", origin="cdn", skip=1, times=None)
    log = nix.build_fails(model(), HF_ENDPOINT=hub.endpoint)
    changed = sri(bytes(byte ^ 0xFF for byte in WEIGHTS))
    assert f"sha256 should be {sri(WEIGHTS)}, got {changed}" in log
    assert content_statuses(hub)[:2] == [200, 200], "If-Range must not have been answered by 206"
    assert nix.outputs() == []


@pytest.mark.parametrize(
    ("kind", "options", "text"),
    [
        ("status", {"status": 500, "times": None}, "gave up after 4 attempts, got HTTP 500"),
        ("cut", {"after": 0, "times": None}, "gave up after 4 attempts, got"),
        ("length", {"delta": -1000, "times": None}, "should be 3000000, got 2999000"),
        ("loop", {"times": None}, "redirects in a loop, got more than 10 redirects"),
        ("flip", {"offset": 99, "times": None}, f"sha256 should be {sri(WEIGHTS)}, got sha256-"),
        ("status", {"status": 418, "times": None}, "cannot fetch"),
        ("status", {"status": 429, "retry_after": 5000}, "it asks to wait 1 h 23 min"),
    ],
    ids=["500-for-ever", "cut-for-ever", "wrong-length", "loop", "flip", "418", "long-wait"],
)
def test_what_does_not_pass_ends_with_one_clear_error(
    nix: Nix, hub: Hub, kind: str, options: dict[str, int | None], text: str
) -> None:
    hub.fault(kind, path="*model.safetensors", origin="cdn", **options)
    locked = f"""(lib.fetchModel {{
      source.huggingface.repo = "org/tiny"; name = "x";
      lock = {{
        source.huggingface.repo = "org/tiny"; revision = "main";
        files."model.safetensors" = {{ sha256 = "{sri(WEIGHTS)}"; size = 3000000; large = true; }};
      }};
      {IMPATIENT}
    }}).files."model.safetensors" """
    log = nix.build_fails(locked, HF_ENDPOINT=hub.endpoint)
    assert text in log
    assert log.count("error: ") <= 3, "ours, and Nix's own about the derivation"
    assert nix.outputs() == []


@pytest.mark.parametrize(
    ("expression", "text", "remedy"),
    [
        (
            model(repo="org/none"),
            "huggingface:org/none@main does not exist, or is private",
            "HF_TOKEN",
        ),
        (model(repo="org/gated"), "org/gated@main is gated", "accept the licence at"),
        (model(more='revision = "v9";'), "has no revision 'v9'", "revision ="),
        (
            model().replace("model.safetensors", "other.bin"),
            "has no file 'other.bin' at revision main",
            "",
        ),
    ],
    ids=["missing", "gated", "revision", "file"],
)
def test_what_is_not_there_is_said_at_once(
    nix: Nix, hub: Hub, expression: str, text: str, remedy: str
) -> None:
    log = nix.build_fails(expression, HF_ENDPOINT=hub.endpoint, HF_TOKEN="")
    assert text in log
    assert remedy in log
    assert "again in" not in log, "401, 403 and 404 are not retried"
    assert nix.outputs() == []


def test_an_empty_repository_is_said_to_be_empty(nix: Nix, hub: Hub) -> None:
    whole = '(lib.fetchModel { source = "hf:org/empty"; hash = lib.fakeHash; }).raw'
    log = nix.build_fails(whole, HF_ENDPOINT=hub.endpoint)
    assert "huggingface:org/empty@main has no files" in log


def test_a_token_opens_a_gated_repository_and_shows_nowhere(nix: Nix, hub: Hub) -> None:
    hub.fault("cut", path="model.safetensors", origin="cdn", after=500_000, times=1)
    result = nix.run(
        *("nix-build", "--no-out-link", "-E", with_lib(model(repo="org/gated"))),
        HF_ENDPOINT=hub.endpoint,
        HF_TOKEN="hf_letmein",
    )
    assert result.returncode == 0, result.stderr
    assert "hf_letmein" not in result.stderr
    assert hub.failures == [], "the token went to the CDN"
    everywhere = subprocess.run(
        ["grep", "-rl", "hf_letmein", str(nix.state)], capture_output=True, text=True, check=False
    )
    assert everywhere.stdout == ""


def test_a_server_that_echoes_the_token_does_not_get_it_printed(nix: Nix, hub: Hub) -> None:
    hub.fault("echo", path="*model.safetensors", status=418, times=None)
    log = nix.build_fails(model(repo="org/gated"), HF_ENDPOINT=hub.endpoint, HF_TOKEN="hf_letmein")
    assert "HTTP 418" in log
    assert "hf_letmein" not in log


def test_a_full_disk_is_named_with_its_figures(
    hub: Hub, tmp_path: Path, small_disk: Callable[[int], Path]
) -> None:
    nix = Nix(small_disk(40))
    hub.put(Repo("org/big", files={"model.safetensors": bytes(60 << 20)}))
    log = nix.build_fails(model(sri(bytes(60 << 20)), repo="org/big"), HF_ENDPOINT=hub.endpoint)
    assert "model.safetensors: the disk is full, got" in log
    assert "free for a file of 60.0 MiB" in log
    assert nix.outputs() == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Give a directory on a file system of so many MiB."""
    mounted: list[Path] = []

    def mount(mebibytes: int) -> Path:
        place = tmp_path / "disk"
        place.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(place)]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("a small file system needs the right to mount (run as root)")
        mounted.append(place)
        return place

    yield mount
    for place in mounted:
        subprocess.run(["umount", str(place)], check=True)
        shutil.rmtree(place)
