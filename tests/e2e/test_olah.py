"""The main job against a hub that others wrote, over a real git+LFS repository."""

import json
from pathlib import Path

from tests import minilm, olah
from tests.cli.conftest import Command
from tests.e2e.loading import load
from tests.nix import Nix


def test_the_real_model_is_locked_built_and_loaded(
    nix: Nix, command: Command, tmp_path: Path
) -> None:
    root = tmp_path / "olah"
    root.mkdir()
    with olah.mirror(root, minilm.repo()) as served:
        command.environment["HF_ENDPOINT"] = served.endpoint
        command.ok("lock", "add", "minilm", f"hf:{minilm.REPO_ID}")
        model = f"(lib.fromLock {command.lock}).minilm"
        path = nix.build(model, HF_ENDPOINT=served.endpoint)
    entry = json.loads(command.lock.read_text())["models"]["minilm"]
    assert entry["revision"] == served.commits[minilm.REPO_ID]
    assert set(entry["files"]) == {*minilm.files(), ".gitattributes"}
    assert entry["files"][minilm.WEIGHTS]["size"] == minilm.WEIGHTS_BYTES
    got = load(nix, minilm.REPO_ID, HF_HOME=path)
    assert (len(got["numbers"]), got["warnings"]) == (3 * 384, [])


def test_a_repository_that_the_mirror_lacks(command: Command, tmp_path: Path) -> None:
    root = tmp_path / "olah"
    root.mkdir()
    with olah.mirror(root) as served:
        result = command("prefetch", "hf:org/none", "--endpoint", served.endpoint)
    assert result.status == 1
    assert "hf:org/none" in result.err or "huggingface:org/none@main" in result.err
    assert "\ntry: " in result.err
