"""`bom`: the document is what the schema of CycloneDX says, useful, and the same each time."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from cli.spdx import SPDX
from common.digest import file_sha256
from common.findings import CheckResult, Finding, Report
from layouts import cache, huggingface, metadata
from layouts.place import describe
from tests.cli.conftest import Command
from tests.hub import Hub, Repo

A, B = "a" * 40, "b" * 40
CARD = """---
license: apache-2.0
pipeline_tag: text-generation
base_model: org/base
datasets: [c4, org/data]
---
# Hello
"""
CONFIG = '{"model_type": "bert", "architectures": ["BertModel"]}'
FILES = {"README.md": CARD, "config.json": CONFIG, "ä b.txt": "x"}


def make(root: Path, repo: str = "org/name", revision: str = A, name: str = "m") -> Path:
    """Make a built model's directory."""
    raw = root / f"raw-{name}"
    raw.mkdir(parents=True)
    for path, content in FILES.items():
        (raw / path).write_text(content)
    items = tuple(describe(path.name, path) for path in sorted(raw.iterdir()))
    out = root / f"out-{name}"
    refs = ("main",) if revision == A else (name,)
    huggingface.write(out, items, huggingface.Entry(repo, "model", revision, refs))
    identity = {"name": name, "source": f"huggingface:{repo}@main", "revision": revision}
    identity |= {"fetchedAt": "2026-11-20T12:00:00Z", "hash": None}
    odd = Finding("config.json", "odd", "warning", "a strange key")
    checks = (CheckResult("pickle-scan", "7", "passed"), CheckResult("odd", "1", "warned", (odd,)))
    report = Report(checks, ignored=("training_args.bin",))
    metadata.write(out, metadata.describe(identity, items, report, ()))
    return out


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return make(tmp_path)


def document(command: Command, *targets: str | Path) -> Any:
    """Print a document, see that it is valid and comes again, and give it."""
    printed = command.ok("bom", *targets).out
    problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(printed)
    assert problem is None, problem
    assert command.ok("bom", *targets).out == printed
    return json.loads(printed)


def facts(component: Any) -> dict[str, str]:
    prefix = "nix-ai-models:"
    return {each["name"].removeprefix(prefix): each["value"] for each in component["properties"]}


def test_a_built_model_says_what_it_is_and_what_checked_it(command: Command, model: Path) -> None:
    data = document(command, model)
    assert data["metadata"]["timestamp"] == "2026-11-20T12:00:00Z"
    assert data["compositions"] == [{"aggregate": "complete", "assemblies": ["m"]}]
    [component] = data["components"]
    assert component["type"] == "machine-learning-model"
    assert (component["group"], component["name"], component["version"]) == ("org", "name", A)
    assert component["purl"] == f"pkg:huggingface/org/name@{A}"
    assert component["licenses"] == [
        {"license": {"id": "Apache-2.0", "acknowledgement": "declared"}}
    ]
    references = {each["type"]: each["url"] for each in component["externalReferences"]}
    assert references["model-card"] == f"https://huggingface.co/org/name/blob/{A}/README.md"
    assert component["pedigree"]["ancestors"][0]["purl"] == "pkg:huggingface/org/base"
    assert component["modelCard"]["modelParameters"] == {
        "task": "text-generation",
        "architectureFamily": "bert",
        "modelArchitecture": "BertModel",
        "datasets": [{"type": "dataset", "name": name} for name in ("c4", "org/data")],
    }
    files = {file["name"]: file for file in component["components"]}
    assert {name: file["hashes"][0]["content"] for name, file in files.items()} == {
        name: file_sha256(model / name) for name in FILES
    }
    known = facts(component)
    assert (known["check:pickle-scan"], known["check:odd"]) == ("passed (7)", "warned (1)")
    assert (known["checked"], known["warnings"]) == ("yes", "1")
    assert (known["policy"], known["ignoredFile"]) == ("safe-only", "training_args.bin")
    assert facts(files["config.json"])["finding"] == "warning odd: a strange key"
    [identity] = component["evidence"]["identity"]
    assert identity["methods"][0]["technique"] == "hash-comparison"


def test_locked_models_as_a_set(command: Command, hub: Hub) -> None:
    for name, licence in (("one", "mit"), ("two", "llama2")):
        card = f"---\nlicense: {licence}\n---\n".encode()
        files = {"README.md": card, "config.json": CONFIG.encode()}
        hub.put(Repo(f"org/{name}", files=files))
        command.ok("lock", "add", name, f"huggingface:org/{name}")
    data = document(command)
    locked = json.loads(command.lock.read_text())["models"]
    one, two = data["components"]
    assert one["purl"] == f"pkg:huggingface/org/one@{locked['one']['revision']}"
    assert data["metadata"]["timestamp"] == max(m["lockedAt"] for m in locked.values())
    assert facts(two)["checked"] == "no: Nix has not built it here"
    assert [file["name"] for file in two["components"]] == ["README.md", "config.json"]
    assert [each["bom-ref"] for each in document(command, "two", "two")["components"]] == ["two"]


def merged(root: Path, *models: Path) -> Path:
    out = root / "merged"
    out.mkdir()
    entries = [next((each / "hub").iterdir()) for each in models]
    cache.merge(out, entries)
    return out


def test_a_merged_cache_holds_what_checked_its_models(command: Command, tmp_path: Path) -> None:
    models = (
        make(tmp_path, name="one"),
        make(tmp_path, repo="org/other", name="two"),
        make(tmp_path, revision=B, name="three"),
    )
    components = document(command, merged(tmp_path, *models))["components"]
    found = {each["bom-ref"]: each["purl"] for each in components}
    assert found == {
        "one": f"pkg:huggingface/org/name@{A}",
        "two": f"pkg:huggingface/org/other@{A}",
        "three": f"pkg:huggingface/org/name@{B}",
    }
    assert all(facts(each)["check:pickle-scan"] == "passed (7)" for each in components)


def test_a_cache_of_somebody_else_is_hashed(command: Command, model: Path) -> None:
    (model / metadata.FILE).unlink()
    [component] = document(command, model)["components"]
    assert component["purl"] == f"pkg:huggingface/org/name@{A}"
    assert facts(component)["checked"] == "no: Nix has not built it here"
    assert "evidence" not in component
    [config] = [file for file in component["components"] if file["name"] == "config.json"]
    assert config["hashes"][0]["content"] == hashlib.sha256(CONFIG.encode()).hexdigest()


def test_a_manifest_is_the_models_it_leads_to(command: Command, tmp_path: Path) -> None:
    models = [make(tmp_path, name=name) for name in ("one", "two")]
    entry = next((models[0] / "hub").iterdir())
    links = [("/a", entry), ("/b", models[0]), ("/c", models[1])]
    manifest = tmp_path / "manifest.json"
    listed = [{"path": at, "target": str(to), "model": "x"} for at, to in links]
    manifest.write_text(json.dumps({"version": 1, "state": "/s", "links": listed}))
    found = document(command, manifest)["components"]
    assert [each["bom-ref"] for each in found] == ["one", "two"]


def test_one_file(command: Command, tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_bytes(b"GGUF")
    [component] = document(command, tmp_path / "m.gguf")["components"]
    assert component["name"] == "m.gguf"
    assert component["components"][0]["hashes"][0]["content"] == file_sha256(tmp_path / "m.gguf")


def test_names_of_licences_are_those_of_spdx(command: Command, model: Path) -> None:
    raw = model / "README.md"
    stated = "\n".join(f"- {name}" for name in (*sorted(SPDX), "llama2"))
    content = f"---\nlicense:\n{stated}\nlicense_link: https://example.com/licence\n---\n"
    raw.resolve().chmod(0o644)
    raw.resolve().write_text(content)
    found = document(command, model)["components"][0]["licenses"]
    assert found[-1]["license"]["name"] == "llama2"
    assert found[-1]["license"]["url"] == "https://example.com/licence"
    assert all("id" in each["license"] for each in found[:-1])


def test_nothing_to_describe(command: Command) -> None:
    result = command("bom")
    assert result.status == 2
    assert "there is no model to describe" in result.err
    assert command("bom", "nowhere").status != 0
