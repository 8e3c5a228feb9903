"""`scan --sarif`: what code scanning reads."""

import json
import os
from pathlib import Path
from urllib.parse import unquote_to_bytes

from cli import sarif
from common.findings import CheckResult, Finding, Report
from tests.cli.conftest import Command
from validators import registry

EVIL = b"cos\nsystem\n(S'true'\ntR."
LINKED = b"c[click](https://evil.example)\nx\n."


def scanned(command: Command, *words: str | Path) -> dict:
    result = command("scan", *words, "--sarif")
    assert result.status in (0, 3)
    log = json.loads(result.out)
    assert log["version"] == "2.1.0"
    return log


def test_findings_are_results_with_rule_level_and_place(command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "a b.bin").write_bytes(EVIL)
    (folder / "config.json").write_text("{}")
    [run] = scanned(command, folder)["runs"]
    found = [r for r in run["results"] if r["ruleId"].startswith("pickle-scan/")]
    assert found[0]["level"] == "error"
    assert "os.system" in found[0]["message"]["text"]
    place = found[0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "a%20b.bin", "uriBaseId": "MODEL"}
    assert place["region"] == {"startLine": 1}
    assert run["originalUriBaseIds"]["MODEL"]["uri"] == f"{folder.as_uri()}/"
    assert run["automationDetails"]["id"] == f"nix-ai-model{folder}/"
    rules = run["tool"]["driver"]["rules"]
    for result in run["results"]:
        rule = rules[result["ruleIndex"]]
        assert rule["id"] == result["ruleId"]
        assert rule["help"]["text"]
        assert rule["shortDescription"]["text"]
        assert 0 < float(rule["properties"]["security-severity"]) <= 10
    assert [rule["id"] for rule in rules] == sorted(rule["id"] for rule in rules)
    assert run["invocations"][0]["executionSuccessful"] is True
    versions = {each["name"]: each["version"] for each in run["tool"]["extensions"]}
    assert versions["pickle-scan"]


def test_the_same_finding_is_known_again(command: Command, tmp_path: Path) -> None:
    def prints(content: bytes) -> set[str]:
        (tmp_path / "m.bin").write_bytes(content)
        [run] = scanned(command, tmp_path / "m.bin")["runs"]
        every = [
            (r["ruleId"], r["partialFingerprints"]["primaryLocationLineHash"])
            for r in run["results"]
        ]
        assert len({mark for _, mark in every}) == len(every)
        # What `file-types` shows of a pickle is its first bytes, which are others then.
        return {mark for rule, mark in every if not rule.startswith("file-types/")}

    first = prints(EVIL)
    assert prints(b"N0" + EVIL) == first, "wherever in the file it is"
    assert prints(b"csubprocess\nrun\n.") != first


def test_names_and_texts_of_the_model_are_only_that(command: Command, tmp_path: Path) -> None:
    name = os.fsdecode(b"latin\xe9\n.bin")
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / name).write_bytes(LINKED)
    [run] = scanned(command, tmp_path / "m")["runs"]
    for result in run["results"]:
        [location] = result["locations"]
        uri = location["physicalLocation"]["artifactLocation"]["uri"]
        assert unquote_to_bytes(uri) == b"latin\xe9\n.bin"
        assert "](" not in result["message"]["text"]
        assert "\n" not in result["message"]["text"]
    assert any("[click] (https" in result["message"]["text"] for result in run["results"])


def test_the_worst_findings_are_kept_of_too_many() -> None:
    notes = [Finding(f"{n}.txt", "x", "info", "a note") for n in range(sarif.MOST_RESULTS)]
    worst = Finding("z.bin", "pickle-scan", "error", "bad", rule="dangerous-global")
    report = Report((CheckResult("x", "1", "failed", (*notes, worst)),))
    [run] = sarif.document([(Path("m"), report)])["runs"]
    assert len(run["results"]) == sarif.MOST_RESULTS
    assert run["results"][0]["ruleId"] == "pickle-scan/dangerous-global"
    [told] = run["invocations"][0]["toolExecutionNotifications"]
    assert told["message"]["text"].startswith("1 findings are left out here")


def test_a_check_that_failed_is_no_success() -> None:
    report = Report((CheckResult("modelscan", "1", "failed", detail="crashed"),))
    [run] = sarif.document([(Path("m"), report)])["runs"]
    assert run["invocations"][0]["executionSuccessful"] is False
    [told] = run["invocations"][0]["toolExecutionNotifications"]
    assert told == {"level": "error", "message": {"text": "modelscan: crashed"}}


def test_more_paths_than_services_read_are_told(command: Command, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    result = command("scan", *[tmp_path / "a.txt"] * 21, "--sarif", "--policy", "off")
    assert "services read 20 paths of one file at most, got 21" in result.err


def test_every_check_is_explained() -> None:
    for name, text in registry.descriptions().items():
        assert len(text) > 20, name
        assert text[0].isupper(), name
        assert "Check `" not in text


def test_one_shape_at_a_time(command: Command, tmp_path: Path) -> None:
    result = command("scan", tmp_path, "--sarif", "--json")
    assert result.status == 2
    assert "not allowed with" in result.err
