"""The failure matrix (docs/failures.md), row by row, through real builds."""

import base64
import hashlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.digest import to_sri
from tests.hub import Hub, Repo
from tests.nix import Nix
from tests.weights import safetensors

MIB = 1 << 20
WEIGHTS = safetensors(6 * MIB)
NAME = "model.safetensors"
FILES = {NAME: WEIGHTS, "config.json": b"{}"}
SRI = to_sri(hashlib.sha256(WEIGHTS).hexdigest())


def model(more: str = "", *, repo: str = "org/tiny", hash_: str = SRI, locked: bool = True) -> str:
    """Give the expression of one large file's derivation."""
    entry = f'{{ sha256 = "{hash_}"; size = {len(WEIGHTS)}; large = true; }}'
    pin = f'lock.files."{NAME}" = {entry};' if locked else f'fileHashes."{NAME}" = "{hash_}";'
    return f"""(lib.fetchModel {{
      name = "tiny"; source.huggingface = {{ repo = "{repo}"; revision = "main"; }}; {pin} {more}
    }}).files."{NAME}" """


def failure(text: str) -> str:
    return f"onDownloadFailure = {{ maxRetries = 0; retryDelay = 0.02; {text} }};"


def visible(folder: Path) -> tuple[str, ...]:
    folder.mkdir(exist_ok=True)
    return ("--option", "extra-sandbox-paths", str(folder))


def sent(hub: Hub) -> int:
    return sum(request.sent for request in hub.requests)


@pytest.fixture
def hub() -> Iterator[Hub]:
    gated = Repo("org/gated", files=FILES, gated="auto", tokens=("hf_first", "hf_second"))
    with Hub([Repo("org/tiny", files=FILES), gated]) as hub:
        yield hub
        assert hub.failures == []


def cut(hub: Hub, after: int = 4 * MIB, times: int | None = None):
    return hub.fault("cut", path=NAME, origin="cdn", after=after, times=times)


# --- network error: retry, fail, persist


def test_five_repetitions_by_default(nix: Nix, hub: Hub) -> None:
    hub.fault("status", path=NAME, status=503, times=None)
    log = nix.build_fails(model("onDownloadFailure.retryDelay = 0.02;"), HF_ENDPOINT=hub.endpoint)
    assert "gave up after 6 attempts, got HTTP 503" in log
    assert len(hub.requests) == 6


def test_retry_begins_all_repetitions_again(nix: Nix, hub: Hub) -> None:
    hub.fault("status", path=NAME, status=503, times=5)
    again = 'onDownloadFailure = { action = "retry"; maxRetries = 1; retryDelay = 0.02; };'
    path = nix.build(model(again), HF_ENDPOINT=hub.endpoint)
    assert nix.real(path).read_bytes() == WEIGHTS


def test_retry_ends_after_its_attempts(nix: Nix, hub: Hub) -> None:
    hub.fault("status", path=NAME, status=503, times=None)
    again = 'onDownloadFailure = { action = "retry"; maxRetries = 1; retryDelay = 0.02; };'
    log = nix.build_fails(
        model(f"{again} download.maxResumeAttempts = 2;"), HF_ENDPOINT=hub.endpoint
    )
    assert "gave up" in log
    assert len(hub.requests) == 6


def test_persist_keeps_what_came_for_the_next_build(nix: Nix, hub: Hub, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    persist = failure(f'action = "persist"; persistPath = "{kept}";')
    fault = cut(hub)
    nix.build_fails(model(persist), *visible(kept), HF_ENDPOINT=hub.endpoint)
    assert sorted(path.suffix for path in kept.iterdir()) == [".blocks", ".part"]
    fault.times = 0
    path = nix.build(model(persist), *visible(kept), HF_ENDPOINT=hub.endpoint)
    assert nix.real(path).read_bytes() == WEIGHTS
    assert sent(hub) < len(WEIGHTS) + MIB
    assert list(kept.iterdir()) == []


def test_persist_without_the_directory_in_the_sandbox_says_so(nix: Nix, hub: Hub) -> None:
    cut(hub)
    persist = failure('action = "persist"; persistPath = "/somewhere/else";')
    log = nix.build_fails(model(persist), HF_ENDPOINT=hub.endpoint)
    assert "partial files are lost with this build: it cannot write to /somewhere/else" in log
    assert "extra-sandbox-paths = /somewhere/else" in log


def test_clean_keeps_nothing(nix: Nix, hub: Hub, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    clean = failure(f'action = "clean"; persistPath = "{kept}";')
    cut(hub)
    nix.build_fails(model(clean), *visible(kept), HF_ENDPOINT=hub.endpoint)
    assert list(kept.iterdir()) == []


@pytest.mark.parametrize("enabled", ["true", "false"])
def test_a_killed_build_goes_on_at_its_checkpoint(
    nix: Nix, hub: Hub, tmp_path: Path, enabled: str
) -> None:
    if os.getuid():
        pytest.skip("a process namespace in which Nix can build needs root")
    kept = tmp_path / "kept"
    options = visible(kept)
    settings = (
        f"download = {{ enableCheckpoints = {enabled}; checkpointIntervalMB = 1; }};"
        f'onDownloadFailure.persistPath = "{kept}";'
    )
    hub.fault("stall", path=NAME, origin="cdn", after=4 * MIB, times=1)
    killed = nix.run(
        # In a process namespace, so that the builder dies with the rest.
        *("timeout", "--signal=KILL", "4", "unshare", "--pid", "--fork"),
        *(
            "--kill-child",
            "--mount-proc",
            "nix-build",
            "--no-out-link",
            *options,
            "-E",
            nix.expression(model(settings)),
        ),
        HF_ENDPOINT=hub.endpoint,
    )
    assert killed.returncode != 0
    hub.closing.set()  # ends the stall
    before = sent(hub)
    path = nix.build(model(settings), *options, HF_ENDPOINT=hub.endpoint)
    assert nix.real(path).read_bytes() == WEIGHTS
    saved = len(WEIGHTS) - (sent(hub) - before)
    assert (saved >= 3 * MIB) == (enabled == "true")
    assert list(kept.iterdir()) == []


# --- hash mismatch


def test_another_hash_fails_with_the_text_to_paste(nix: Nix, hub: Hub) -> None:
    wrong = to_sri("12" * 32)
    log = nix.build_fails(model(hash_=wrong), HF_ENDPOINT=hub.endpoint)
    assert f"its sha256 should be {wrong}, got {SRI}" in log
    assert f'with fileHashes: "{NAME}" = "{SRI}";' in log


# --- source not found


def test_a_source_that_is_not_there_fails_at_once(nix: Nix, hub: Hub) -> None:
    log = nix.build_fails(model(repo="org/none"), HF_ENDPOINT=hub.endpoint)
    assert "huggingface:org/none@main does not exist, or is private" in log
    assert len(hub.requests) == 1


# --- disk full


def small_disk(nix: Nix, mebibytes: int, *command: str, **environ: str):
    """Run a command with the private store on a disk of its own."""
    store = nix.state / "store"
    store.mkdir(parents=True, exist_ok=True)
    mount = f'mount -t tmpfs -o size={mebibytes}m none "{store}" && exec "$@"'
    if subprocess.run(["unshare", "--mount", "true"], check=False, capture_output=True).returncode:
        pytest.skip("mounting a small disk needs root")
    return nix.run("unshare", "--mount", "sh", "-c", mount, "sh", *command, **environ)


@pytest.mark.parametrize("locked", [True, False], ids=["size-known", "size-unknown"])
def test_a_full_disk_is_told_with_both_figures(nix: Nix, hub: Hub, locked: bool) -> None:
    expression = nix.expression(model(locked=locked))
    done = small_disk(
        nix, 4, "nix-build", "--no-out-link", "-E", expression, HF_ENDPOINT=hub.endpoint
    )
    assert done.returncode != 0
    if locked:
        assert "model.safetensors: the disk lacks the space for 6.0 MiB, got 3." in done.stderr
        assert hub.requests == []
    else:
        assert "model.safetensors: the disk is full, got" in done.stderr
        assert "free for a file of 6.0 MiB" in done.stderr


# --- authentication


def test_required_fails_before_the_first_request(nix: Nix, hub: Hub) -> None:
    more = 'auth = { required = true; gatedModelHelp = "ask the data team"; };'
    log = nix.build_fails(model(more), HF_ENDPOINT=hub.endpoint)
    assert "this model wants a token (`auth.required`), and there is none" in log
    assert "ask the data team" in log
    assert hub.requests == []


def test_a_variable_of_another_name(nix: Nix, hub: Hub) -> None:
    more = 'auth.tokenEnvVar = "TEAM_TOKEN";'
    nix.build(model(more, repo="org/gated"), HF_ENDPOINT=hub.endpoint, TEAM_TOKEN="hf_first")


@pytest.mark.parametrize("attribute", ["tokenFile", "sops.secretFile", "agenix.secretFile"])
def test_a_file_in_the_sandbox(nix: Nix, hub: Hub, tmp_path: Path, attribute: str) -> None:
    # The decrypted file, as a secret manager puts it below /run, seen by the sandbox.
    (tmp_path / "secret").write_text("hf_first\n")
    more = f'auth.{attribute} = "/run/team-secrets/hf";'
    path = nix.build(
        model(more, repo="org/gated"),
        *("--option", "extra-sandbox-paths", f"/run/team-secrets/hf={tmp_path}/secret"),
        HF_ENDPOINT=hub.endpoint,
    )
    assert nix.real(path).read_bytes() == WEIGHTS


def test_netrc(nix: Nix, hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login user password hunter22\n")
    hub.tokens[f"Basic {base64.b64encode(b'user:hunter22').decode()}"] = "read"
    nix.build(
        model('auth.netrcFile = "/run/netrc";'),
        *("--option", "extra-sandbox-paths", f"/run/netrc={tmp_path}/netrc"),
        HF_ENDPOINT=hub.endpoint,
    )
    assert hub.requests[0].headers["authorization"].startswith("Basic ")
    assert all("authorization" not in r.headers for r in hub.requests if r.origin == "cdn")


def test_a_script_logs_in(nix: Nix, hub: Hub) -> None:
    more = """auth.authScript = ''echo 'export AUTH_HEADER="Bearer hf_first"' '';"""
    nix.build(model(more, repo="org/gated"), HF_ENDPOINT=hub.endpoint)


EXPIRING = """auth.tokenRefresh.command =
  "test -e renewed && echo hf_second || { touch renewed; echo hf_first; }";"""


def test_a_token_that_expires_midway_is_renewed(nix: Nix, hub: Hub) -> None:
    hub.fault("expire", token="hf_first", after=3 * MIB)
    path = nix.build(model(EXPIRING, repo="org/gated"), HF_ENDPOINT=hub.endpoint)
    assert nix.real(path).read_bytes() == WEIGHTS
    assert sent(hub) < len(WEIGHTS) + MIB


@pytest.mark.parametrize("download", ["resumeOnAuthFailure = false;", "maxResumeAttempts = 0;"])
def test_no_renewal_where_it_is_not_wanted(nix: Nix, hub: Hub, download: str) -> None:
    hub.fault("expire", token="hf_first", after=3 * MIB)
    more = f"{EXPIRING} download = {{ {download} }};"
    log = nix.build_fails(model(more, repo="org/gated"), HF_ENDPOINT=hub.endpoint)
    assert "the hub refuses access to huggingface:org/gated@main, got HTTP 401" in log
    assert "hf_" not in log.replace("hf_hub", "")


@pytest.mark.parametrize(("scope", "fine"), [("read", True), ("write", False)])
def test_required_scopes(nix: Nix, hub: Hub, scope: str, fine: bool) -> None:
    more = f'security = {{ requiredScopes = [ "{scope}" ]; warnOnExcessiveScopes = true; }};'
    expression = model(more, repo="org/gated")
    if fine:
        nix.build(expression, HF_ENDPOINT=hub.endpoint, HF_TOKEN="hf_first")
    else:
        log = nix.build_fails(expression, HF_ENDPOINT=hub.endpoint, HF_TOKEN="hf_first")
        assert "the token of $HF_TOKEN lacks the scope 'write'" in log


# --- telling somebody


@pytest.mark.parametrize("isolated", ["true", "false"])
def test_the_notification_has_the_error_and_no_secret(
    nix: Nix, hub: Hub, tmp_path: Path, isolated: str
) -> None:
    told = tmp_path / "told"
    hub.fault("echo", path="*resolve*", status=500, times=None)
    script = f"env > {told}/env; echo done"
    more = (
        failure(f"notifyCommand = ''{script}'';")
        + f"security.isolateCredentialsFromHooks = {isolated};"
    )
    log = nix.build_fails(
        model(more), *visible(told), HF_ENDPOINT=hub.endpoint, HF_TOKEN="hf_never_told"
    )
    said = (told / "env").read_text()
    assert "MODEL_NAME=tiny\n" in said
    assert "MODEL_SOURCE=huggingface:org/tiny@main\n" in said
    assert "MODEL_ERROR=model.safetensors: gave up after one attempt, got HTTP 500" in said
    assert ("HF_TOKEN=hf_never_told" in said) == (isolated == "false")
    assert "hf_never_told" not in said.replace("HF_TOKEN=hf_never_told", "")
    assert "hf_never_told" not in log


def test_a_notification_that_fails_is_a_warning(nix: Nix, hub: Hub) -> None:
    hub.fault("status", path=NAME, status=500, times=None)
    more = failure("notifyCommand = ''echo no mail here >&2; exit 4'';")
    log = nix.build_fails(model(more), HF_ENDPOINT=hub.endpoint)
    assert "`onDownloadFailure.notifyCommand` failed: exit status 4: no mail here" in log
    assert "gave up after one attempt, got HTTP 500" in log


# --- no secret in a derivation


def test_a_derivation_holds_names_and_no_values(nix: Nix, hub: Hub) -> None:
    expression = model('auth.tokenEnvVar = "TEAM_TOKEN";', repo="org/gated")
    secret = {"TEAM_TOKEN": "hf_first", "HF_TOKEN": "hf_second", "HF_ENDPOINT": hub.endpoint}
    nix.build(expression, **secret)
    for value in ("hf_first", "hf_second"):
        found = subprocess.run(
            ["grep", "-rlaF", value, str(nix.state)], capture_output=True, text=True, check=False
        )
        assert found.stdout == ""


@pytest.mark.parametrize(
    ("attribute", "said"),
    [
        ('auth.token = "hf_x"', "`auth.token` is refused"),
        ("auth.tokenFile = ./token", "so that it is not copied into the store"),
        ("security.maskSecretsInLogs = false", "cannot be turned off"),
        ('security.requiredScopes = [ "admin" ]', "is none of its values"),
        ('onDownloadFailure.action = "persists"', 'did you mean "persist"?'),
    ],
)
def test_what_is_refused_at_evaluation(nix: Nix, attribute: str, said: str) -> None:
    error = nix.eval_fails(f"{model(f'{attribute};')}.drvPath")
    assert said in error
    assert "hf_x" not in error


def test_an_encrypted_file_is_named_and_not_copied(nix: Nix, tmp_path: Path) -> None:
    (tmp_path / "hf-token.yaml").write_text("encrypted: do-not-copy-me")
    expression = model(f"auth.sops.secretFile = {tmp_path}/hf-token.yaml;")
    made = nix.run("nix-instantiate", "-E", nix.expression(expression))
    assert made.returncode == 0, made.stderr
    derivation = nix.real(made.stdout.strip()).read_text()
    assert "hf-token.yaml" in derivation
    assert str(tmp_path) not in derivation
    found = subprocess.run(
        ["grep", "-rlaF", "do-not-copy-me", str(nix.state)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stdout == ""
