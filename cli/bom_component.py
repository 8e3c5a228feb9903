"""A model as a component of a CycloneDX document.

Source: https://cyclonedx.org/docs/1.6/json/#components
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cli.described import HUB_URL, Described
from cli.spdx import SPDX
from common.model_card import CARD, front_matter, licences
from common.reference import show_reference

MAX_CONFIG_BYTES = 1 << 20
_PREFIX = "nix-ai-models"


def component(model: Described, ref: str) -> dict[str, Any]:
    """Describe a model, its files within it.

    Args:
        model: what is known of it.
        ref: its name within the document.
    """
    org, _, name = model.repo.rpartition("/")
    stated = front_matter(model.places[CARD]) if CARD in model.places else {}
    facts = {
        "type": "machine-learning-model" if _is_model(model) else "data",
        "bom-ref": ref,
        "supplier": {"name": org, "url": [f"{HUB_URL}/{org}"]} if org else None,
        "group": org,
        "name": name or model.name,
        "version": model.revision,
        "licenses": _licences(model, stated),
        "purl": _purl(model),
        "externalReferences": _references(model),
        "pedigree": _pedigree(stated),
        "components": [_file(ref, path, model) for path in sorted(model.hashes)],
        "evidence": _evidence(model),
        "modelCard": {"modelParameters": _parameters(model, stated)} if _is_model(model) else None,
        "properties": _properties(model),
    }
    return {key: value for key, value in facts.items() if value}


def _is_model(model: Described) -> bool:
    return model.is_hub_model or not model.repo


def _purl(model: Described) -> str:
    """Give the package URL, for models of the hub.

    Source: https://github.com/package-url/purl-spec/blob/main/types-doc/huggingface-definition.md
    """
    version = f"@{model.revision.lower()}" if model.revision else ""
    return f"pkg:huggingface/{model.repo}{version}" if model.is_hub_model else ""


def _file(ref: str, path: str, model: Described) -> dict[str, Any]:
    sha256, size = model.hashes[path]
    found = [
        item
        for item in (model.meta or {}).get("findings", ())
        if item["file"].partition("!")[0] == path
    ]
    told = [
        ("finding", f"{item['severity']} {item['check']}: {item['message']}")
        for item in found
        if item["severity"] != "info"
    ]
    return {
        "type": "file",
        "bom-ref": f"{ref}#{path}",
        "name": path,
        "hashes": [{"alg": "SHA-256", "content": sha256}],
        "properties": _named([("size", str(size)), *told]),
    }


def _licences(model: Described, stated: Mapping[str, Any]) -> list[dict[str, Any]]:
    names = licences(model.places) or tuple((model.meta or {}).get("licenses", ()))
    link = stated.get("license_link")
    url = {"url": link} if isinstance(link, str) and link.startswith("https://") else {}
    return [
        {
            "license": ({"id": SPDX[name]} if name in SPDX else {"name": name} | url)
            | {"acknowledgement": "declared"}
        }
        for name in names
    ]


def _references(model: Described) -> list[dict[str, str]]:
    source, at = model.source, model.revision or "main"
    if model.url:
        found = {"website": model.url, "distribution": f"{model.url}/tree/{quote(at)}"}
        if CARD in model.hashes and model.is_hub_model:
            found["model-card"] = f"{model.url}/blob/{quote(at)}/{CARD}"
    elif source is not None and source.type == "git-lfs":
        found = {"vcs": str(source.attrs["url"])}
    elif source is not None and source.type == "url":
        return [{"type": "distribution", "url": str(each["url"])} for each in source.attrs["urls"]]
    else:
        return []
    return [{"type": kind, "url": url} for kind, url in found.items()]


def _pedigree(stated: Mapping[str, Any]) -> dict[str, Any] | None:
    """Give the models that this one was made from, as its card says."""
    ancestors = [
        {"type": "machine-learning-model", "name": name}
        | ({"purl": f"pkg:huggingface/{quote(name)}"} if name.count("/") == 1 else {})
        for name in _texts(stated.get("base_model"))
    ]
    return {"ancestors": ancestors} if ancestors else None


def _evidence(model: Described) -> dict[str, Any] | None:
    if model.meta is None:
        return None
    value = "the sha256 of every file, as it was when Nix built the model"
    method = {"technique": "hash-comparison", "confidence": 1, "value": value}
    return {"identity": [{"field": "hash", "confidence": 1, "methods": [method]}]}


def _parameters(model: Described, stated: Mapping[str, Any]) -> dict[str, Any]:
    config = _config(model.places.get("config.json"))
    architectures = _texts(config.get("architectures"))
    parameters = {
        "task": "".join(_texts(stated.get("pipeline_tag"))[:1]),
        "architectureFamily": "".join(_texts(config.get("model_type"))[:1]),
        "modelArchitecture": ", ".join(architectures),
        "datasets": [{"type": "dataset", "name": name} for name in _texts(stated.get("datasets"))],
    }
    return {key: value for key, value in parameters.items() if value}


def _config(place: Path | None) -> Mapping[str, Any]:
    if place is None or place.stat().st_size > MAX_CONFIG_BYTES:
        return {}
    try:
        config = json.loads(place.read_text("utf-8"))
    except (ValueError, RecursionError):
        return {}
    return config if isinstance(config, dict) else {}


def _texts(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return list(dict.fromkeys(item.strip() for item in values if isinstance(item, str) and item))


def _properties(model: Described) -> list[dict[str, str]]:
    meta = model.meta or {}
    checks = [
        (
            f"check:{check['name']}",
            f"{check['outcome']} ({check.get('detail') or check['version']})",
        )
        for check in meta.get("validators", ())
    ]
    findings = [item for item in meta.get("findings", ()) if item["severity"] != "info"]
    facts = [
        ("name", model.name),
        ("source", show_reference(model.source) if model.source else None),
        ("lockedAt", model.known_at),
        ("checked", _checked(model)),
        ("policy", meta.get("policy")),
        *checks,
        ("warnings", str(len(findings)) if meta else None),
        *(("ignoredFile", path) for path in meta.get("ignoredFiles", ())),
    ]
    return _named(facts)


def _checked(model: Described) -> str:
    if model.meta is None:
        return "no: Nix has not built it here"
    ran = any(check["outcome"] != "skipped" for check in model.meta.get("validators", ()))
    return "yes" if ran else "no: by its policy"


def _named(facts: Iterable[tuple[str, str | None]]) -> list[dict[str, str]]:
    return [{"name": f"{_PREFIX}:{name}", "value": value} for name, value in facts if value]
