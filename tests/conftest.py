"""Fixtures that every room's tests share."""

from pathlib import Path

import pytest

from tests.nix import Nix, need_nix


@pytest.fixture
def nix(tmp_path: Path) -> Nix:
    """Nix with a store of its own for this test."""
    need_nix()
    return Nix(tmp_path / "nix")


@pytest.fixture(scope="session")
def session_nix(tmp_path_factory: pytest.TempPathFactory) -> Nix:
    """Nix with a store that the tests of one worker share; for large models that stay the same."""
    need_nix()
    return Nix(tmp_path_factory.mktemp("nix"))
