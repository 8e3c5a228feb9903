"""Paths that a file of the model names: they must stay inside the model."""

import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from posixpath import normpath

from common.errors import UsageError
from common.files import check_path
from validators.formats.problem import Problem
from validators.formats.source import shown

_DRIVE_OR_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


def inside(base: str, path: str) -> str | None:
    """Give a path relative to the folder of `base` as a path of the model; None when it leaves."""
    if path.startswith(("/", "~")) or _DRIVE_OR_SCHEME.match(path) or not path:
        return None
    try:
        return check_path(normpath(f"{base.rpartition('/')[0] or '.'}/{check_path(_plain(path))}"))
    except UsageError:
        return None


def _plain(path: str) -> str:
    return path.removeprefix("./")


def path_problems(base: str, path: str, paths: AbstractSet[str], what: str) -> Iterator[Problem]:
    """Judge a path that a file names.

    Args:
        base: path of the file that names it.
        path: as named.
        paths: of every file of the model.
        what: for the message, e.g. "external data".
    """
    target = inside(base, path)
    if target is None:
        remedy = "do not use this file: it reads or writes where it has no business"
        yield Problem("path-leaves-model", f"{what} lies outside the model", shown(path), remedy)
    elif target not in paths:
        remedy = "add the file to `files` of the source"
        message = f"{what} is not part of the model"
        yield Problem("path-missing", message, shown(path), remedy, "warning")
