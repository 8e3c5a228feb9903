"""Two revisions of one repository, side by side: in the store, and linked into one cache."""

import pytest

from tests.e2e.conftest import Pin
from tests.e2e.loading import load
from tests.e2e.models import tiny_bert
from tests.hub import Hub, Repo
from tests.nix import Nix


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    one, two = (tiny_bert(tmp_path_factory.mktemp("bert"), seed) for seed in (1, 2))
    return Repo("org/twice", files=one, revisions={"v2": two})


def test_two_revisions_live_side_by_side(nix: Nix, hub: Hub, pin: Pin, repo: Repo) -> None:
    commits = [repo.commits[name].sha for name in ("main", "v2")]
    models = [pin(repo, "one"), pin(repo, "two", revision="v2")]
    assert nix.eval(f"map (m: m.revision) [ {' '.join(f'({m})' for m in models)} ]") == commits
    paths = [nix.build(model, HF_ENDPOINT=hub.endpoint) for model in models]
    entries = [f"{path}/hub/models--org--twice" for path in paths]
    one, two = (load(nix, path)["numbers"] for path in paths)
    assert one != two

    for commit, entry in zip(commits, entries, strict=True):
        ref = nix.real(entry) / "refs/main"
        assert ref.read_text() == commit, "alone, each answers to the bare id"

    # One cache for both, every file a link.
    merged = ("--merge", entries[0], "--merge", entries[1])
    for revision, numbers in ((commits[0], one), ("v2", two)):
        got = load(nix, repo.id, *merged, "--revision", revision)
        assert (got["numbers"], got["warnings"]) == (numbers, [])
