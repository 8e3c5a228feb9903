"""Nix expressions as text, in nixfmt's shape (https://github.com/NixOS/nixfmt)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cli.console import clean
from common.errors import UsageError

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_'-]*")
_KEYWORDS = {"assert", "else", "if", "in", "inherit", "let", "or", "rec", "then", "with"}
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


@dataclass(frozen=True)
class Raw:
    """Nix code to be written as it is, such as a path."""

    code: str


def to_nix(value: Any, indent: int = 0) -> str:
    """Write a value (what JSON can hold, or `Raw`) as a Nix expression.

    Args:
        value: mappings become attribute sets in their own order; a key that is a tuple is an
            attribute path (``source.huggingface``).
        indent: spaces before the line the expression begins on.
    """
    if isinstance(value, Raw):
        return value.code
    if isinstance(value, str):
        return to_string(value)
    if isinstance(value, Mapping):
        return _block("{", _bindings(value, indent + 2), "}", indent)
    if isinstance(value, list | tuple):
        return _list(value, indent)
    if isinstance(value, bool):
        return "true" if value else "false"
    return "null" if value is None else str(value)


def to_string(text: str) -> str:
    """Write a text as a string literal.

    Source: https://nix.dev/manual/nix/latest/language/string-literals

    Raises:
        UsageError: it holds a control character, which Nix can only write as itself, and which may
            make the code look like another (https://trojansource.codes).
    """
    escaped = "".join(_ESCAPES.get(character, character) for character in text)
    if clean(escaped) != escaped:
        raise UsageError("this cannot be shown as Nix code", ascii(text), "--format lock")
    return '"' + escaped.replace("${", "\\${") + '"'


def attribute(name: str) -> str:
    """Write the name of an attribute, quoted only where it must be."""
    plain = _IDENTIFIER.fullmatch(name) and name not in _KEYWORDS
    return name if plain else to_string(name)


def _bindings(attrs: Mapping[Any, Any], indent: int) -> list[str]:
    paths = ((key if isinstance(key, tuple) else (key,), value) for key, value in attrs.items())
    return [f"{'.'.join(map(attribute, path))} = {to_nix(value, indent)};" for path, value in paths]


def _list(values: list[Any] | tuple[Any, ...], indent: int) -> str:
    if len(values) == 1 and isinstance(values[0], str):
        return f"[ {to_nix(values[0])} ]"
    return _block("[", [_element(value, indent + 2) for value in values], "]", indent)


def _element(value: Any, indent: int) -> str:
    text = to_nix(value, indent)
    return f"({text})" if isinstance(value, int) and text.startswith("-") else text


def _block(opening: str, lines: list[str], closing: str, indent: int) -> str:
    if not lines:
        return f"{opening} {closing}"
    inner = "".join(f"{' ' * (indent + 2)}{line}\n" for line in lines)
    return f"{opening}\n{inner}{' ' * indent}{closing}"
