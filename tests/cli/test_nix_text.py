"""Nix code as text: Nix reads it back as the value it was written from."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cli.nix_text import Raw, to_nix
from common.errors import UsageError
from tests.nix import nix_says

TRICKY = [
    "${x}", "$${x}", "$$${x}", "$", "\\${x}", "''", "'''", '"', "\\", "\\\\n", "a\nb\r\tc",
    "''${x}", "#", "/*", "é€😀", "", " ", "{}", "<nixpkgs>", "http://a.b/c?d=${e}",
]  # fmt: skip
NAMES = [
    "a",
    "a-b",
    "a.b",
    "a'",
    "1a",
    "if",
    "or",
    "${x}",
    "a b",
    '"',
    "",
    "inherit",
    "é",
    "_",
    "-a",
]


def by_nix(text: str, folder: Path) -> Any:
    evaluation = ("nix-instantiate", "--eval", "--strict", "--json", "-")
    return json.loads(nix_says(folder / "nix", *evaluation, input=text, cwd=folder))


@pytest.mark.nix
def test_tricky_texts_and_names(tmp_path: Path) -> None:
    value = dict.fromkeys(NAMES, TRICKY) | {
        "nested": {"empty": {}, "none": [], "null": None, "yes": True, "no": False},
        "numbers": [0, -1, 107374182400],
        "lists": [["one"], [["two", 3]], [{}]],
    }
    assert by_nix(to_nix(value), tmp_path) == value


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.text(st.characters(exclude_categories=["Cc", "Cf", "Cs"]), max_size=12)
    | st.text("${}'\"\\\n", max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text("a-'${}\"\\ é.", max_size=5), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@pytest.mark.nix
@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(_VALUES, min_size=60, max_size=60))
def test_any_value(tmp_path: Path, values: list[Any]) -> None:
    assert by_nix(to_nix(values), tmp_path) == values


@pytest.mark.parametrize("text", ["\0", "\x1b[2J", "\x7f", "a\u202eb", "\udcff"])
def test_what_would_mislead_the_reader_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="cannot be shown as Nix code"):
        to_nix({"a": text})


def test_the_shape_is_nixfmts() -> None:
    value = {
        "name": "m",
        ("source", "huggingface"): {"repo": "a/b", "files": ["*"], "exclude": ["a", "b"]},
        "path": Raw("./m"),
        "empty": {},
        "with.dot": [],
    }
    assert to_nix(value) == (
        '{\n  name = "m";\n  source.huggingface = {\n    repo = "a/b";\n    files = [ "*" ];\n'
        '    exclude = [\n      "a"\n      "b"\n    ];\n  };\n  path = ./m;\n  empty = { };\n'
        '  "with.dot" = [ ];\n}'
    )
