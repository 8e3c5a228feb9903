"""Where tokens come from, in which order, and that none of them is ever told."""

import base64
import json
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from common.errors import AuthError
from common.reference import Source
from common.secrets import mask
from fetchers.auth import Auth, Refresh, read_auth
from fetchers.context import Context
from fetchers.credentials import Bearer, find_token, hub_token, url_token
from fetchers.scopes import check_scopes
from fetchers.wallet import read_token
from tests.hub import Hub

HERE = "hf_from_"


def context(home: Path, auth: Auth | None = None, **environ: str) -> Context:
    told: list[str] = []
    everything = {"HOME": str(home), "PATH": os.environ["PATH"], **environ}
    return Context(environ=everything, auth=auth or Auth(), log=told.append)


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def value(token) -> str | None:
    return token.reveal() if token else None


def test_the_order_of_places(tmp_path: Path) -> None:
    places = {
        "MINE": "variable",
        "HF_TOKEN": "hf_token",
        "HUGGING_FACE_HUB_TOKEN": "hub",
        "HUGGINGFACE_API_KEY": "api",
    }
    environ = {name: f"{HERE}{text}" for name, text in places.items()}
    environ["XDG_RUNTIME_DIR"] = str(tmp_path / "run")
    write(tmp_path / "file", f"{HERE}file\n")
    write(tmp_path / "run/secrets/hf-sops", f"{HERE}sops")
    write(tmp_path / "run/agenix/hf-age", f"{HERE}age")
    write(tmp_path / ".cache/huggingface/token", f"{HERE}cli\n")
    auth = read_auth(
        {
            "tokenEnvVar": "MINE",
            "tokenFile": str(tmp_path / "file"),
            "sops": {"secretFile": "hf-sops.yaml"},
            "agenix": {"secretFile": "hf-age.age"},
            "authScript": f"echo {HERE}script",
            "tokenRefresh": {"command": f"echo {HERE}refresh"},
        },
        {},
    )
    found = []
    for remove in (
        *places, "file", "run/secrets/hf-sops", "run/agenix/hf-age", ".cache/huggingface/token"
    ):  # fmt: skip
        found.append(value(hub_token(context(tmp_path, auth, **environ))))
        environ.pop(remove, None)
        (tmp_path / remove).unlink(missing_ok=True)
    found.append(value(hub_token(context(tmp_path, auth, **environ))))
    found.append(value(hub_token(context(tmp_path, replace(auth, script=""), **environ))))
    found.append(value(hub_token(context(tmp_path, **environ))))
    names = [
        "variable",
        "hf_token",
        "hub",
        "api",
        "file",
        "sops",
        "age",
        "cli",
        "script",
        "refresh",
    ]
    assert found == [*(f"{HERE}{name}" for name in names), None]


def test_an_empty_variable_is_unset(tmp_path: Path) -> None:
    assert hub_token(context(tmp_path, HF_TOKEN="", HUGGINGFACE_API_KEY="  ")) is None


def test_the_hub_token_goes_to_no_plain_address(tmp_path: Path) -> None:
    with_token = context(tmp_path, HF_TOKEN="hf_secret")
    assert url_token(with_token) is None
    named = context(tmp_path, Auth(variable="MINE"), MINE="own", HF_TOKEN="hf_secret")
    assert value(url_token(named)) == "own"


@pytest.mark.parametrize("variable", ["HF_TOKEN_PATH", "HF_HOME", "XDG_CACHE_HOME"])
def test_where_the_hub_client_keeps_its_token(tmp_path: Path, variable: str) -> None:
    below = {"HF_TOKEN_PATH": "", "HF_HOME": "token", "XDG_CACHE_HOME": "huggingface/token"}
    write(tmp_path / "place" / below[variable], "hf_abcdef")
    there = {variable: str(tmp_path / "place")}
    assert value(hub_token(context(tmp_path, **there))) == "hf_abcdef"
    assert hub_token(context(tmp_path, Auth(hub_file=False), **there)) is None


def test_a_file_that_others_can_read_is_warned_about(tmp_path: Path) -> None:
    file = write(tmp_path / "token", "hf_abcdef", 0o644)
    told: list[str] = []
    given = replace(context(tmp_path, Auth(files=(str(file),))), log=told.append)
    assert value(hub_token(given)) == "hf_abcdef"
    assert told == [f"warning: every user can read the token in {file}; try: chmod o= {file}"]
    assert "hf_abcdef" not in repr(hub_token(given))


def test_a_named_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    told: list[str] = []
    given = replace(context(tmp_path, Auth(files=(str(tmp_path),))), log=told.append)
    assert hub_token(given) is None
    assert told == [f"warning: the token file {tmp_path} cannot be read: Is a directory"]


def jwt(expires: float) -> str:
    def part(data: dict[str, float | str]) -> str:
        return base64.urlsafe_b64encode(json.dumps(data).encode()).decode().rstrip("=")

    return f"{part({'alg': 'none'})}.{part({'exp': expires})}.c2ln"


@pytest.mark.parametrize(
    ("text", "token", "scheme", "seconds"),
    [
        ("hf_plain\n", "hf_plain", "Bearer", None),
        ('"quoted"', "quoted", "Bearer", None),
        ('export AUTH_HEADER="Bearer abc.def"', "abc.def", "Bearer", None),
        ("noise\nexport AUTH_HEADER='Basic dXNlcjpwdw=='", "dXNlcjpwdw==", "Basic", None),
        ('{"access_token": "at-1", "expires_in": 3600}', "at-1", "Bearer", 3600),
        ('{"token": "t-1", "expires_at": "2100-01-01T00:00:00Z"}', "t-1", "Bearer", 4102444800),
        ('{"accessToken": "az-1", "expires_on": 4102444800}', "az-1", "Bearer", 4102444800),
        (jwt(4102444800), jwt(4102444800), "Bearer", 4102444800),
    ],
    ids=["plain", "json-text", "header", "basic", "oauth", "date", "azure", "jwt"],
)
def test_forms_of_a_token(text: str, token: str, scheme: str, seconds: float | None) -> None:
    held = read_token(text, "here")
    assert (held.value, held.scheme) == (token, scheme)
    expected = time.time() + seconds if seconds == 3600 else seconds
    assert held.expires == (expected if seconds is None else pytest.approx(expected, abs=2))
    assert token not in mask(f"it said {text}")
    assert token not in repr(held)


@pytest.mark.parametrize(
    "text", ["two words", '{"user": "me"}', "export AUTH_HEADER=Digest", "a\nb"]
)
def test_what_is_no_token(text: str) -> None:
    with pytest.raises(AuthError) as caught:
        read_token(text, "here")
    assert "Digest" not in str(caught.value) or text.endswith("Digest")
    assert "two words" not in str(caught.value)


def counting(folder: Path, more: str = "") -> str:
    """Make a command that gives another token each time."""
    return f"n=$(cat {folder}/n 2>/dev/null || echo 0); n=$((n + 1)); echo $n > {folder}/n; {more}"


def test_a_token_is_renewed_before_it_ends(tmp_path: Path) -> None:
    command = counting(
        tmp_path, 'echo "{\\"token\\": \\"t-$n-secret\\", \\"expires_in\\": $((n * 2))}"'
    )
    token = find_token(context(tmp_path, Auth(refresh=Refresh(command, before=0.5))), ())
    assert token is not None
    assert [token.reveal(), token.reveal()] == ["t-1-secret"] * 2
    time.sleep(1.6)
    assert token.reveal() == "t-2-secret"


def test_a_token_that_does_not_say_when_it_ends_gets_a_longest_age(tmp_path: Path) -> None:
    auth = Auth(refresh=Refresh(counting(tmp_path, "echo t-$n-secret"), before=300, longest=1))
    token = find_token(context(tmp_path, auth), ())
    assert token is not None
    assert token.reveal() == "t-1-secret"
    time.sleep(0.6)  # half of its life: 300 s before its end would be never
    assert token.reveal() == "t-2-secret"


def test_a_refusal_renews_once_for_all_transfers(tmp_path: Path) -> None:
    given = context(tmp_path, Auth(refresh=Refresh(counting(tmp_path, "echo t-$n-secret"))))
    token = find_token(given, ())
    before = given.wallet.generation
    assert given.wallet.renew(before)
    assert given.wallet.renew(before)
    assert token is not None
    assert token.reveal() == "t-2-secret"


def test_a_refusal_looks_at_the_file_again(tmp_path: Path) -> None:
    file = write(tmp_path / "token", "first-one")
    given = context(tmp_path, Auth(files=(str(file),)))
    token = hub_token(given)
    assert not given.wallet.renew(given.wallet.generation)
    write(file, "second-one")
    assert given.wallet.renew(given.wallet.generation)
    assert value(token) == "second-one"


def test_a_failing_command_is_told_without_its_secrets(tmp_path: Path) -> None:
    script = "echo sssecret; echo 'cannot log in with sssecret' >&2; exit 3"
    with pytest.raises(AuthError) as caught:
        hub_token(context(tmp_path, Auth(script=script)))
    said = mask(str(caught.value))
    assert "`auth.authScript` failed, got exit status 3: cannot log in with ***" in said


def test_the_text_of_a_command_is_in_no_argument_list(tmp_path: Path) -> None:
    seen = tmp_path / "cmdline"
    script = f"tr '\\0' ' ' < /proc/$$/cmdline > {seen}; : my-literal-secret; echo token"
    hub_token(context(tmp_path, Auth(script=script)))
    assert seen.read_text().startswith("/bin/sh -c")
    assert "my-literal-secret" not in seen.read_text()


def test_required_fails_with_the_places_and_the_help(tmp_path: Path) -> None:
    with pytest.raises(AuthError) as caught:
        hub_token(context(tmp_path, Auth(required=True, variable="MINE")))
    assert "nothing in $MINE, $HF_TOKEN, $HUGGING_FACE_HUB_TOKEN" in str(caught.value)
    assert "try: export MINE=" in str(caught.value)
    with pytest.raises(AuthError, match="ask the data team"):
        hub_token(context(tmp_path, Auth(required=True, help="ask the data team")))
    build = context(tmp_path, Auth(required=True), NIX_BUILD_TOP="/build")
    with pytest.raises(AuthError, match="nix-ai-model fetch NAME as yourself"):
        hub_token(build)


def test_no_form_of_a_token_shows_it(tmp_path: Path) -> None:
    given = context(tmp_path, HF_TOKEN="hf_very_secret")
    token = hub_token(given)
    assert token is not None
    shown = f"{token} {token!r} {Bearer(token)!r} {given!r}"
    assert "hf_very_secret" not in shown


@pytest.mark.parametrize(
    ("role", "scopes", "outcome"),
    [
        ("read", ("read",), "fine"),
        ("write", ("read", "write"), "warned"),
        ("read", ("write",), "lacks the scope 'write'"),
        ("fineGrained", ("read",), "lacks the scope 'read'"),
    ],
)
def test_scopes(tmp_path: Path, role: str, scopes: tuple[str, ...], outcome: str) -> None:
    told: list[str] = []
    with Hub(tokens={"hf_token": role}) as hub:
        given = replace(
            context(
                tmp_path,
                Auth(scopes=scopes, warn_scopes=True),
                HF_TOKEN="hf_token",
                HF_ENDPOINT=hub.endpoint,
            ),
            log=told.append,
        )
        source = Source("huggingface", {"repo": "a/b"})
        if outcome in ("fine", "warned"):
            check_scopes(source, given)
        else:
            with pytest.raises(AuthError, match=outcome):
                check_scopes(source, given)
    assert any("may do more than read: write" in text for text in told) == (outcome == "warned")


def test_the_clouds_are_told_of_their_places() -> None:
    data = {"awsProfile": "ml", "gcpServiceAccountKey": "/k.json", "netrcFile": "/n"}
    assert read_auth(data, {}).environment() == {
        "AWS_PROFILE": "ml",
        "GOOGLE_APPLICATION_CREDENTIALS": "/k.json",
        "NETRC": "/n",
    }
