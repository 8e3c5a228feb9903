"""Every example of a source evaluates to a derivation."""

from pathlib import Path

import pytest

from tests.nix import Nix
from tests.servers.base import ROOT

EXAMPLES = sorted(
    path.name for path in (ROOT / "examples").iterdir() if (path / "default.nix").exists()
)
OF_SOURCES = [name for name in EXAMPLES if (ROOT / "lib" / "sources" / f"{name}.nix").exists()]


@pytest.mark.parametrize("name", OF_SOURCES)
def test_example(nix: Nix, name: str) -> None:
    folder: Path = ROOT / "examples" / name
    assert nix.eval(f"(import {folder} {{ models = lib; }}).source") is not None
    assert nix.eval(f"(import {folder} {{ models = lib; }}).drvPath").endswith(".drv")
