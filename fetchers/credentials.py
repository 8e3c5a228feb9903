"""The one place that finds credentials: variables, files, commands, in that order.

An environment variable that is empty counts as unset, because that is how Nix passes one on which
the building process does not have. What is found is remembered for masking, and renewed where the
model's `auth` says how. Places that were looked at in vain are told in the error of a refusal.
"""

import os
import pwd
import stat
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import requests
from requests.auth import AuthBase, HTTPBasicAuth
from requests.utils import get_netrc_auth

from common.errors import AuthError
from common.secrets import Secret
from fetchers.auth import HUB_TOKEN_VARIABLES
from fetchers.command import output_of
from fetchers.context import Context
from fetchers.wallet import Held, read_token

_BASIC = ("USERNAME", "PASSWORD")
URL_TOKEN_VARIABLE = "NIX_AI_MODELS_URL_TOKEN"  # noqa: S105 - a name
LONGEST_FILE = 64 << 10  # bytes; a token file is a line
_NO_HOME = ("/homeless-shelter", "/var/empty", "/nonexistent")  # what builders have for a home


def hub_token(context: Context) -> Secret | None:
    """Find the Hugging Face token: the model's own `auth` first, then as the hub's client does.

    Source: https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables

    Raises:
        AuthError: `auth.required` is set and there is none, or a command of `auth` fails.
    """
    return find_token(context, HUB_TOKEN_VARIABLES, hub_file=True)


def url_token(context: Context) -> Secret | None:
    """Find the bearer token for plain addresses; basic credentials come from netrc."""
    return find_token(context, (URL_TOKEN_VARIABLE,))


def find_token(
    context: Context, variables: Sequence[str], *, hub_file: bool = False
) -> Secret | None:
    """Find a bearer token, or None so that netrc or no credential at all is used.

    The order: `auth.tokenEnvVar`, `variables`, `auth.tokenFile`, sops-nix and agenix, the Hugging
    Face command line's file, `auth.authScript`, `auth.tokenRefresh.command`.

    Args:
        context: gives environment and `auth`; remembers what is found.
        variables: names that are usual for the source.
        hub_file: whether the hub's own token file may be used.

    Raises:
        AuthError: `auth.required` is set and there is none, or a command of `auth` fails.
    """

    def find(old: Held | None) -> Held | None:
        return _find(context, variables, old, hub_file=hub_file)

    token = context.wallet.token(repr((*variables, hub_file)), find)
    if token is None and context.auth.required and not has_netrc(context):
        remedy = context.auth.help or remedy_for(context)
        raise AuthError(
            "this model wants a token (`auth.required`), and there is none",
            f"nothing in {', '.join(places(context, variables, hub_file=hub_file))}",
            remedy,
        )
    return token


def _find(
    context: Context, variables: Sequence[str], old: Held | None, *, hub_file: bool
) -> Held | None:
    """Find the first token, or after `old` one that is newer: from its own place, or by refresh."""
    refresh = context.auth.refresh.command
    if old is not None and refresh:
        return _aged(context, _run(context, "auth.tokenRefresh.command", refresh))
    for held in _candidates(context, variables, hub_file=hub_file):
        if old is None or held.value != old.value:
            return _aged(context, held)
    return None


def _aged(context: Context, held: Held) -> Held:
    """Say when a token is to be renewed, where there is a way to."""
    refresh = context.auth.refresh
    if not refresh.command:
        return replace(held, expires=None)
    end = held.expires if held.expires is not None else held.born + refresh.longest
    # NB: never more than half of its life before its end, or a short one would never be used.
    return replace(held, expires=max(end - refresh.before, (held.born + end) / 2))


def _candidates(context: Context, variables: Sequence[str], *, hub_file: bool) -> Iterator[Held]:
    auth = context.auth
    for name in filter(None, (auth.variable, *variables)):
        value = (context.variable(name) or "").strip()
        if value:
            yield read_token(value, f"${name}")
    for path in _files(context, hub_file=hub_file):
        text = _read(path, context)
        if text:
            yield read_token(text, str(path))
    if auth.script:
        yield _run(context, "auth.authScript", auth.script)
    if auth.refresh.command:
        yield _run(context, "auth.tokenRefresh.command", auth.refresh.command)


def _run(context: Context, what: str, text: str) -> Held:
    return read_token(output_of(what, text, context.shell, context.environ), f"`{what}`")


def _files(context: Context, *, hub_file: bool) -> list[Path]:
    runtime = context.variable("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    named = [path.replace("$XDG_RUNTIME_DIR", runtime) for path in context.auth.files]
    paths = [Path(path) for path in named]
    if hub_file and context.auth.hub_file:
        paths.append(hub_token_file(context))
    return paths


def hub_token_file(context: Context) -> Path:
    """Give the file in which the Hugging Face command line keeps its token."""
    named = context.variable("HF_TOKEN_PATH")
    if named:
        return Path(named).expanduser()
    home = context.variable("HF_HOME")
    if home:
        return Path(home).expanduser() / "token"
    cache = context.variable("XDG_CACHE_HOME")
    return (Path(cache) if cache else home_of(context) / ".cache") / "huggingface" / "token"


def home_of(context: Context) -> Path:
    """Give the home of the user who runs this; builders are given a false one."""
    home = context.variable("HOME")
    if home and home not in _NO_HOME:
        return Path(home)
    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        return Path("/nonexistent")


def _read(path: Path, context: Context) -> str:
    """Read a token file; one that cannot be read is told of where the user named it."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(LONGEST_FILE).decode("utf-8", "strict").strip()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        if str(path) in context.auth.files:
            why = getattr(error, "strerror", None) or "it is no text"
            context.log(f"warning: the token file {path} cannot be read: {why}")
        return ""
    if stat.S_ISREG(mode) and mode & stat.S_IROTH:
        context.log(f"warning: every user can read the token in {path}; try: chmod o= {path}")
    return text


def places(context: Context, variables: Sequence[str], *, hub_file: bool) -> list[str]:
    """Name every place where a token was looked for, for messages."""
    names = dict.fromkeys(filter(None, (context.auth.variable, *variables)))
    return [
        *(f"${name}" for name in names),
        *map(str, _files(context, hub_file=hub_file)),
        *(["netrc"] if has_netrc(context) else []),
    ]


def has_netrc(context: Context) -> bool:
    """Tell whether a netrc file may hold the credential instead."""
    named = context.variable("NETRC")
    return Path(named).exists() if named else (home_of(context) / ".netrc").exists()


def in_builder(context: Context) -> bool:
    """Tell whether this runs inside a derivation, where the user's environment is not."""
    return bool(context.variable("NIX_BUILD_TOP"))


def remedy_for(context: Context) -> str:
    """Give what to paste so that there is a token: another thing in a build than in a shell."""
    if in_builder(context):
        # The daemon builds, and it does not have the user's environment: docs/credentials.md.
        return "nix-ai-model fetch NAME as yourself, with HF_TOKEN set, and build again"
    name = context.auth.variable or HUB_TOKEN_VARIABLES[0]
    return f"export {name}=… (from https://huggingface.co/settings/tokens), or: hf auth login"


def git_login(url: str, context: Context, *, own: bool = True) -> tuple[str, Secret] | None:
    """Find user and password for a git or LFS server: the environment's, else netrc's.

    Args:
        url: of the server; only http and https have such a login.
        context: gives ``GIT_USERNAME`` and ``GIT_PASSWORD``.
        own: whether it is the host that the source names, which alone gets the environment's.
    """
    if not url.startswith(("http://", "https://")):
        return None
    password = find_token(context, ("GIT_PASSWORD",)) if own else None
    if password:
        return context.variable("GIT_USERNAME") or "git", password
    found = get_netrc_auth(url)
    return (found[0], Secret(found[1], "netrc")) if found else None


def mlflow_auth(context: Context) -> AuthBase | None:
    """Find what an MLflow server wants: user and password, else a token, else netrc's.

    Source: https://mlflow.org/docs/latest/self-hosting/security/basic-http-auth/
    """
    user, password = (context.variable(f"MLFLOW_TRACKING_{name}") for name in _BASIC)
    if user and password:
        return HTTPBasicAuth(user, Secret(password, "$MLFLOW_TRACKING_PASSWORD").reveal())
    return bearer(find_token(context, ("MLFLOW_TRACKING_TOKEN",)))


class Bearer(AuthBase):
    """Sends a token in the Authorization header, newest form and scheme.

    NB: as an auth object and not as a header, because requests lets ~/.netrc replace a header.
    On a redirect to another origin requests drops it.
    """

    def __init__(self, token: Secret) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the header to one request."""
        value = self._token.reveal()
        request.headers["Authorization"] = f"{self._token.scheme} {value}"
        return request


def bearer(token: Secret | None) -> AuthBase | None:
    """Give the auth object for a token, or None so that netrc may apply."""
    return Bearer(token) if token else None


def forget_empty(*prefixes: str) -> None:
    """Take variables that are empty out of this process's environment.

    NB: Nix hands an unset variable on as an empty one, and the clouds' libraries, which look at the
    environment themselves, take some of those as set.
    """
    for name in [name for name, value in os.environ.items() if not value]:
        if name.startswith(prefixes):
            del os.environ[name]
