"""Each fault does what it says, seen from a plain HTTP client."""

import hashlib
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest
import requests
from huggingface_hub import hf_hub_download

from tests.hub import Hub, Repo

WEIGHTS = hashlib.shake_256(b"weights").digest(3_000_000)
TOKENS = ("hf_first", "hf_second")
REPO = Repo(
    "org/tiny",
    files={"model.safetensors": WEIGHTS, "config.json": b"{}"},
    tokens=TOKENS,
    gated="auto",
    moved_from=("tiny",),
)
INVERTED = bytes(255 - byte for byte in WEIGHTS)


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub([REPO]) as running:
        yield running


def get(
    hub: Hub, path: str = "model.safetensors", token: str = "hf_first", **options
) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}", **options.pop("headers", {})}
    url = f"{hub.endpoint}/org/tiny/resolve/main/{path}"
    return requests.get(url, headers=headers, timeout=options.pop("timeout", 10), **options)


def read(answer: requests.Response) -> tuple[bytes, Exception | None]:
    """Take what comes until the end or an error."""
    taken = bytearray()
    try:
        for piece in answer.iter_content(1000):
            taken += piece
    except requests.RequestException as error:
        return bytes(taken), error
    return bytes(taken), None


@pytest.mark.parametrize("as_file", [False, True])
def test_cut_and_resume(tmp_path: Path, as_file: bool) -> None:
    path = tmp_path / "weights"
    path.write_bytes(WEIGHTS)
    files = {"model.safetensors": path if as_file else WEIGHTS}
    with Hub([Repo("org/tiny", files=files, tokens=TOKENS)]) as hub:
        hub.fault("cut", path="*.safetensors", after=1_000_000, times=2)
        taken = b""
        for _ in range(3):
            answer = get(hub, headers={"Range": f"bytes={len(taken)}-"}, stream=True)
            piece, error = read(answer)
            assert (error is None) == (len(taken + piece) == len(WEIGHTS))
            taken += piece
    assert taken == WEIGHTS
    sent = [(r.status, r.sent, r.faults) for r in hub.requests if r.origin == "cdn"]
    cut = (206, 1_000_000, ["cut"])
    assert sent == [cut, cut, (206, 1_000_000, [])]


def test_reset(hub: Hub) -> None:
    hub.fault("reset", origin="cdn", after=100_000)
    taken, error = read(get(hub, stream=True))
    assert "Connection reset by peer" in str(error)
    assert WEIGHTS.startswith(taken)
    assert read(get(hub)) == (WEIGHTS, None)


def test_stall(hub: Hub) -> None:
    hub.fault("stall", path="model.safetensors", after=100_000)
    taken, error = read(get(hub, stream=True, timeout=0.3))
    assert "timed out" in str(error)
    assert taken == WEIGHTS[:100_000]


def test_status_strikes_where_and_as_often_as_asked(hub: Hub) -> None:
    hub.fault("status", status=503, origin="cdn", times=2, skip=1)
    assert [get(hub).status_code for _ in range(4)] == [200, 503, 503, 200]
    hub.fault("status", status=500, path="/api/models/*/tree/*", times=None)
    listing = f"{hub.endpoint}/api/models/org/tiny/tree/main"
    assert [requests.get(listing, timeout=10).status_code for _ in range(3)] == [500] * 3
    hub.clear()
    assert requests.get(listing, timeout=10).status_code == 200


def test_too_many_requests_in_three_forms(hub: Hub) -> None:
    for form in ("seconds", "date", "ratelimit"):
        hub.fault("status", status=429, retry_after=7, retry_form=form, path="config.json")
    seconds, date, ratelimit = (get(hub, "config.json") for _ in range(3))
    assert {seconds.status_code, date.status_code, ratelimit.status_code} == {429}
    assert seconds.headers["Retry-After"] == "7"
    when = parsedate_to_datetime(date.headers["Retry-After"]).timestamp()
    assert 4 < when - time.time() < 8
    assert ratelimit.headers["ratelimit"].endswith("r=0;t=7")


def test_flip_is_at_its_offset_of_the_file(hub: Hub) -> None:
    hub.fault("flip", offset=2_000_000, path="*.safetensors", times=None)
    wrong = bytearray(WEIGHTS)
    wrong[2_000_000] ^= 0xFF
    assert get(hub).content == wrong
    assert get(hub, headers={"Range": "bytes=1999999-2000001"}).content == wrong[1999999:2000002]
    assert get(hub, headers={"Range": "bytes=0-9"}).content == WEIGHTS[:10]


@pytest.mark.parametrize("delta", [-5, 5])
def test_wrong_length(hub: Hub, delta: int) -> None:
    hub.fault("length", delta=delta, origin="cdn")
    answer = get(hub, stream=True)
    assert int(answer.headers["Content-Length"]) == len(WEIGHTS) + delta
    taken, error = read(answer)
    assert (taken, error is None) == (WEIGHTS[: len(WEIGHTS) + min(delta, 0)], delta < 0)


def test_redirect_loop(hub: Hub) -> None:
    hub.fault("loop", times=None)
    with pytest.raises(requests.TooManyRedirects):
        get(hub)


def test_no_range(hub: Hub) -> None:
    hub.fault("no-range", times=None)
    answer = get(hub, headers={"Range": "bytes=5-"})
    assert (answer.status_code, answer.content) == (200, WEIGHTS)
    assert "Accept-Ranges" not in answer.headers


def test_a_change_midway_shows_in_the_etag(hub: Hub) -> None:
    hub.fault("change", origin="cdn")
    changed = get(hub)
    assert changed.content == INVERTED
    condition = {"Range": "bytes=9-", "If-Range": changed.headers["ETag"]}
    after = get(hub, headers=condition)
    assert (after.status_code, after.content) == (200, WEIGHTS)
    unchanged = get(hub, headers={**condition, "If-Range": after.headers["ETag"]})
    assert (unchanged.status_code, unchanged.content) == (206, WEIGHTS[9:])


def test_bare_etag(hub: Hub) -> None:
    hub.fault("bare-etag", path="config.json")
    bare, quoted = (get(hub, "config.json").headers["ETag"] for _ in range(2))
    assert quoted == f'"{bare}"'


def test_echo(hub: Hub) -> None:
    hub.fault("echo", status=500)
    assert "Bearer hf_first" in get(hub).text


def test_slow(hub: Hub) -> None:
    hub.fault("slow", rate=10_000_000, origin="cdn")
    start = time.monotonic()
    assert get(hub).content == WEIGHTS
    assert 0.25 < time.monotonic() - start < 3


def test_a_token_that_expires_after_bytes(hub: Hub) -> None:
    hub.fault("expire", token="hf_first", after=1_000_000)
    taken, error = read(get(hub, stream=True))
    assert (taken, error is not None) == (WEIGHTS[:1_000_000], True)
    signed = f"{hub.cdn}{hub.requests[-1].path}?{hub.requests[-1].query}"
    assert requests.get(signed, timeout=10).status_code == 403
    assert get(hub).status_code == 401
    assert get(hub, token="hf_second").content == WEIGHTS


def test_a_token_that_expires_after_requests(hub: Hub) -> None:
    hub.fault("expire", token="hf_first", requests=2)
    assert [get(hub, "config.json").status_code for _ in range(3)] == [200, 200, 401]


def test_addresses_of_the_cdn_expire_and_cannot_be_made_up() -> None:
    with Hub([REPO], expires=-1) as hub:
        assert get(hub).status_code == 403
        late = hub.requests[-1]
        made_up = late.query.replace("Expires=", "Expires=9")
        url = f"{hub.cdn}{late.path}?{made_up}"
        assert requests.get(url, timeout=10).status_code == 403


@pytest.mark.parametrize(
    ("asked", "status", "content"),
    [
        ("bytes=0-0", 206, WEIGHTS[:1]),
        ("bytes=-7", 206, WEIGHTS[-7:]),
        ("bytes=2999999-", 206, WEIGHTS[-1:]),
        ("bytes=2999990-9999999", 206, WEIGHTS[-10:]),
        ("bytes=3000000-", 416, b""),
        ("bytes=0-1,5-6", 200, WEIGHTS),
        ("lines=1-2", 200, WEIGHTS),
    ],
)
def test_ranges(hub: Hub, asked: str, status: int, content: bytes) -> None:
    answer = get(hub, headers={"Range": asked})
    assert (answer.status_code, answer.content) == (status, content)
    if status == 416:
        assert answer.headers["Content-Range"] == "bytes */3000000"


def test_a_token_that_reaches_the_cdn_is_a_failure(hub: Hub) -> None:
    location = get(hub, allow_redirects=False).headers["Location"]
    assert hub.failures == []
    requests.get(location, headers={"Authorization": "Bearer hf_first"}, timeout=10)
    assert hub.failures == ["sent Authorization to another origin"]


def test_a_moved_repository_redirects_inside_the_hub(hub: Hub) -> None:
    url = f"{hub.endpoint}/api/models/tiny/tree/main?recursive=true"
    answer = requests.get(url, timeout=10)
    assert answer.url == f"{hub.endpoint}/api/models/org/tiny/tree/main?recursive=true"
    assert {entry["path"] for entry in answer.json()} == set(REPO.files)


def test_the_real_client_resumes_over_a_cut(hub: Hub, tmp_path: Path) -> None:
    long = WEIGHTS * 8
    hub.put(Repo("org/long", files={"model.safetensors": long}))
    # NB: it keeps whole pieces of 10 MiB only, and starts over when the first is cut.
    hub.fault("cut", origin="cdn", after=12 << 20)
    options = {"cache_dir": tmp_path, "endpoint": hub.endpoint, "token": False}
    got = hf_hub_download("org/long", "model.safetensors", **options)
    assert Path(got).read_bytes() == long
    seen = [(r.status, r.headers.get("range")) for r in hub.requests if r.origin == "cdn"]
    assert seen == [(200, None), (206, f"bytes={10 << 20}-")]
    assert not hub.failures


def test_an_unknown_fault_is_refused(hub: Hub) -> None:
    with pytest.raises(ValueError, match="no fault is called 'cutt'"):
        hub.fault("cutt")
