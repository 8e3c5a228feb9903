"""Evaluations share a store, so that the library's own files are copied once a worker."""

import pytest

from tests.nix import Nix


@pytest.fixture
def nix(session_nix: Nix) -> Nix:
    return session_nix
