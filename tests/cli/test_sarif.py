"""`scan --sarif`: what code scanning reads."""

import json
from pathlib import Path

from tests.cli.conftest import Command

EVIL = b"cos\nsystem\n(S'true'\ntR."


def test_findings_are_results_with_rule_level_and_place(command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "a b.bin").write_bytes(EVIL)
    (folder / "config.json").write_text("{}")
    result = command("scan", folder, "--sarif")
    assert result.status == 3
    log = json.loads(result.out)
    assert log["version"] == "2.1.0"
    [run] = log["runs"]
    found = [r for r in run["results"] if r["ruleId"].startswith("pickle-scan/")]
    assert found[0]["level"] == "error"
    assert "os.system" in found[0]["message"]["text"]
    place = found[0]["locations"][0]["physicalLocation"]["artifactLocation"]
    assert place == {"uri": "a%20b.bin", "uriBaseId": "MODEL"}
    assert run["originalUriBaseIds"]["MODEL"]["uri"] == f"{folder.as_uri()}/"
    rules = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    assert {r["ruleId"] for r in run["results"]} <= rules
    assert run["invocations"][0]["executionSuccessful"] is True


def test_one_shape_at_a_time(command: Command, tmp_path: Path) -> None:
    result = command("scan", tmp_path, "--sarif", "--json")
    assert result.status == 2
    assert "not allowed with" in result.err
