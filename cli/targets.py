"""What `scan` looks at: every file that can be reached from a path, each under its best name."""

import re
from collections.abc import Iterator
from pathlib import Path

from common.errors import NotFoundError

# In a cache entry. Any other name may itself be what a check goes by, such as modeling.py.
_BLOB = re.compile(r"(.*/)?blobs/[0-9a-f]{40}([0-9a-f]{24})?")


def reach(root: Path) -> dict[str, Path]:
    """Give every regular file at or below a path, links followed, by its path below it.

    A file that is there under one name several times (as in a Hugging Face cache, or an output of
    ours) is given once, and a blob only where nothing gives it a name.

    Raises:
        NotFoundError: nothing is there.
    """
    if not root.exists():
        raise NotFoundError("there is no such file or directory", str(root), f"ls {root.parent}")
    if root.is_file():
        return {root.name: root}
    best: dict[tuple[Path, str], str] = {}
    for path, local in _walk(root, "", {root.resolve()}):
        key = (local.resolve(), local.name)
        best[key] = min(best.get(key, path), path, key=lambda known: (known.count("/"), known))
    named = {target for (target, _), path in best.items() if not _BLOB.fullmatch(path)}
    return {
        path: root / path
        for (target, _), path in sorted(best.items(), key=lambda item: item[1])
        if target not in named or not _BLOB.fullmatch(path)
    }


def _walk(folder: Path, prefix: str, seen: set[Path]) -> Iterator[tuple[str, Path]]:
    for child in sorted(folder.iterdir()):
        path = f"{prefix}{child.name}"
        if child.is_dir():
            real = child.resolve()
            # NB: `seen` ends link loops, and spares what is linked from several places.
            if real not in seen:
                seen.add(real)
                yield from _walk(child, f"{path}/", seen)
        elif child.is_file():
            yield path, child
