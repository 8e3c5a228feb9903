"""The real model, served by the hub and as a process, as the demo does it."""

from pathlib import Path

from huggingface_hub import snapshot_download

from common.digest import file_sha256
from tests import minilm
from tests.hub import Hub
from tests.hub.repos import repos_of


def test_the_real_model_comes_whole(tmp_path: Path) -> None:
    with Hub([minilm.repo()]) as hub:
        got = Path(
            snapshot_download(
                minilm.REPO_ID, cache_dir=tmp_path, endpoint=hub.endpoint, token=False
            )
        )
    weights = got / minilm.WEIGHTS
    assert weights.stat().st_size == minilm.WEIGHTS_BYTES
    assert file_sha256(weights) == minilm.WEIGHTS_SHA256
    assert len([path for path in got.rglob("*") if path.is_file()]) == minilm.FILES
    # vocab.txt and tokenizer.json are no LFS files; the CDN saw the weights alone
    assert {r.file for r in hub.requests if r.origin == "cdn"} == {minilm.WEIGHTS}


def test_a_link_to_the_real_model_is_a_repository(tmp_path: Path) -> None:
    minilm.place(tmp_path)
    (found,) = repos_of(tmp_path, {})
    assert (found.id, found.sha) == (minilm.REPO_ID, minilm.repo().sha)
