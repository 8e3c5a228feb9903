"""JSON as hostile files have it: bounded in size, values and depth, duplicate names kept.

Source: https://www.rfc-editor.org/rfc/rfc8259 (names within an object SHOULD be unique; what a
reader does with a duplicate is its own choice, which is why duplicates are reported here).
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

MAX_BYTES = 32 << 20
MAX_VALUES = 1_500_000  # about 72 bytes of memory each at worst


class BadJsonError(ValueError):
    """The text is no JSON, or more of it than is read here; the message says which."""


@dataclass(frozen=True)
class Document:
    """Parsed JSON.

    Attributes:
        value: what Python's reader gives; the last of several equal names wins.
        duplicates: names that came more than once in one object.
        shadowed: the duplicates that lost, with their values; another reader may take these.
    """

    value: Any
    duplicates: tuple[str, ...] = ()
    shadowed: tuple[tuple[str, Any], ...] = ()


@dataclass
class _Collector:
    duplicates: list[str] = field(default_factory=list)
    shadowed: list[tuple[str, Any]] = field(default_factory=list)

    def __call__(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            seen: dict[str, Any] = {}
            for name, value in pairs:
                if name in seen:
                    self.duplicates.append(name)
                    self.shadowed.append((name, seen[name]))
                seen[name] = value
        return found


def parse(data: bytes, *, max_bytes: int = MAX_BYTES, max_values: int = MAX_VALUES) -> Document:
    """Read JSON in whichever Unicode encoding it is written (RFC 8259 allows UTF-8 only).

    Raises:
        BadJsonError: when it is malformed, too long, too deep, or holds too many values.
    """
    if len(data) > max_bytes:
        raise BadJsonError(f"{len(data)} bytes of JSON, more than {max_bytes} are not read")
    collector = _Collector()
    try:
        text = data.decode(json.detect_encoding(data), "strict")
        _count(data, max_values)
        value = json.loads(text.removeprefix("\ufeff"), object_pairs_hook=collector)
    except RecursionError:
        raise BadJsonError("it is nested too deeply") from None
    except ValueError as error:  # also bad Unicode, and integers of more digits than Python reads
        raise BadJsonError(str(error)) from None
    return Document(value, tuple(collector.duplicates), tuple(collector.shadowed))


def _count(data: bytes, limit: int) -> None:
    # NB: counts inside strings too; an upper bound is all that is wanted before memory is spent.
    if sum(map(data.count, (b"[", b"{", b","))) > limit:
        raise BadJsonError(f"it holds more than {limit} values")


def walk(document: Document) -> Iterator[tuple[str, Any]]:
    """Yield every value with its place (``a.b[0]``), shadowed ones too, without recursion."""
    stack: list[tuple[str, Any]] = [("", document.value)]
    stack += document.shadowed
    while stack:
        place, value = stack.pop()
        yield place, value
        if isinstance(value, dict):
            stack += [(f"{place}.{name}".lstrip("."), item) for name, item in value.items()]
        elif isinstance(value, list):
            stack += [(f"{place}[{index}]", item) for index, item in enumerate(value)]
