"""Check `safetensors`: headers that lie, names that lie about the format, shard indexes that stray.

transformers opens each shard of ``*.safetensors.index.json`` by the ending of the shard's own name,
so an index that names a ``.bin`` would load a pickle where safetensors was asked for.
"""

from collections.abc import Iterator

from common.errors import UsageError
from common.files import check_path
from validators.base import Check, Model
from validators.formats.json_text import MAX_BYTES, BadJsonError, parse, walk
from validators.formats.problem import Problem
from validators.formats.safetensors_header import looks_like, problems
from validators.formats.source import MEMORY_BYTES, Source, judged_by, shown

NAME = "safetensors"
ENDING = ".safetensors"
INDEX_ENDING = ".index.json"


def _judge(source: Source, model: Model) -> Iterator[Problem]:
    if not source.base.endswith(INDEX_ENDING):
        return _weights(source)
    return _index(source, {file.path for file in model.files})


def _weights(source: Source) -> Iterator[Problem]:
    named, found = source.base.endswith(ENDING), looks_like(source)
    if named and not found and source.read(8, 1) != b"{":
        # NB: an empty header or a lying one is judged below; here the content is something else.
        message = "the name says safetensors, the content does not"
        yield Problem("not-safetensors", message, shown(source.read(0, 16)))
    elif named or found:
        yield from problems(source)
    if found and not named:
        message = "the content is safetensors, the name does not say so"
        remedy = f"rename it to end in {ENDING}, so that no loader takes it for a pickle"
        yield Problem("misnamed-safetensors", message, source.base, remedy, "warning")


def _index(source: Source, paths: set[str]) -> Iterator[Problem]:
    try:
        document = parse(source.read(0, MAX_BYTES + 1))
    except BadJsonError as error:
        yield Problem("shard-index", "the list of shards is no JSON that can be read", str(error))
        return
    for name in document.duplicates[:1]:
        yield Problem("duplicate-name", "a name comes twice in the list of shards", shown(name))
    shards: set[object] = set()
    for place, value in walk(document):
        if place.endswith("weight_map") and isinstance(value, dict):
            shards.update(shard for shard in value.values() if isinstance(shard, str))
            if odd := [shard for shard in value.values() if not isinstance(shard, str)]:
                yield Problem("shard-index", "a shard's name is no text", shown(odd[0]))
    for shard in sorted(map(str, shards)):
        yield from _shard(source, shard, paths)


def _shard(source: Source, shard: str, paths: set[str]) -> Iterator[Problem]:
    folder = source.name.rpartition("/")[0]
    try:
        path = check_path(f"{folder}/{shard}".lstrip("/") if not shard.startswith("/") else shard)
    except UsageError:
        yield Problem("shard-path", "a shard's path leaves the model", shown(shard))
        return
    if ENDING in source.base and not shard.casefold().endswith(ENDING):
        message = "a list of safetensors shards names a file of another format"
        yield Problem("shard-format", message, shown(shard))
    if path not in paths:
        message = "a shard is not part of the model"
        remedy = "add it to `files` of the source, or leave out the index"
        yield Problem("shard-missing", message, shown(shard), remedy, "warning")


CHECK = Check(name=NAME, version="1", run=judged_by(NAME, _judge), memory=MEMORY_BYTES)
