"""The real client against the real mirror, so that our own tests against it mean something."""

import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import HfApi, snapshot_download

from common.digest import file_sha256
from tests import minilm, olah
from tests.hub import Repo

WEIGHTS = bytes(range(256)) * 1000
FILES = {
    "README.md": b"---\nlicense: mit\n---\n",
    "config.json": b"{}",
    "model.safetensors": WEIGHTS,
    "1_Pooling/config.json": b"{}\n",
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[olah.Olah]:
    with olah.mirror(tmp_path_factory.mktemp("olah"), Repo("org/tiny", files=FILES)) as running:
        yield running


def test_the_client_takes_a_snapshot(served: olah.Olah, tmp_path: Path) -> None:
    got = Path(
        snapshot_download("org/tiny", cache_dir=tmp_path, endpoint=served.endpoint, token=False)
    )
    assert got.name == served.commits["org/tiny"]
    for path, content in FILES.items():
        assert (got / path).read_bytes() == content


def test_listing_states_the_sha256_of_lfs_files(served: olah.Olah) -> None:
    api = HfApi(served.endpoint, token=False)
    tree = {e.path: e for e in api.list_repo_tree("org/tiny", recursive=True)}
    ours = Repo("org/tiny", files=FILES).commits["main"].files
    assert tree["model.safetensors"].lfs.sha256 == ours["model.safetensors"].sha256
    # git and git-lfs agree with the test hub's own arithmetic
    assert {p: tree[p].blob_id for p in ours} == {p: f.oid for p, f in ours.items()}


def test_known_limits(served: olah.Olah) -> None:
    """When olah learns these, its docstring and our tests against it can ask for more."""
    url = f"{served.endpoint}/org/tiny/resolve/main/model.safetensors"
    request = urllib.request.Request(url, headers={"Range": "bytes=10-"})
    with urllib.request.urlopen(request) as answer:
        assert (answer.status, answer.headers["Content-Length"]) == (200, None)
        assert answer.read() == WEIGHTS
    with urllib.request.urlopen(urllib.request.Request(url, method="HEAD")) as answer:
        assert re.fullmatch(r"[0-9a-f]{64}", answer.headers["ETag"])
    missing = urllib.request.Request(url.replace("model", "none"), method="HEAD")
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(missing)
    assert error.value.code == 401


def test_the_real_model(tmp_path: Path) -> None:
    (tmp_path / "olah").mkdir()
    with olah.mirror(tmp_path / "olah", minilm.repo()) as running:
        got = snapshot_download(
            minilm.REPO_ID, cache_dir=tmp_path / "cache", endpoint=running.endpoint, token=False
        )
    weights = Path(got) / minilm.WEIGHTS
    assert (weights.stat().st_size, file_sha256(weights)) == (
        minilm.WEIGHTS_BYTES,
        minilm.WEIGHTS_SHA256,
    )
    assert len([path for path in Path(got).rglob("*") if path.is_file()]) == minilm.FILES
