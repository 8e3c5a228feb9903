"""The structure holds: rooms import what they may, every export is described and tested."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

from tests.nix import ROOT

MAY_IMPORT = {
    "common": {"common"},
    "fetchers": {"common", "fetchers"},
    "validators": {"common", "validators"},
    "layouts": {"common", "layouts"},
    "cli": {"common", "fetchers", "validators", "layouts", "cli"},
}


def imports(path: Path) -> set[str]:
    """Give the top-level names that a file imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_what_the_design_allows(room: str) -> None:
    for path in sorted((ROOT / room).rglob("*.py")):
        wrong = imports(path) & set(MAY_IMPORT) - MAY_IMPORT[room]
        assert not wrong, f"{path.relative_to(ROOT)} imports {wrong}"


@pytest.mark.parametrize("room", sorted(set(MAY_IMPORT) - {"cli"}))
def test_only_the_command_prints(room: str) -> None:
    for path in sorted((ROOT / room).rglob("*.py")):
        calls = [
            node.lineno
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "print"
            and not any(keyword.arg == "file" for keyword in node.keywords)
        ]
        assert not calls, f"{path.relative_to(ROOT)} prints in lines {calls}"


def exports() -> list[tuple[str, str]]:
    """Give the attribute names of the library's table."""
    table = (ROOT / "lib/default.nix").read_text()
    return re.findall(r"^    (\w+) = import \./(\w+)\.nix", table, re.MULTILINE)


@pytest.mark.parametrize(("name", "file"), exports())
def test_an_export_is_named_as_its_file_described_and_tested(name: str, file: str) -> None:
    assert name == file
    text = (ROOT / f"lib/{file}.nix").read_text()
    assert text.startswith("/**\n"), "a doc comment comes first"
    for heading in ("# Type", "# Examples"):
        assert heading in text
    tested = subprocess.run(
        [
            "git",
            "grep",
            "-lwE",
            rf"(lib\.|lib#|libraries.*){name}|\"{name}\"",
            "--",
            "tests",
            "flake.nix",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert tested.stdout, f"no test mentions {name}"


def test_every_python_file_says_what_it_is_for() -> None:
    for room in MAY_IMPORT:
        for path in sorted((ROOT / room).rglob("*.py")):
            tree = ast.parse(path.read_text("utf-8"))
            assert ast.get_docstring(tree), f"{path.relative_to(ROOT)} has no docstring"
