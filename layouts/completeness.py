"""Whether a model has every file that its own indexes name.

Source of the format: https://huggingface.co/docs/transformers/big_models (sharded checkpoints)
"""

import json
import posixpath
from collections.abc import Iterable
from dataclasses import dataclass

from common.errors import ModelError
from layouts.place import Item

INDEX = ".index.json"  # model.safetensors.index.json, pytorch_model.bin.index.json, …
MOST_SHOWN = 10  # missing files of an index in an error; the rest is counted
_SAFE = ".safetensors"


@dataclass(frozen=True)
class Index:
    """An index of shards.

    Attributes:
        path: inside the model.
        named: the files it names, as paths inside the model.
    """

    path: str
    named: frozenset[str]


def check(items: Iterable[Item]) -> None:
    """See that every shard that an index names is among the files of a model.

    An index of another format is excused where safetensors weights stand complete beside it:
    leaving the other weights out is what `nix-ai-model lock` prefers.

    Raises:
        ModelError: a shard is missing, or an index cannot be read; names all of them.
    """
    by_path = {item.path: item for item in items}
    indexes = [_read(by_path[path]) for path in sorted(by_path) if path.endswith(INDEX)]
    whole = {_folder(i.path) for i in indexes if _SAFE in i.path and i.named <= by_path.keys()}
    shards = {path for index in indexes for path in index.named}
    whole |= {_folder(path) for path in by_path.keys() - shards if path.endswith(_SAFE)}
    lacking = [
        index
        for index in indexes
        if not index.named <= by_path.keys()
        and (_SAFE in index.path or _folder(index.path) not in whole)
    ]
    if lacking:
        lines = [_line(index, by_path) for index in lacking]
        first = posixpath.basename(min(lacking[0].named - by_path.keys()))
        remedy = (
            f'source.<type>.files = [ … "{first}" ];   # and lock it anew; or, knowing why:\n'
            "     integration.huggingface.validateCompleteness = false;"
        )
        raise ModelError("the model is not complete: " + "; ".join(lines), None, remedy)


def _line(index: Index, present: Iterable[str]) -> str:
    missing = sorted(index.named.difference(present))
    names = ", ".join(missing[:MOST_SHOWN])
    if len(missing) > MOST_SHOWN:
        names += f" and {len(missing) - MOST_SHOWN} more"
    number = f"{len(missing)} of {len(index.named)}"
    return f"{index.path} names {number} files that are not there: {names}"


def _folder(path: str) -> str:
    return posixpath.dirname(path)


def _read(item: Item) -> Index:
    try:
        data = json.loads(item.local.read_text("utf-8"))
        names = data.get("weight_map", {}).values()
        folder = _folder(item.path)
        named = {posixpath.normpath(posixpath.join(folder, name)) for name in names}
    except (ValueError, AttributeError, TypeError) as error:
        what = f"{item.path} is no index of weights"
        raise ModelError(what, str(error), f'exclude = [ "{item.path}" ];') from error
    return Index(item.path, frozenset(named))
