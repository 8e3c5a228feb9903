"""An Ollama store: ``blobs/sha256-HEX`` and ``manifests/HOST/NAMESPACE/NAME/TAG``.

Sources: https://github.com/ollama/ollama/blob/main/docs/modelfile.md for what layers mean, and
https://github.com/opencontainers/image-spec/blob/main/manifest.md for the manifest.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.digest import from_sri
from common.errors import ModelError
from common.files import LARGE_BYTES
from common.ollama import LAYER_TYPE, MANIFEST, ModelName, parse_name
from layouts import gguf
from layouts.metadata import FILE as META_FILE

MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG_TYPE = "application/vnd.docker.container.image.v1+json"
_GGUF = ".gguf"


@dataclass(frozen=True)
class Wanted:
    """A model to put into a store.

    Attributes:
        path: output of ours that holds it.
        name: under which Ollama knows it, ``[HOST/][NAMESPACE/]NAME[:TAG]``.
        file: the GGUF file to take where there are several; None where there is one.
        texts: ``template``, ``system`` and ``license``, each possibly missing.
        parameters: such as ``temperature``.
    """

    path: Path
    name: str
    file: str | None = None
    texts: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)


def write(out: Path, models: Sequence[Wanted]) -> None:
    """Write a store with all of the models below `out`, a directory that is there already.

    Raises:
        ModelError: a model has no GGUF file, or several; two have one name.
        UsageError: Ollama could not have a model of that name.
    """
    (out / "blobs").mkdir()
    for model in models:
        name = parse_name(model.name)
        place = out / "manifests" / name.host / name.repository / name.tag
        if place.exists():
            remedy = f'integration.ollama.name = "{model.path.name[33:]}";'
            raise ModelError("two models have one name in the Ollama store", model.name, remedy)
        files = _files(model.path)
        manifest = files.get(MANIFEST)
        text = _upstream(out, model, files) if manifest else _composed(out, model, files, name)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(text)


def _files(model: Path) -> dict[str, str]:
    """Give the sha256 (hex) of each file of a model, as its metadata has it."""
    meta = json.loads((model / META_FILE).read_text("utf-8"))
    return {file["path"]: from_sri(file["sha256"])[1] for file in meta["files"]}


def _upstream(out: Path, model: Wanted, files: Mapping[str, str]) -> bytes:
    """Put the layers of a model from a registry; its manifest stays byte for byte."""
    content = (model.path / MANIFEST).read_bytes()
    data = json.loads(content)
    paths = {sha256: path for path, sha256 in files.items()}
    for layer in [data["config"], *data["layers"]]:
        digest = layer["digest"].removeprefix("sha256:")
        if digest not in paths:
            what = f"{model.name} lacks a layer of its manifest"
            raise ModelError(what, f"{layer['mediaType']} {layer['digest']}", 'files = [ "*" ];')
        _put_file(out, model.path / paths[digest], digest)
    return content


def _composed(out: Path, model: Wanted, files: Mapping[str, str], name: ModelName) -> bytes:
    path = _pick(model, files)
    facts = gguf.read(model.path / path)
    layers = [_put_file(out, model.path / path, files[path]) | _type("model")]
    layers += [
        _put(out, text.encode()) | _type(kind) for kind, text in sorted(model.texts.items()) if text
    ]
    if model.parameters:
        layers.append(_put(out, _json(model.parameters)) | _type("params"))
    config = {
        "model_format": "gguf",
        "model_family": facts.architecture,
        "model_families": [facts.architecture] if facts.architecture else [],
        "model_type": name.tag,
        "file_type": facts.file_type,
        "architecture": "amd64",
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"] for layer in layers]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": _put(out, _json(config)) | {"mediaType": CONFIG_TYPE},
        "layers": layers,
    }
    return _json(manifest)


def _pick(model: Wanted, files: Mapping[str, str]) -> str:
    found = sorted(path for path in files if path.lower().endswith(_GGUF))
    if model.file in found:
        return str(model.file)
    if model.file is not None or len(found) != 1:
        what = (
            f"{model.name} has no file of that name"
            if model.file is not None
            else f"{model.name} has {'several GGUF files' if found else 'no GGUF file to run'}"
        )
        got = ", ".join(found) or f"only {', '.join(sorted(files))}"
        raise ModelError(what, got, f'integration.ollama.file = "{(found or ["MODEL.gguf"])[0]}";')
    return found[0]


def _type(kind: str) -> dict[str, str]:
    return {"mediaType": f"{LAYER_TYPE}{kind}"}


def _json(data: Any) -> bytes:
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _put(out: Path, content: bytes) -> dict[str, Any]:
    digest = hashlib.sha256(content).hexdigest()
    (out / "blobs" / f"sha256-{digest}").write_bytes(content)
    return {"digest": f"sha256:{digest}", "size": len(content)}


def _put_file(out: Path, file: Path, digest: str) -> dict[str, Any]:
    """Put a file by its known hash: a link to it when it is large, else a copy."""
    blob, real = out / "blobs" / f"sha256-{digest}", file.resolve(strict=True)
    size = real.stat().st_size
    if not blob.is_symlink() and not blob.exists():
        if size >= LARGE_BYTES:
            blob.symlink_to(real)
        else:
            shutil.copyfile(real, blob)
    return {"digest": f"sha256:{digest}", "size": size}
