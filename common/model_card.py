"""What a model's card (README.md) states in its front matter.

Source: https://huggingface.co/docs/hub/model-cards#model-card-metadata
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

CARD = "README.md"
MAX_CARD_BYTES = 1 << 20
MAX_FRONT_MATTER_CHARACTERS = 64 << 10
_FENCE = "---"
_UNSPECIFIC = "other"  # the hub's word for a licence that `license_name` names


class _Loader(yaml.SafeLoader):
    """Plain data only, and no aliases, whose expansion has no bound."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Refuse an alias; everything else as usual."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not read")
        return super().compose_node(parent, index)


def front_matter(card: Path) -> Mapping[str, Any]:
    """Read the front matter of a card; nothing where there is none that can be read."""
    with card.open("rb") as file:
        text = file.read(MAX_CARD_BYTES).decode("utf-8", "replace").removeprefix("\ufeff")
    lines = text.splitlines()
    if not lines or lines[0].rstrip() != _FENCE:
        return {}
    ends = (index for index, line in enumerate(lines[1:], 1) if line.rstrip() == _FENCE)
    body = "\n".join(lines[1 : next(ends, 0)])
    if not body or len(body) > MAX_FRONT_MATTER_CHARACTERS:
        return {}
    try:
        data = yaml.load(body, _Loader)  # noqa: S506 - a safe loader, made stricter
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def licences(files: Mapping[str, Path]) -> tuple[str, ...]:
    """Give the licence identifiers that a model states, as it writes them, lower case.

    Args:
        files: the model's files by path.
    """
    card = files.get(CARD)
    if card is None:
        return ()
    data = front_matter(card)
    stated = data.get("license")
    names = stated if isinstance(stated, list) else [stated]
    found = [str(name).strip().lower() for name in names if isinstance(name, str) and name.strip()]
    special = data.get("license_name")
    if isinstance(special, str) and special.strip():
        found = [name for name in found if name != _UNSPECIFIC] + [special.strip().lower()]
    return tuple(dict.fromkeys(found))
