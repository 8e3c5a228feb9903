"""The page about the command is what the command itself says."""

import subprocess
import sys

from tests.cli.conftest import ROOT


def test_the_page_is_up_to_date() -> None:
    printed = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "generate-cli-docs"), "--print"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    page = (ROOT / "docs" / "cli.md").read_text("utf-8")
    assert page == printed, "run scripts/generate-cli-docs"
