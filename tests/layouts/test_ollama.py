"""Ollama stores: every digest is right, and readers of that layout find the model."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gguf import GGUFWriter

from common.digest import to_sri
from common.errors import ModelError, UsageError
from common.files import dump_json
from layouts import ollama
from layouts.metadata import FILE as META_FILE
from layouts.ollama import Wanted


def gguf(path: Path, *, padding: int = 0) -> bytes:
    """Write a tiny GGUF file as the format's own library does."""
    writer = GGUFWriter(path, "llama")
    writer.add_array("tokenizer.ggml.tokens", ["a", "b"])
    writer.add_file_type(15)
    writer.add_context_length(8)
    writer.add_tensor("token_embd.weight", np.zeros((4, 8 + padding), dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path.read_bytes()


def model(root: Path, **files: bytes) -> Path:
    """Make an output of ours; ``__`` in a name stands for a dot."""
    root.mkdir()
    listed = []
    for key, content in files.items():
        name = key.replace("__", ".")
        (root / name).write_bytes(content)
        sha256 = to_sri(hashlib.sha256(content).hexdigest())
        listed.append({"path": name, "size": len(content), "sha256": sha256})
    (root / META_FILE).write_text(dump_json({"files": listed}))
    return root


def store(root: Path, *models: Wanted) -> Path:
    out = root / "store"
    out.mkdir()
    ollama.write(out, models)
    return out


def read(out: Path, place: str) -> dict[str, Any]:
    """Read a manifest and see that every blob it names is there and is what it says."""
    data: dict[str, Any] = json.loads((out / "manifests" / place).read_text())
    for layer in [data["config"], *data["layers"]]:
        blob = (out / "blobs" / layer["digest"].replace(":", "-")).read_bytes()
        assert f"sha256:{hashlib.sha256(blob).hexdigest()}" == layer["digest"]
        assert len(blob) == layer["size"]
    return data


def blob(out: Path, layer: dict[str, Any]) -> bytes:
    return (out / "blobs" / layer["digest"].replace(":", "-")).read_bytes()


def test_a_gguf_file_becomes_a_model(tmp_path: Path) -> None:
    content = gguf(tmp_path / "x.gguf")
    out = store(
        tmp_path,
        Wanted(
            model(tmp_path / "m", phi__gguf=content),
            "phi-2:q4",
            texts={"template": "{{ .Prompt }}", "system": "Be brief."},
            parameters={"temperature": 0, "stop": ["<|end|>"]},
        ),
    )
    data = read(out, "registry.ollama.ai/library/phi-2/q4")
    layers = {layer["mediaType"].rpartition(".")[2]: blob(out, layer) for layer in data["layers"]}
    assert layers == {
        "model": content,
        "template": b"{{ .Prompt }}",
        "system": b"Be brief.",
        "params": b'{"stop":["<|end|>"],"temperature":0}',
    }
    config = json.loads(blob(out, data["config"]))
    assert config["model_family"] == "llama"
    assert config["file_type"] == "Q4_K_M"
    assert config["rootfs"]["diff_ids"] == [layer["digest"] for layer in data["layers"]]


def test_large_weights_are_links_and_shared(tmp_path: Path) -> None:
    content = gguf(tmp_path / "x.gguf", padding=1 << 17)
    assert len(content) > 1 << 20
    path = model(tmp_path / "m", phi__gguf=content)
    out = store(tmp_path, Wanted(path, "a"), Wanted(path, "b", texts={"system": "B"}))
    one = read(out, "registry.ollama.ai/library/a/latest")["layers"][0]["digest"]
    two = read(out, "registry.ollama.ai/library/b/latest")["layers"][0]["digest"]
    assert one == two
    assert (out / "blobs" / one.replace(":", "-")).readlink() == path / "phi.gguf"


def test_a_model_of_a_registry_keeps_its_manifest(tmp_path: Path) -> None:
    weights, config = gguf(tmp_path / "x.gguf"), b'{"model_format":"gguf"}'
    upstream = {
        "schemaVersion": 2,
        "config": {"mediaType": "c", "digest": digest(config), "size": len(config)},
        "layers": [{"mediaType": "m", "digest": digest(weights), "size": len(weights)}],
    }
    text = json.dumps(upstream, indent=3).encode()
    files = {"manifest__json": text, "image-config__json": config, "model__gguf": weights}
    out = store(tmp_path, Wanted(model(tmp_path / "m", **files), "example.org:5000/ns/phi:2"))
    assert (out / "manifests/example.org:5000/ns/phi/2").read_bytes() == text
    read(out, "example.org:5000/ns/phi/2")


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    content = gguf(tmp_path / "x.gguf")
    two = model(tmp_path / "two", a__gguf=content, b__gguf=content + b"\0")
    none = model(tmp_path / "none", a__safetensors=b"x")
    cases: list[tuple[type[ModelError], str, tuple[Wanted, ...]]] = [
        (ModelError, "has several GGUF files, got a.gguf, b.gguf", (Wanted(two, "m"),)),
        (ModelError, "no file of that name, got a.gguf, b.gguf", (Wanted(two, "m", "c.gguf"),)),
        (ModelError, "has no GGUF file to run, got only a.safetensors", (Wanted(none, "m"),)),
        (UsageError, "no model of an Ollama registry", (Wanted(two, "a b", "a.gguf"),)),
        (ModelError, "one name", (Wanted(two, "m", "a.gguf"), Wanted(two, "m", "b.gguf"))),
    ]
    for number, (kind, text, wanted) in enumerate(cases):
        (tmp_path / str(number)).mkdir()
        with pytest.raises(kind, match=text):
            store(tmp_path / str(number), *wanted)


def test_a_manifest_without_a_layer_is_refused(tmp_path: Path) -> None:
    text = json.dumps({"config": {"mediaType": "c", "digest": digest(b"x")}, "layers": []})
    with pytest.raises(ModelError, match="lacks a layer of its manifest"):
        store(tmp_path, Wanted(model(tmp_path / "m", manifest__json=text.encode()), "m"))


@pytest.mark.parametrize("content", [b"", b"GGUF", b"GGUF" + b"\xff" * 20, b"nonsense" * 9])
def test_what_is_no_gguf_file_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ModelError, match="no GGUF file that an Ollama store could hold"):
        store(tmp_path, Wanted(model(tmp_path / "m", x__gguf=content), "m"))
