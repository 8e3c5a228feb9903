"""Merging models into one Hugging Face cache."""

import hashlib
from pathlib import Path

import pytest
from huggingface_hub import scan_cache_dir, snapshot_download

from common.errors import ModelError
from layouts import cache, huggingface
from layouts.place import Item, describe

A, B = "a" * 40, "b" * 40
TOKENIZER = b'{"version": "1.0"}'
WEIGHTS = b"w" * (2 << 20)


class Models:
    """Outputs of ours, made by the layout itself."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "raw").mkdir()

    def items(self, files: dict[str, bytes]) -> tuple[Item, ...]:
        found = []
        for path, content in files.items():
            local = self.root / "raw" / hashlib.sha256(content).hexdigest()
            local.write_bytes(content)
            found.append(describe(path, local))
        return tuple(found)

    def make(
        self,
        repo: str,
        files: dict[str, bytes],
        revision: str = A,
        refs: tuple[str, ...] = ("main",),
    ) -> Path:
        out = self.root / f"out-{len(list(self.root.iterdir()))}"
        out.mkdir()
        entry = huggingface.Entry(repo, "model", revision, refs)
        return huggingface.write(out, self.items(files), entry)

    def merged(self, *entries: Path) -> Path:
        out = self.root / "merged"
        out.mkdir()
        cache.merge(out, entries)
        return out


@pytest.fixture
def models(tmp_path: Path) -> Models:
    return Models(tmp_path)


def blobs(out: Path) -> dict[str, Path]:
    return {path.name: path for path in (out / "blobs").iterdir()}


def test_a_shared_file_is_one_blob(models: Models) -> None:
    one = models.make("org/one", {"tokenizer.json": TOKENIZER, "model.safetensors": WEIGHTS})
    two = models.make("org/two", {"tokenizer.json": TOKENIZER, "config.json": b"{}"}, B)
    out = models.merged(one, two)
    found = blobs(out)
    assert len(found) == 3
    tokenizer = found[hashlib.sha256(TOKENIZER).hexdigest()]
    places = [
        out / f"hub/models--org--{name}/snapshots/{commit}/tokenizer.json"
        for name, commit in (("one", A), ("two", B))
    ]
    assert {place.resolve() for place in places} == {tokenizer}
    assert not tokenizer.is_symlink(), "small files are copies"
    weights = found[hashlib.sha256(WEIGHTS).hexdigest()]
    assert weights.readlink().parent == models.root / "raw", "large ones are links"


def test_the_real_client_reads_it_offline(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    one = models.make("org/one", {"tokenizer.json": TOKENIZER, "dir/x.py": b"x = 1\n"})
    two = models.make("org/two", {"tokenizer.json": TOKENIZER})
    hub = models.merged(one, two) / "hub"
    report = scan_cache_dir(hub)
    assert report.warnings == []
    assert {repo.repo_id for repo in report.repos} == {"org/one", "org/two"}
    path = Path(snapshot_download("org/one", cache_dir=hub, local_files_only=True))
    assert (path / "tokenizer.json").read_bytes() == TOKENIZER
    assert not (path / "dir/x.py").is_symlink(), "code stays beside its neighbours"


def test_two_revisions_of_a_repository_become_one_entry(models: Models) -> None:
    old = models.make("org/m", {"config.json": b"1", "t.json": TOKENIZER}, A, ("v1",))
    new = models.make("org/m", {"config.json": b"2", "t.json": TOKENIZER}, B)
    out = models.merged(old, new)
    for revision, content in (("v1", b"1"), ("main", b"2"), (A, b"1"), (B, b"2")):
        path = snapshot_download(
            "org/m", revision=revision, cache_dir=out / "hub", local_files_only=True
        )
        assert Path(path, "config.json").read_bytes() == content
    (repo,) = scan_cache_dir(out / "hub").repos
    assert repo.refs.keys() == {"v1", "main"}
    assert len(blobs(out)) == 3


def test_two_revisions_of_one_name_are_refused(models: Models) -> None:
    old = models.make("org/m", {"config.json": b"1"}, A)
    new = models.make("org/m", {"config.json": b"2"}, B)
    with pytest.raises(ModelError, match="are both called 'main'") as caught:
        models.merged(old, new)
    assert A in str(caught.value)
    assert B in str(caught.value)


def test_two_selections_of_a_commit_are_one_snapshot(models: Models) -> None:
    one = models.make("org/m", {"config.json": b"1"})
    two = models.make("org/m", {"config.json": b"1", "t.json": TOKENIZER})
    out = models.merged(one, two)
    path = Path(
        snapshot_download("org/m", revision=A, cache_dir=out / "hub", local_files_only=True)
    )
    assert sorted(file.name for file in path.iterdir()) == ["config.json", "t.json"]


def test_one_commit_with_two_contents_is_refused(models: Models) -> None:
    one = models.make("org/m", {"config.json": b"1"})
    two = models.make("org/m", {"config.json": b"2"})
    with pytest.raises(ModelError, match="different files at the same commit"):
        models.merged(one, two)


def test_a_model_that_is_fetched_later_is_a_link(models: Models) -> None:
    later = models.root / "later/hub/models--org--m"
    out = models.merged(later)
    assert (out / "hub/models--org--m").readlink() == later


def test_a_later_one_shares_no_entry(models: Models) -> None:
    now = models.make("org/m", {"config.json": b"1"})
    later = models.root / "later/hub/models--org--m"
    with pytest.raises(ModelError, match="cannot share its entry"):
        models.merged(now, later)
    (models.root / "merged").rename(models.root / "other")
    with pytest.raises(ModelError, match="cannot share its entry"):
        models.merged(later, now)
