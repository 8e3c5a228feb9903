"""Ollama's names and manifests: what a model is called, and which file of it each layer becomes.

Sources: names https://github.com/ollama/ollama/blob/main/types/model/name.go, manifests
https://github.com/opencontainers/image-spec/blob/main/manifest.md
"""

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

from common.errors import ModelError, UsageError

HOST, NAMESPACE, TAG = "registry.ollama.ai", "library", "latest"
MANIFEST, CONFIG = "manifest.json", "image-config.json"
LAYER_TYPE = "application/vnd.ollama.image."
# File name and ending by kind of layer; a second layer of a kind is numbered before the ending.
_FILES = {
    "model": ("model", ".gguf"),
    "adapter": ("adapter", ".gguf"),
    "projector": ("projector", ".gguf"),
    "params": ("params", ".json"),
    "messages": ("messages", ".json"),
}
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*(?::\d+)?")
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_NAME = re.compile(r"(https?://)?([^@]*)(?:@(.*))?")
_NOT_A_FILE_NAME = re.compile(r"[^A-Za-z0-9._-]+")
_HOST_AND_MORE = 3  # HOST/NAMESPACE/NAME


@dataclass(frozen=True)
class ModelName:
    """A model of a registry.

    Attributes:
        address: of the registry, ``https://registry.ollama.ai``.
        repository: ``library/llama2``.
        tag: ``7b``; ``latest`` when a digest was given instead.
        digest: ``sha256:…`` of the manifest, or empty.
    """

    address: str
    repository: str
    tag: str
    digest: str

    @property
    def host(self) -> str:
        """Host and port of the registry, as an Ollama store has it."""
        return self.address.partition("://")[2]


@dataclass(frozen=True)
class Blob:
    """A file of the model.

    Attributes:
        path: inside the model.
        sha256: lower-case hex.
        size: bytes.
        media_type: as the manifest has it; empty for the manifest itself.
    """

    path: str
    sha256: str
    size: int
    media_type: str = ""


def parse_name(text: str) -> ModelName:
    """Read ``[HOST/][NAMESPACE/]NAME[:TAG][@sha256:…]``, with ``http://`` before a plain host.

    Raises:
        UsageError: when Ollama could not have a model of that name.
    """
    found = _NAME.fullmatch(text)
    scheme, body, digest = found.groups() if found else ("", "", "")
    parts = body.split("/")
    hosted = bool(scheme) or len(parts) >= _HOST_AND_MORE or re.search("[.:]", parts[0])
    host = parts.pop(0) if hosted and len(parts) > 1 else HOST
    parts[-1], colon, tag = parts[-1].partition(":")
    names = parts if len(parts) > 1 else [NAMESPACE, *parts]
    words = [*names, tag] if colon else names
    bad = scheme and host is HOST
    if bad or not _HOST.fullmatch(host) or not all(map(_PART.fullmatch, words)):
        raise UsageError("this is no model of an Ollama registry", repr(text), "llama2:7b")
    if digest is not None and not _DIGEST.fullmatch(digest):
        raise UsageError("this is no digest of a manifest", repr(digest), f"{body}@sha256:<64 hex>")
    return ModelName((scheme or "https://") + host, "/".join(names), tag or TAG, digest or "")


def read_manifest(content: bytes) -> tuple[Blob, ...]:
    """Give the files of a model: its manifest, its configuration, then its layers in order.

    Raises:
        ModelError: the content is no manifest of one model.
    """
    try:
        data = json.loads(content)
        layers = [_entry(layer) for layer in data["layers"]]
        config = [_entry(data["config"])] if data.get("config") else []
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        what = "the registry's answer is no manifest of a model"
        raise ModelError(what, repr(content[:80]), "ollama:NAME:TAG of a model") from error
    manifest = Blob(MANIFEST, hashlib.sha256(content).hexdigest(), len(content))
    named = [Blob(CONFIG, *entry) for entry in config]
    seen: dict[str, int] = {}
    for entry in layers:
        kind = entry[2].removeprefix(LAYER_TYPE)
        seen[kind] = seen.get(kind, 0) + 1
        named.append(Blob(_file_name(kind, seen[kind]), *entry))
    return (manifest, *named)


def _entry(layer: Any) -> tuple[str, int, str]:
    digest, size, media_type = layer["digest"], layer["size"], layer["mediaType"]
    if not _DIGEST.fullmatch(digest) or type(size) is not int or size < 0:
        raise ValueError(digest)
    return digest.removeprefix("sha256:"), size, str(media_type)


def _file_name(kind: str, number: int) -> str:
    stem, ending = _FILES.get(kind, (_NOT_A_FILE_NAME.sub("-", kind).strip("-.") or "layer", ""))
    return f"{stem}{f'-{number}' if number > 1 else ''}{ending}"
