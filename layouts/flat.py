"""A plain directory: the model's files at their own paths."""

from pathlib import Path

from layouts.place import Item, put


def write(out: Path, items: tuple[Item, ...]) -> None:
    """Write every file at its path below `out`."""
    for item in items:
        put(item, out / item.path)
