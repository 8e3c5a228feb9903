"""`bom`: the document is what the schema of CycloneDX says, and the same each time."""

import json
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from common.digest import file_sha256
from common.findings import CheckResult, Report
from layouts import huggingface, metadata
from layouts.place import describe
from tests.cli.conftest import Command

CARD = "---\nlicense: apache-2.0\npipeline_tag: text-generation\n---\n# Hello\n"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A built model's directory."""
    raw = tmp_path / "raw"
    raw.mkdir()
    for name, content in {"README.md": CARD, "config.json": "{}", "ä b.txt": "x"}.items():
        (raw / name).write_text(content)
    items = tuple(describe(path.name, path) for path in sorted(raw.iterdir()))
    out = tmp_path / "out"
    huggingface.write(out, items, huggingface.Entry("org/name", "model", "a" * 40))
    identity = {"name": "m", "source": "huggingface:org/name@main", "revision": "a" * 40}
    identity |= {"fetchedAt": None, "hash": None}
    report = Report((CheckResult("pickle-scan", "1", "passed"),))
    metadata.write(out, metadata.describe(identity, items, report, ()))
    return out


def test_the_document_validates_and_says_what_is_known(command: Command, model: Path) -> None:
    printed = command.ok("bom", model).out
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(printed) is None
    [component] = json.loads(printed)["components"]
    assert component["type"] == "machine-learning-model"
    assert component["purl"] == f"pkg:huggingface/org/name@{'a' * 40}"
    assert component["licenses"] == [{"license": {"name": "apache-2.0"}}]
    assert component["modelCard"]["modelParameters"]["task"] == "text-generation"
    hashes = {file["name"]: file["hashes"][0]["content"] for file in component["components"]}
    assert hashes["config.json"] == file_sha256(model / "config.json")
    assert {"name": "nix-ai-models:check:pickle-scan", "value": "passed (1)"} in component[
        "properties"
    ]
    assert command.ok("bom", model).out == printed


def test_nothing_to_describe(command: Command) -> None:
    result = command("bom")
    assert result.status == 2
    assert "there is no model to describe" in result.err
