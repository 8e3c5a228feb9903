"""Keys of configurations by which loaders import code that a model brings or names."""

import re
from collections.abc import Iterator
from typing import Any

from validators.formats.json_text import Document, walk
from validators.formats.source import shown

# Every module that sentence-transformers resolves to its own package.
_SENTENCE_TRANSFORMERS = re.compile(r"sentence_transformers(?:\.[A-Za-z_]\w*)+")
_DIFFUSERS_LIBRARIES = frozenset(
    ("diffusers", "transformers", "onnxruntime.training", "flax", "peft", "optimum")
)
_DIFFUSERS_PIPELINES = re.compile(
    r"(?:audio|stable|deprecated|kandinsky|pag|paint|controlnet|animatediff|latent|wuerstchen|t5|unclip|"
    r"flux|sana|ltx|hunyuan|wan|cog|lumina|pixart|shap|unidiffuser|musicldm|deepfloyd|blip|ledits|marigold)"
    r"[a-z0-9_]*"
)
_TARGETS = ("_target_", "_partial_target_", "class_path")
# hydra targets of libraries whose classes are layers, optimizers and the like; never bare builtins.
_HARMLESS_TARGET = re.compile(
    r"torch\.(?:nn|optim)\.(?:[a-z_]\w*\.)*[A-Z]\w*|torch\.optim\.lr_scheduler\.[A-Z]\w*"
    r"|(?:pytorch_)?lightning\.(?:pytorch\.)?[a-z_.]+\.[A-Z]\w*"
    r"|nemo\.(?:collections|core)\.(?:[a-z_]\w*\.)*[A-Z]\w*"
)
# Keys whose value is imported, and what it may be.
_IMPORTED = {
    "activation_function": re.compile(r"[^.]*|torch\.nn\.[\w.]+"),
    "activation_fn": re.compile(r"[^.]*|torch\.nn\.[\w.]+"),
    "sbert_ce_default_activation_function": re.compile(r"[^.]*|torch\.nn\.[\w.]+"),
    "parent_library": re.compile(r"(?:transformers|diffusers|sentence_transformers)(?:\.\w+)*"),
    "loader_module": re.compile(r"mlflow(?:\.\w+)*"),
}
# transformers takes "owner/repository" here for a kernel of the hub, and imports it unasked.
_KERNELS = frozenset(
    ("attn_implementation", "_attn_implementation", "_attn_implementation_internal")
)
_FLAGS = frozenset(("trust_remote_code", "trust_remote"))
_CODE_KEYS = frozenset(("custom_objects", "custom_pipeline", "custom_pipelines", "custom_code"))


def code_keys(document: Document, name: str) -> Iterator[tuple[str, str, str]]:
    """Yield (rule, what the key does, what was found and where) for each such key.

    Args:
        document: a configuration.
        name: of its file, in lower case.
    """
    for place, value in walk(document):
        if isinstance(value, dict):
            for key, item in value.items():
                yield from code_key(place, key, item)
    for key, item in document.shadowed:
        yield from code_key("(shadowed)", key, item)
    if name in ("modules.json", "router_config.json"):
        yield from _modules(document)
    if name == "model_index.json":
        yield from _pipeline(document)


def code_key(place: str, key: str, value: Any) -> Iterator[tuple[str, str, str]]:
    """Judge one key, as `code_keys` does."""
    found = f"{f'{place}.{key}'.lstrip('.')} = {shown(value)}"
    if not value:
        return
    if key == "auto_map":
        yield "auto-map", "names Python code of the repository that loaders import", found
    elif key in _TARGETS and not (isinstance(value, str) and _HARMLESS_TARGET.fullmatch(value)):
        yield "hydra-target", "names an object that hydra imports and calls", found
    elif key in _CODE_KEYS:
        if key.startswith("custom_pipeline") and _is_pipeline_table(value):
            yield from _custom_pipelines(place, value)
        else:
            yield "custom-code", "names code of its own that loaders import", found
    elif key in _IMPORTED and not (isinstance(value, str) and _IMPORTED[key].fullmatch(value)):
        yield "custom-code", "names an object that loaders import", found
    elif key in _KERNELS and isinstance(value, str) and "/" in value:
        yield "hub-kernel", "makes loaders fetch and run compiled code from elsewhere", found
    elif key in _FLAGS and str(value).casefold() not in {"false", "no", "null", "~", "off"}:
        yield "trust-remote-code", "asks loaders to run code of repositories", found


def _is_pipeline_table(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(item, dict) for item in value.values())


def _custom_pipelines(place: str, value: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    for task, entry in value.items():
        found = f"{f'{place}.custom_pipelines.{task}'.lstrip('.')} = {shown(entry.get('impl'))}"
        yield "custom-code", "names a pipeline whose code loaders import", found


def _modules(document: Document) -> Iterator[tuple[str, str, str]]:
    for place, value in walk(document):
        key = place.rpartition(".")[2]
        named = key == "type" or ".types." in f".{place}"
        if named and not (isinstance(value, str) and _SENTENCE_TRANSFORMERS.fullmatch(value)):
            found = f"{place} = {shown(value)}"
            yield "module-type", "names a class from outside sentence-transformers", found


def _pipeline(document: Document) -> Iterator[tuple[str, str, str]]:
    if not isinstance(document.value, dict):
        return
    for key, value in document.value.items():
        library = value[0] if isinstance(value, list) and value else None
        if key == "_class_name" and isinstance(value, list):
            yield "custom-code", "names a pipeline in a file of the repository", shown(value)
        elif not key.startswith("_") and isinstance(library, str) and not _known_library(library):
            found = f"{key} = {shown(value)}"
            yield "custom-code", "names a class from outside diffusers and transformers", found


def _known_library(library: str) -> bool:
    package = library.partition(".")[0]
    return package in _DIFFUSERS_LIBRARIES or _DIFFUSERS_PIPELINES.fullmatch(library) is not None
