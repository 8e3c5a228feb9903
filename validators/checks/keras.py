"""Check `keras`: models of Keras in HDF5 (``.h5``), in zips (``.keras``) and as JSON.

Configurations are found by content: in the attributes of an HDF5 file, in the ``config.json`` of a
``.keras`` archive (opened by `validators.containers`), in any JSON that describes a Keras object.
HDF5 itself may lead to other files of the machine (CVE-2026-1669), which is refused anywhere.

``security.allowGlobals``: classes and functions accepted all the same, as the findings name them.
"""

from collections.abc import Iterator

from validators.base import Check, Model
from validators.formats.configs import json_document
from validators.formats.hdf5 import signature_place
from validators.formats.hdf5_attributes import inspect
from validators.formats.json_text import BadJsonError, parse
from validators.formats.keras_config import config_problems, is_config
from validators.formats.problem import Problem
from validators.formats.source import MEMORY_BYTES, Source, judged_by, shown

NAME = "keras"
HDF5_ENDINGS = (".h5", ".hdf5", ".hdf", ".he5")
ENDING = ".keras"
_CONFIG_ATTRIBUTES = frozenset(("model_config", "training_config", "optimizer_config"))
_WORDS = (b"class_name", b"keras_version")


def _judge(source: Source, model: Model) -> Iterator[Problem]:
    named = source.base.endswith(HDF5_ENDINGS)
    deep = named or source.base.endswith(ENDING) or not source.container
    # NB: behind a user block only where the size is known, else every member would be unpacked.
    place = signature_place(source) if deep else (0 if "hdf5" in source.kinds else None)
    if place is not None:
        yield from _hdf5(source, place, model)
    elif named:
        message = "the name says HDF5, the content does not"
        yield Problem("not-hdf5", message, shown(source.read(0, 16)))
    elif source.base.endswith(ENDING) and "zip" not in source.kinds:
        message = "the name says Keras, the content is neither a zip nor HDF5"
        yield Problem("not-keras", message, shown(source.read(0, 16)))
    else:
        yield from _json(source, model)


def _hdf5(source: Source, place: int, model: Model) -> Iterator[Problem]:
    if place:
        message = "something else lies before the HDF5 file"
        yield Problem("hdf5-user-block", message, f"{place} B", severity="warning")
    texts, problems = inspect(source, place)
    yield from problems
    for name, text in texts:
        if name not in _CONFIG_ATTRIBUTES and not text.lstrip().startswith((b"{", b"[")):
            continue
        try:
            document = parse(text)
        except BadJsonError as error:
            message = "the model's description is no JSON that can be read"
            yield Problem("keras-unreadable", message, f"{shown(name)}: {error}")
            continue
        yield from config_problems(document, model)


def _json(source: Source, model: Model) -> Iterator[Problem]:
    inside = ENDING in source.name.casefold() and source.base == "config.json"
    try:
        document = json_document(source, _WORDS)
    except BadJsonError as error:
        if inside:
            message = "the model's description is no JSON that can be read"
            yield Problem("keras-unreadable", message, str(error))
        return
    if document is not None and (inside or is_config(document.value)):
        yield from config_problems(document, model)


CHECK = Check(name=NAME, version="1", run=judged_by(NAME, _judge), memory=MEMORY_BYTES)
