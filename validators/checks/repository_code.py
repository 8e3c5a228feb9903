"""Check `repository-code`: Python files, and the keys of configurations that make loaders import.

``trust_remote_code`` runs what ``auto_map`` names
(https://huggingface.co/docs/transformers/custom_models); diffusers, sentence-transformers and hydra
have keys of their own. Under ``safe-only`` such a repository is refused, under ``scanned`` each
place is named for review. YAML is looked through by its text: keys, and tags that build objects.
"""

import re
from collections.abc import Iterator

from validators.base import Check, Model
from validators.formats.configs import json_document, loader_config, text_of
from validators.formats.json_text import BadJsonError
from validators.formats.policy import code_severity
from validators.formats.problem import Problem
from validators.formats.python_keys import code_key, code_keys
from validators.formats.source import MEMORY_BYTES, Source, judged_by, shown

NAME = "repository-code"
PYTHON_ENDINGS = (".py", ".pyw", ".pyx", ".pyi", ".pyc", ".pyo", ".pth", ".ipy")
NATIVE_ENDINGS = (".so", ".dll", ".dylib", ".pyd", ".node", ".egg", ".whl")
SCRIPT_ENDINGS = (".sh", ".bash", ".zsh", ".ps1", ".bat", ".cmd", ".vbs", ".js", ".mjs")
YAML_ENDINGS = (".yaml", ".yml", "mlmodel")
MAX_YAML_BYTES = 16 << 20
_WORDS = (b"auto_map", b"_target_", b"custom_", b"trust_remote", b"parent_library", b"activation_f")
_MORE_WORDS = {"modules.json": b"type", "router_config.json": b"types", "model_index.json": b"_"}
_YAML_KEY = re.compile(
    r"^(?!\s*#)[^\n]*?(?<!\w)(_target_|auto_map|trust_remote_code|loader_module)(?!\w)"
    r"[\"']?[:\s]*([^\n]*)",
    re.MULTILINE,
)
_YAML_TAG = re.compile(
    r"(?:!!python|!<tag:yaml\.org,2002:python|!python)[/:\w.-]*|^%TAG.*", re.MULTILINE
)
_FOLD = re.compile(r"\\\r?\n[ \t]*")  # a line that goes on, inside a quoted text
_TORCHSCRIPT = re.compile(r"(?:.*/)?code/.+")  # the check torch-code names these
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))")
_REMEDY = 'review it, then accept it: security.policy = "scanned"'


def _judge(source: Source, model: Model) -> Iterator[Problem]:
    severity = code_severity(model)
    for rule, what, found in _found(source):
        yield Problem(rule, f"the repository {what}", found, _REMEDY, severity)
    if source.base.endswith(YAML_ENDINGS):
        yield from _tags(source)
    elif source.base.endswith(SCRIPT_ENDINGS):
        message = "the repository brings a script"
        yield Problem("script-file", message, shown(source.member), severity="warning")


def _found(source: Source) -> Iterator[tuple[str, str, str]]:
    if source.base.endswith(PYTHON_ENDINGS) and not _is_other(source):
        yield "python-file", "brings Python code", shown(source.member)
    elif source.base.endswith(NATIVE_ENDINGS):
        yield "native-code", "brings a library or package with code", shown(source.member)
    elif source.base.endswith(YAML_ENDINGS):
        yield from _yaml(source)
    else:
        yield from _json(source)


def _is_other(source: Source) -> bool:
    """Tell checkpoints of torch from Python's own ``.pth`` path files; leave out TorchScript."""
    if source.container == "zip" and _TORCHSCRIPT.fullmatch(source.member):
        return True
    return source.base.endswith(".pth") and "text" not in source.kinds


def _json(source: Source) -> Iterator[tuple[str, str, str]]:
    try:
        words = (*_WORDS, *filter(None, [_MORE_WORDS.get(source.base)]))
        document = json_document(source, words)
    except BadJsonError as error:
        if loader_config(source):
            yield "config-unreadable", "has a configuration that cannot be judged", str(error)
        return
    if document is not None:
        yield from code_keys(document, source.base)


def _yaml(source: Source) -> Iterator[tuple[str, str, str]]:
    for match in _YAML_KEY.finditer(_yaml_text(source)):
        value = match[2].strip().strip("\"',")
        yield from code_key("", match[1], value)


def _tags(source: Source) -> Iterator[Problem]:
    """Find tags that build Python objects: an attack on whoever loads YAML carelessly."""
    for match in _YAML_TAG.finditer(_yaml_text(source)):
        message = "a YAML tag makes careless loaders build a Python object"
        yield Problem("yaml-tag", message, shown(match[0]), "remove the tag, or the file")
    if len(source.read(MAX_YAML_BYTES, 1)):
        message = "the YAML is longer than what is looked through"
        yield Problem("config-unreadable", message, f"more than {MAX_YAML_BYTES} B")


def _yaml_text(source: Source) -> str:
    text = text_of(source.read(0, MAX_YAML_BYTES))
    return _ESCAPE.sub(_unescape, _FOLD.sub("", text))


def _unescape(match: re.Match[str]) -> str:
    number = int(match[1] or match[2] or match[3], 16)
    return chr(number) if number <= 0x10FFFF else match[0]  # noqa: PLR2004 - the end of Unicode


CHECK = Check(name=NAME, version="1", run=judged_by(NAME, _judge), memory=MEMORY_BYTES)
