"""Check `repository-code`: Python files, and the keys of configurations that make loaders import.

``trust_remote_code`` runs what ``auto_map`` names
(https://huggingface.co/docs/transformers/custom_models); diffusers, sentence-transformers and hydra
have keys of their own. Under ``safe-only`` such a repository is refused, under ``scanned`` each
place is named for review. YAML is looked through by its text: keys, and tags that build objects.
"""

import re
from collections.abc import Iterator
from itertools import islice

from common.findings import Severity
from validators.base import Check, Model
from validators.formats.configs import json_document, loader_config, text_of
from validators.formats.json_text import BadJsonError
from validators.formats.policy import allow, code_severity
from validators.formats.problem import Problem
from validators.formats.python_keys import code_key, code_keys
from validators.formats.python_source import MAX_BYTES, dangerous_name, dangers
from validators.formats.source import MEMORY_BYTES, Source, judged_by, shown

NAME = "repository-code"
PYTHON_ENDINGS = (".py", ".pyw", ".pyx", ".pyi", ".pyc", ".pyo", ".pth", ".ipy")
NATIVE_ENDINGS = (".so", ".dll", ".dylib", ".pyd", ".node", ".egg", ".whl")
PYTHON_TEXTS = (".py", ".pyw", ".pyx", ".pyi", ".pth", ".ipy")
SCRIPT_ENDINGS = (
    ".sh", ".bash", ".zsh", ".fish", ".csh", ".ksh", ".ps1", ".psm1", ".bat", ".cmd", ".vbs",
    ".vbe", ".wsf", ".hta", ".js", ".mjs", ".cjs", ".ts", ".lua", ".pl", ".rb", ".php", ".r",
    ".lnk", ".desktop", ".url", ".scr", ".command", ".scpt", ".applescript", ".jnlp", ".reg",
)  # fmt: skip
# Rules whose finding holds names of Python objects; those that reach outside what was scanned.
_NAMING = frozenset(("hydra-target", "custom-code", "module-type"))
_ELSEWHERE = frozenset(("hub-kernel",))
_NAME = re.compile(r"[A-Za-z_][\w.:]*")
# Modules that are refused in pickles for what they can build or do with hostile arguments; that a
# configuration names them is no attack yet. Of torch only what loads code is one.
_BUILDERS = frozenset(
    (
        "functools", "operator", "_operator", "types", "io", "tempfile", "inspect", "keras",
        "tf_keras", "tensorflow", "transformers", "torch", "numpy", "pandas", "scipy", "logging",
        "threading", "jinja2", "flask", "fsspec", "random", "signal", "atexit", "ast", "codecs",
    )
)  # fmt: skip
_LOADERS = ("torch.hub", "torch.load", "torch.utils.cpp_extension", "torch.package", "numpy.load")
_FETCHES = re.compile(
    rb"\b(?:curl|wget|fetch)\b[^\n|]{0,150}+\|\s*(?:sudo\s+)?(?:ba|z|da|k)?sh\b|/dev/(?:tcp|udp)/"
    rb"|\bnc(?:at)?\s+(?:-\w+\s+){0,8}-\w*e\b|\bbase64\s+(?:-d|-D|--decode)\b[^\n]{0,100}\|\s*(?:ba|z|da)?sh\b"
    rb"|\b(?:iex|invoke-expression)\b[^\n]{0,100}(?:downloadstring|iwr|invoke-webrequest|irm)"
    rb"|(?:downloadstring|iwr|invoke-webrequest|irm)\b[^\n]{0,100}\|\s*iex|powershell[^\n]{0,40}\s-e(?:nc\w*)?\s"
    rb"|\brm\s+-rf\s+(?:--no-preserve-root|/(?:\s|$)|~)|\bmkfifo\b[^\n]{0,100}\bnc\b",
    re.IGNORECASE,
)
_OTHER_SOURCE = re.compile(
    r"^[^#\n]*(?:--(?:extra-)?index-url|--find-links|--trusted-host|\bgit\+|https?://)[^\n]{0,120}",
    re.MULTILINE,
)
_LEAVE = 'leave it out: security.ignoreFiles = [ "…" ]'
RECIPES = frozenset(("dockerfile", "containerfile", "makefile", "justfile", "procfile"))
REQUIREMENTS = frozenset(("requirements.txt", "constraints.txt", "setup.cfg", "pyproject.toml"))
YAML_ENDINGS = (".yaml", ".yml", "mlmodel")
MAX_YAML_BYTES = 16 << 20
MAX_SCRIPT_BYTES = 1 << 20
_WORDS = (
    b"auto_map",
    b"_target_",
    b"custom_",
    b"trust_remote",
    b"parent_library",
    b"activation_f",
    b"attn_implementation",
    b"class_path",
    b"loader_module",
)
_MORE_WORDS = {"modules.json": b"type", "router_config.json": b"types", "model_index.json": b"_"}
_YAML_KEY = re.compile(
    r"^(?![ \t]*#)[^\n]*?"
    r"(?<!\w)(_target_|auto_map|trust_remote_code|loader_module|class_path)(?!\w)"
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
        if why := _known_danger(found) if rule in _NAMING else "":
            message = f"the repository {what}, which {why}"
            yield Problem(rule, message, found, "do not use this model: no honest one needs that")
        else:
            harder: Severity = "error" if rule in _ELSEWHERE else severity
            yield Problem(rule, f"the repository {what}", found, _REMEDY, harder)
    if source.base.endswith(YAML_ENDINGS):
        yield from _tags(source)
    elif source.base.endswith(PYTHON_TEXTS) and (not _is_other(source) or _in_torchscript(source)):
        yield from _python(source, model)
    elif source.base in REQUIREMENTS:
        yield from _requirements(source)
    elif source.base.endswith(SCRIPT_ENDINGS) or source.base in RECIPES or "script" in source.kinds:
        yield from _script(source, severity)


def _python(source: Source, model: Model) -> Iterator[Problem]:
    allowed = set(model.security.get("allowGlobals", ()))
    data = source.read(0, MAX_BYTES + 1)
    for what, name, line in dangers(data):
        if (accepted := f"{source.member}:{name}") not in allowed:
            message = f"Python code of the repository {what}"
            trigger = f"line {line}: {shown(name)}"
            yield Problem("python-danger", message, trigger, allow("allowGlobals", accepted))
    if len(data) > MAX_BYTES:
        message = "Python code is longer than what is looked through"
        yield Problem("python-danger", message, f"more than {MAX_BYTES} B")


def _script(source: Source, severity: Severity) -> Iterator[Problem]:
    if match := _FETCHES.search(source.read(0, MAX_SCRIPT_BYTES)):
        message = "a script runs what it fetches, or opens a shell to others"
        yield Problem("script-danger", message, shown(match[0].decode("utf-8", "replace")), _LEAVE)
    if source.base.endswith(SCRIPT_ENDINGS):
        message = "the repository brings a script"
        yield Problem("script-file", message, shown(source.member), _LEAVE, severity)


def _known_danger(found: str) -> str:
    """Say why what a configuration names is known as an attack."""
    value = found.partition(" = ")[2] or found
    names = _NAME.findall(value)
    names += [".".join(names), f"{names[0]}.any"] if names else []
    judged = [
        name
        for name in names
        if name.partition(".")[0] not in _BUILDERS or name.startswith(_LOADERS)
    ]
    return next(filter(None, map(dangerous_name, judged)), "")


def _found(source: Source) -> Iterator[tuple[str, str, str]]:
    if source.base.endswith(PYTHON_ENDINGS) and not _is_other(source):
        yield "python-file", "brings Python code", shown(source.member)
    elif source.base.endswith(NATIVE_ENDINGS):
        yield "native-code", "brings a library or package with code", shown(source.member)
    elif source.base.endswith(YAML_ENDINGS):
        yield from _yaml(source)
    else:
        yield from _json(source)


def _requirements(source: Source) -> Iterator[Problem]:
    for match in islice(_OTHER_SOURCE.finditer(text_of(source.read(0, MAX_YAML_BYTES))), 3):
        message = "packages are asked for from elsewhere than the usual index"
        yield Problem("requirement", message, shown(match[0]), "install none of them", "warning")


def _in_torchscript(source: Source) -> bool:
    return source.container == "zip" and _TORCHSCRIPT.fullmatch(source.member) is not None


def _is_other(source: Source) -> bool:
    """Tell checkpoints of torch from Python's own ``.pth`` path files; leave out TorchScript."""
    if _in_torchscript(source):
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
