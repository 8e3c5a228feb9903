"""What `scan` looks at: every file that can be reached from a path, each under its best name."""

import re
import stat
from collections.abc import Iterator
from pathlib import Path

from common.errors import NotFoundError, UsageError

# In a cache entry. Any other name may itself be what a check goes by, such as modeling.py.
_BLOB = re.compile(r"(.*/)?blobs/[0-9a-f]{40}([0-9a-f]{24})?")
LINK = "link to nothing"
_KINDS = {
    stat.S_IFIFO: "named pipe",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
}


def reach(root: Path) -> dict[str, Path]:
    """Give every regular file at or below a path, links followed, by its path below it.

    A file that is there under one name several times (as in a Hugging Face cache, or an output of
    ours) is given once, and a blob only where nothing gives it a name.

    Raises:
        NotFoundError: nothing is there.
        UsageError: it is neither a file nor a directory.
    """
    if not root.exists():
        raise NotFoundError("there is no such file or directory", str(root), f"ls {root.parent}")
    if root.is_file():
        return {root.name: root}
    if not root.is_dir():
        what, remedy = "only files and directories can be scanned", "cat FIFO > file, and scan that"
        raise UsageError(what, f"{root}, a {kind_of(root)}", remedy)
    best: dict[tuple[Path, str], str] = {}
    for path, local in _walk(root, "", {root.resolve()}):
        if not local.is_file():
            continue
        key = (local.resolve(), local.name)
        best[key] = min(best.get(key, path), path, key=lambda known: (known.count("/"), known))
    named = {target for (target, _), path in best.items() if not _BLOB.fullmatch(path)}
    return {
        path: root / path
        for (target, _), path in sorted(best.items(), key=lambda item: item[1])
        if target not in named or not _BLOB.fullmatch(path)
    }


def strays(root: Path) -> dict[str, str]:
    """Give what is below a path and cannot be looked at, and what it is: pipes, devices, links."""
    if not root.is_dir():
        return {}
    found = _walk(root, "", {root.resolve()})
    return {path: kind_of(local) for path, local in found if not local.is_file()}


def kind_of(place: Path) -> str:
    """Name what is neither a file nor a directory."""
    try:
        return _KINDS.get(stat.S_IFMT(place.stat().st_mode), "thing of no known kind")
    except OSError:
        return LINK


def _walk(folder: Path, prefix: str, seen: set[Path]) -> Iterator[tuple[str, Path]]:
    for child in sorted(folder.iterdir()):
        path = f"{prefix}{child.name}"
        if child.is_dir():
            real = child.resolve()
            # NB: `seen` ends link loops, and spares what is linked from several places.
            if real not in seen:
                seen.add(real)
                yield from _walk(child, f"{path}/", seen)
        else:
            yield path, child
