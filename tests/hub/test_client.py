"""The real client against the hub: what it believes, the hub must do as the real one."""

import hashlib
import re
from pathlib import Path

import pytest
import requests
from huggingface_hub import HfApi, hf_hub_download, snapshot_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from tests.hub import Hub, Repo, Sparse

WEIGHTS = bytes(range(256)) * 8192  # 2 MiB
FILES = {
    "README.md": b"---\nlicense: mit\n---\n# tiny\n",
    "config.json": b"{}",
    "model.safetensors": WEIGHTS,
    "1_Pooling/config.json": b'{"dim": 3}',
    "odd/ü + 100%#?.txt": b"odd name",
}
REPO = Repo("org/tiny", files=FILES, revisions={"v1": {"a": b"old"}, "refs/pr/1": {"a": b"pr"}})


def contents(root: str) -> dict[str, bytes]:
    base = Path(root)
    return {p.relative_to(base).as_posix(): p.read_bytes() for p in base.rglob("*") if p.is_file()}


@pytest.mark.parametrize("kind", ["model", "dataset", "space"])
def test_snapshot_of_every_kind(tmp_path: Path, kind: str) -> None:
    with Hub([Repo("org/tiny", kind, files=FILES)]) as hub:
        got = snapshot_download(
            "org/tiny", repo_type=kind, cache_dir=tmp_path, endpoint=hub.endpoint, token=False
        )
    assert contents(got) == FILES
    assert Path(got).name == REPO.sha
    assert not hub.failures
    assert {r.file for r in hub.requests if r.origin == "cdn"} == {"model.safetensors"}


@pytest.mark.parametrize("revision", ["v1", "refs/pr/1"])
def test_revisions(tmp_path: Path, revision: str) -> None:
    with Hub([REPO]) as hub:
        options = {"cache_dir": tmp_path, "endpoint": hub.endpoint, "token": False}
        by_name = snapshot_download("org/tiny", revision=revision, **options)
        sha = REPO.commits[revision].sha
        by_sha = hf_hub_download("org/tiny", "a", revision=sha, **options)
    assert contents(by_name) == REPO.revisions[revision]
    assert Path(by_sha).parent == Path(by_name)


def test_id_without_owner(tmp_path: Path) -> None:
    with Hub([Repo("gpt2", files={"config.json": b"{}"})]) as hub:
        got = snapshot_download("gpt2", cache_dir=tmp_path, endpoint=hub.endpoint, token=False)
    assert contents(got) == {"config.json": b"{}"}


def test_info_and_listing() -> None:
    big = Sparse(100_000_000_000, "ab" * 32)
    repo = Repo("org/tiny", files=FILES | {"big.gguf": big}, gated="auto")
    with Hub([repo]) as hub:
        api = HfApi(hub.endpoint, token=False)
        info = api.model_info("org/tiny", files_metadata=True)
        tree = {entry.path: entry for entry in api.list_repo_tree("org/tiny", recursive=True)}
        below = [entry.path for entry in api.list_repo_tree("org/tiny", "1_Pooling")]
    assert (info.sha, info.gated, info.private) == (repo.sha, "auto", False)
    assert info.card_data is not None
    assert info.card_data.license == "mit"
    assert {s.rfilename: s.size for s in info.siblings or ()}["big.gguf"] == big.size
    assert tree["big.gguf"].lfs.sha256 == big.sha256
    assert tree["model.safetensors"].lfs.sha256 == hashlib.sha256(WEIGHTS).hexdigest()
    # what `git hash-object` says of the two bytes {}
    assert tree["config.json"].blob_id == "9e26dfeeb6e641a33dae4961196235bdb965b21b"
    assert below == ["1_Pooling/config.json"]
    assert not hub.failures


def test_paths_and_refs() -> None:
    with Hub([REPO]) as hub:
        api = HfApi(hub.endpoint, token=False)
        wanted = ["config.json", "odd/ü + 100%#?.txt", "none"]
        assert [i.path for i in api.get_paths_info("org/tiny", wanted)] == wanted[:2]
        refs = api.list_repo_refs("org/tiny", include_pull_requests=True)
    assert {ref.name: ref.target_commit for ref in refs.branches} == {
        name: REPO.commits[name].sha for name in ("main", "v1")
    }
    assert [ref.ref for ref in refs.pull_requests or ()] == ["refs/pr/1"]


def test_ten_thousand_files_come_in_pages() -> None:
    files = {f"{n // 100:03}/{n:05}.json": b"%d" % n for n in range(10_000)}
    with Hub([Repo("org/many", files=files)], page_size=1000) as hub:
        api = HfApi(hub.endpoint, token=False)
        tree = list(api.list_repo_tree("org/many", recursive=True))
    assert sorted(e.path for e in tree if e.path.endswith(".json")) == sorted(files)
    assert len(hub.requests) == 11  # 10,000 files and their 100 directories


def test_sparse_bytes_are_a_failure() -> None:
    repo = Repo("org/big", files={"big.safetensors": Sparse(10**11, "ab" * 32)})
    with Hub([repo]) as hub:
        url = f"{hub.endpoint}/org/big/resolve/main/big.safetensors"
        head = requests.head(url, timeout=10)
        assert head.headers["X-Linked-Size"] == "100000000000"
        assert hub.failures == []
        assert requests.get(url, timeout=10).status_code == 500
    assert hub.failures == ["asked for the bytes of sparse big.safetensors"]


def test_errors_about_odd_names_are_still_http() -> None:
    with Hub([REPO]) as hub:
        for address in ("tree/r%C3%BCck%0AX-Evil: 1", "tree/main/%F0%9F%A4%97"):
            answer = requests.get(f"{hub.endpoint}/api/models/org/tiny/{address}", timeout=10)
            assert answer.status_code == 404
            assert "X-Evil" not in answer.headers


@pytest.mark.parametrize(
    ("address", "error"),
    [
        ("org/none@main:config.json", RepositoryNotFoundError),
        ("org/tiny@none:config.json", RevisionNotFoundError),
        ("org/tiny@main:none.json", EntryNotFoundError),
        ("org/gated@main:a", GatedRepoError),
        ("org/private@main:a", RepositoryNotFoundError),
    ],
)
@pytest.mark.parametrize("token", [False, "hf_stranger"])
def test_refusals(tmp_path: Path, address: str, error: type[Exception], token: str | bool) -> None:
    repo, revision, file = re.split("[@:]", address)
    repos = [
        REPO,
        Repo("org/gated", files={"a": b""}, gated="manual"),
        Repo("org/private", files={"a": b""}, private=True),
    ]
    with Hub(repos, tokens={"hf_stranger": "read"}) as hub, pytest.raises(error):
        hf_hub_download(
            repo, file, revision=revision, cache_dir=tmp_path, endpoint=hub.endpoint, token=token
        )
    missing = 404 if token else 401
    wanted = {"org/gated": 403 if token else 401, "org/tiny": 404}.get(repo, missing)
    assert [r.status for r in hub.requests] == [wanted]


def test_a_grant_opens_gated_and_private(tmp_path: Path) -> None:
    files = {"a.bin": b"weights"}
    repos = [
        Repo("org/gated", files=files, gated="auto", tokens=("hf_mine",)),
        Repo("org/private", files=files, private=True, tokens=("hf_mine",)),
    ]
    with Hub(repos) as hub:
        api = HfApi(hub.endpoint, token="hf_mine")
        for repo in repos:
            api.auth_check(repo.id)
            assert contents(api.snapshot_download(repo.id, cache_dir=tmp_path)) == files
        assert api.whoami()["auth"]["accessToken"]["role"] == "read"
        with pytest.raises(GatedRepoError):
            HfApi(hub.endpoint, token=False).auth_check("org/gated")
    assert not hub.failures
    assert not any("authorization" in r.headers for r in hub.requests if r.origin == "cdn")
