"""The user's own validators, scanners and scripts, in a real build."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.e2e.conftest import Pin
from tests.hub import Hub, Repo
from tests.nix import Nix

FILES = {"config.json": b'{"model_type": "bert"}', "deep/notes.txt": b"hello\n"}
SIZE = sum(map(len, FILES.values()))
REPO = Repo("org/tiny", files=FILES)
CLAMSCAN = "/usr/bin/clamscan"  # as builds see it
FOLLOW = "--follow-dir-symlinks=2 --follow-file-symlinks=2"
META = ".nix-ai-model-meta.json"


class Built:
    """A model that was built with some attributes: its log and its report."""

    def __init__(self, nix: Nix, model: str, hub: Hub, **environ: str) -> None:
        self.path = nix.real(nix.build(model, HF_ENDPOINT=hub.endpoint, **environ))
        self.report: dict[str, Any] = json.loads((self.path / META).read_text())
        path = nix.eval(f"({model}).outPath")
        self.log = nix.run("nix-store", "--read-log", path).stdout

    def check(self, name: str) -> dict[str, Any]:
        [found] = [check for check in self.report["validators"] if check["name"] == name]
        return found


def hook(name: str, command: str, word: str = "command", more: str = "") -> str:
    return f"{{ name = \"{name}\"; {word} = ''{command}''; {more} }}"


def validators(*hooks: str) -> str:
    return f"validation.validators = [ {' '.join(hooks)} ];"


def scripts(*hooks: str) -> str:
    return f"postDownload.scripts = [ {' '.join(hooks)} ];"


@pytest.fixture
def model(pin: Pin) -> str:
    return pin(REPO, "tiny")


def test_validators_run_in_order_and_their_output_is_kept(nix: Nix, hub: Hub, model: str) -> None:
    see = 'echo "$MODEL_NAME $MODEL_SIZE"; cat "$src/deep/notes.txt"; test -e "$out/config.json"'
    asked = validators(hook("first", see), hook("second", "echo two >&2"))
    built = Built(nix, f"({model}).override {{ {asked} }}", hub)
    names = [check["name"] for check in built.report["validators"]]
    assert names[-2:] == ["first", "second"]
    assert built.check("first")["output"] == f"tiny {SIZE}\nhello\n"
    assert built.check("second") == {
        "name": "second",
        "version": "",
        "outcome": "passed",
        "output": "two\n",
    }
    lines = built.log.splitlines()
    said = ["running first", f"tiny {SIZE}", "hello", "running second", "two"]
    assert [line for line in lines if line in said] == said


@pytest.mark.parametrize(
    ("action", "outcome"), [("warn", "warned"), ("skip", "skipped"), ("ignore", "passed")]
)
def test_a_failure_that_is_tolerated_is_recorded(
    nix: Nix, hub: Hub, model: str, action: str, outcome: str
) -> None:
    failing = hook("strict", "echo nope; exit 7", more=f'onFailure = "{action}";')
    asked = validators(failing, hook("after", "echo still here"))
    built = Built(nix, f"({model}).override {{ {asked} }}", hub)
    check = built.check("strict")
    assert (check["outcome"], check["output"]) == (outcome, "nope\n")
    assert "7" in check["detail"]
    assert built.check("after")["outcome"] == "passed"


@pytest.mark.parametrize("more", ["", 'onFailure = "abort";'])
def test_a_failure_refuses_the_model(nix: Nix, hub: Hub, model: str, more: str) -> None:
    failing = hook("strict", "echo the reason; exit 7", more=more)
    asked = validators(failing, hook("after", "echo never"))
    log = nix.build_fails(f"({model}).override {{ {asked} }}", HF_ENDPOINT=hub.endpoint)
    assert "the reason" in log
    assert "model tiny is refused" in log
    assert "strict" in log.partition("model tiny is refused")[2]
    assert "running after" not in log
    assert not [name for name in nix.outputs() if name.endswith("-tiny")]


def test_a_validator_that_hangs_is_ended(nix: Nix, hub: Hub, model: str) -> None:
    # The child holds the output open: all that the command started has to go.
    hanging = hook("hanging", "sleep 1000 & sleep 1000", more="timeout = 1;")
    log = nix.build_fails(
        f"({model}).override {{ {validators(hanging)} }}", HF_ENDPOINT=hub.endpoint
    )
    assert "did not end within 1 seconds" in log


def test_a_custom_scanner_is_a_validator_too(nix: Nix, hub: Hub, model: str) -> None:
    scanner = hook("clam", 'grep -r hello "$out"/deep && exit 1')
    asked = f"security.customScanners = [ {scanner} ];"
    log = nix.build_fails(f"({model}).override {{ {asked} }}", HF_ENDPOINT=hub.endpoint)
    assert "clam" in log.partition("model tiny is refused")[2]


@pytest.fixture
def clamscan(tmp_path: Path) -> str:
    """Give a clamscan whose one signature is the text of a file of the model."""
    if not Path(CLAMSCAN).exists():
        pytest.skip(f"ClamAV is not installed: there is no {CLAMSCAN}")
    signature = tmp_path / "ours.ndb"
    signature.write_text(f"Ours:0:*:{FILES['deep/notes.txt'].strip().hex()}\n")
    return f"{CLAMSCAN} -d ${{{signature}}} -r"


def test_clamav_as_in_its_manual_looks_at_a_tree(nix: Nix, hub: Hub, clamscan: str) -> None:
    asked = f"security.customScanners = [ {hook('clamav', f'{clamscan} $out')} ];"
    hub.put(REPO)
    source = 'source.huggingface.repo = "org/tiny"; name = "tiny"; hash = lib.fakeHash;'
    wrong = nix.build_fails(f"lib.fetchModel {{ {source} }}", HF_ENDPOINT=hub.endpoint)
    source = source.replace("lib.fakeHash", f'"{wrong.partition("got:")[2].split()[0]}"')
    log = nix.build_fails(f"lib.fetchModel {{ {source} {asked} }}", HF_ENDPOINT=hub.endpoint)
    assert "notes.txt: Ours.UNOFFICIAL FOUND" in log
    assert "clamav" in log.partition("model tiny is refused")[2]


def test_clamav_that_passes_over_links_has_not_passed(
    nix: Nix, hub: Hub, model: str, clamscan: str
) -> None:
    def refused(options: str) -> str:
        scanner = hook("clamav", f"{clamscan} {options} $out")
        asked = f"({model}).override {{ security.customScanners = [ {scanner} ]; }}"
        return nix.build_fails(asked, HF_ENDPOINT=hub.endpoint)

    log = refused("")
    assert "passed over 2 links" in log
    assert FOLLOW in log.partition("try:")[2]
    assert "Ours.UNOFFICIAL FOUND" in refused(FOLLOW)


def test_a_hook_sees_no_credentials_and_no_network(nix: Nix, hub: Hub, model: str) -> None:
    port = urlsplit(hub.endpoint).port
    connect = f"import socket; socket.create_connection(('127.0.0.1', {port}), 5)"
    asked = validators(
        hook("environment", "env"),
        hook("network", f'python3 -c "{connect}"', more='onFailure = "warn";'),
    )
    hub.tokens["hf_shown_nowhere"] = "read"
    secrets = {"HF_TOKEN": "hf_shown_nowhere", "AWS_SECRET_ACCESS_KEY": "aws_shown_nowhere"}
    built = Built(nix, f"({model}).override {{ {asked} }}", hub, **secrets)
    seen = built.check("environment")["output"]
    assert "MODEL_NAME=tiny" in seen
    assert "shown_nowhere" not in seen + built.log
    assert "TOKEN" not in seen
    network = built.check("network")
    assert network["outcome"] == "warned"
    assert "Connection refused" in network["output"]


def test_scripts_change_the_output_before_the_report(nix: Nix, hub: Hub, model: str) -> None:
    write = 'cat "$src/deep/notes.txt" > "$out/copy.txt"; echo "made $MODEL_NAME"'
    fail = hook("optional", "exit 1", "script", 'onFailure = "warn";')
    asked = scripts(hook("make", write, "script"), fail)
    built = Built(nix, f"({model}).override {{ {asked} }}", hub)
    assert (built.path / "copy.txt").read_bytes() == b"hello\n"
    results = built.report["postDownloadResults"]
    assert [(r["name"], r["outcome"], r.get("output", "")) for r in results] == [
        ("make", "passed", "made tiny\n"),
        ("optional", "warned", ""),
    ]


def test_a_script_that_fails_leaves_nothing(nix: Nix, hub: Hub, model: str) -> None:
    asked = scripts(hook("broken", "echo half > $out/half; exit 3", "script"))
    log = nix.build_fails(f"({model}).override {{ {asked} }}", HF_ENDPOINT=hub.endpoint)
    assert "broken" in log.partition("model tiny is refused")[2]
    assert not [name for name in nix.outputs() if name.endswith("-tiny")]


def test_what_a_script_failed_on_is_kept(nix: Nix, hub: Hub, model: str, tmp_path: Path) -> None:
    broken = hook(
        "broken", "echo why; echo half > $out/half; exit 3", "script", 'onFailure = "persist";'
    )
    asked = f'{scripts(broken)} onDownloadFailure.persistPath = "{tmp_path}/kept";'
    expression = f"({model}).override {{ {asked} }}"
    log = nix.build_fails(expression, HF_ENDPOINT=hub.endpoint)
    assert "the files that broken failed on are lost with this build: it cannot write to" in log
    assert f"try: extra-sandbox-paths = {tmp_path}/kept" in log
    (tmp_path / "kept").mkdir()
    shown = ("--option", "extra-sandbox-paths", f"{tmp_path}/kept")
    log = nix.build_fails(expression, *shown, HF_ENDPOINT=hub.endpoint)
    [place] = (tmp_path / "kept").iterdir()
    assert f"kept in {place}" in log
    assert place.name.startswith("tiny-")
    assert (place / "output.txt").read_text() == "why\n"
    assert (place / "out/half").read_text() == "half\n"
    assert (place / "src/config.json").is_symlink()
    assert not [name for name in nix.outputs() if name.endswith("-tiny")]


def test_without_a_policy_the_report_says_so(nix: Nix, hub: Hub, pin: Pin) -> None:
    evil = b"cposix\nsystem\n(S'false'\ntR."
    model = pin(Repo("org/evil", files={**FILES, "pytorch_model.bin": evil}), "evil")
    asked = f'security.policy = "off"; {validators(hook("mine", "echo mine"))}'
    built = Built(nix, f"({model}).override {{ {asked} }}", hub)
    assert built.report["policy"] == "off"
    *ours, mine = built.report["validators"]
    assert {check["outcome"] for check in ours} == {"skipped"}
    assert {check["detail"] for check in ours} == {'security.policy = "off"'}
    assert mine == {"name": "mine", "version": "", "outcome": "passed", "output": "mine\n"}
    assert 'skipped  pickle-scan: security.policy = "off"' in built.log
