"""The checks of `doctor` that are about credentials and the hub."""

import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from cli.check import Finding
from common.errors import ModelError
from common.secrets import Secret, public_url
from fetchers.context import Context, Retries
from fetchers.credentials import hub_token
from fetchers.huggingface import ENDPOINT
from fetchers.scopes import ask_scopes

ANSWER_SECONDS = 10.0


def check_access(context: Context, *, online: bool) -> Iterator[Finding]:
    """Look at the hub, and at the token and what it is allowed."""
    told: list[str] = []
    context = replace(context, log=told.append, retries=Retries(0), stall=ANSWER_SECONDS)
    token = hub_token(context)
    for text in told:
        says, _, mend = text.removeprefix("warning: ").partition("; try: ")
        yield Finding("token file", "warning", says, mend)
    yield from _netrc(context)
    endpoint = (context.variable("HF_ENDPOINT") or ENDPOINT).rstrip("/")
    if token is None:
        says = "none was found; public models need none"
        yield Finding("token", "note", says, "hf auth login, or: export HF_TOKEN=…")
    if online:
        yield from _ask(token, endpoint, context)


def _netrc(context: Context) -> Iterator[Finding]:
    path = Path(context.variable("NETRC") or Path.home() / ".netrc")
    if path.is_file() and path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
        yield Finding("netrc", "warning", f"{path} can be read by others", f"chmod 600 {path}")


def _ask(token: Secret | None, endpoint: str, context: Context) -> Iterator[Finding]:
    where = public_url(endpoint)
    try:
        scopes = ask_scopes(token, endpoint, context)
    except ModelError as error:
        status = str(error.got)
        if "HTTP 401" not in status and "HTTP 403" not in status:
            mend = "HF_ENDPOINT, http_proxy, NIX_SSL_CERT_FILE; or work with a mirror: --mirror URL"
            yield Finding("hub", "problem", f"{where} does not answer: {error.got}", mend)
            return
        yield Finding("hub", "ok", f"{where} answers")
        if token is not None:
            says = f"the one of {token.origin} is not valid (expired or revoked)"
            mend = "a new one from https://huggingface.co/settings/tokens: hf auth login"
            yield Finding("token", "problem", says, mend)
        return
    yield Finding("hub", "ok", f"{where} answers")
    if token is None:
        return
    says = f"the one of {token.origin} is {scopes.user}'s, role {scopes.role}"
    if not scopes.reads:
        mend = "allow it to read the gated repositories you can access"
        yield Finding("token", "warning", f"{says}; it cannot read gated repositories", mend)
    elif scopes.more:
        mend = "a token of role read is enough"
        yield Finding("token", "warning", f"{says}: it may {', '.join(scopes.more)}", mend)
    else:
        yield Finding("token", "ok", says)
