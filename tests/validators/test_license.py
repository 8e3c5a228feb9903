"""The licence policy, from a model's card."""

from pathlib import Path

import pytest

from common.model_card import licences
from validators.base import Model, ModelFile
from validators.checks.license import CHECK

CASES = {
    "plain": ("---\nlicense: Apache-2.0\n---\n", ("apache-2.0",)),
    "list": ("---\nlicense: [mit, gpl-3.0]\n---\n", ("mit", "gpl-3.0")),
    "named": ("---\nlicense: other\nlicense_name: llama2\n---\n", ("llama2",)),
    "no card": (None, ()),
    "no front matter": ("# license: mit\n", ()),
    "unended": ("---\nlicense: mit\n", ()),
    "not yaml": ("---\n: : {\n---\n", ()),
    "aliases": ("---\na: &a [x]\nb: [*a, *a]\nlicense: mit\n---\n", ()),
    "object": ("---\nlicense: !!python/object/apply:os.system ['true']\n---\n", ()),
    "number": ("---\nlicense: 3\n---\n", ()),
    "byte order mark": ("\ufeff---\r\nlicense: mit\r\n---\r\n", ("mit",)),
}


@pytest.mark.parametrize("case", CASES)
def test_what_a_card_states(case: str, tmp_path: Path) -> None:
    text, expected = CASES[case]
    card = tmp_path / "README.md"
    if text is not None:
        card.write_bytes(text.encode())
    assert licences({"README.md": card} if text is not None else {}) == expected


@pytest.mark.parametrize(
    ("card", "allowed", "rules"),
    [
        ("license: mit", ["MIT", "apache-2.0"], []),
        ("license: llama2", ["mit"], ["license-not-allowed"]),
        ("license: [mit, llama2]", ["mit"], ["license-not-allowed"]),
        ("title: x", ["mit"], ["no-license"]),
        ("title: x", ["mit", "unstated"], []),
    ],
)
def test_only_allowed_licences_pass(
    card: str, allowed: list[str], rules: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "README.md"
    file.write_text(f"---\n{card}\n---\n")
    files = (ModelFile("README.md", file, file.stat().st_size),)
    model = Model("m", files, tmp_path, security={"allowedLicenses": allowed})
    assert CHECK.enabled(model)
    assert [finding.rule for finding in CHECK.run(model)] == rules


def test_without_a_list_every_licence_is_accepted(tmp_path: Path) -> None:
    assert not CHECK.enabled(Model("m", (), tmp_path))
