"""What a Hugging Face token is allowed to do.

Source: https://huggingface.co/docs/hub/security-tokens, and ``GET /api/whoami-v2``
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from common.errors import AuthError
from common.reference import Source
from common.secrets import Secret
from fetchers.context import Context
from fetchers.credentials import bearer, hub_token, remedy_for
from fetchers.http import new_session, send
from fetchers.retry import retrying

_READS = ("repo.content.read", "repo.access.read")
_SETTINGS = "https://huggingface.co/settings/tokens"


@dataclass(frozen=True)
class Scopes:
    """What the hub says of a token.

    Attributes:
        user: whom it belongs to.
        role: ``read``, ``write`` or ``fineGrained``.
        permissions: of a fine-grained token, sorted; empty for the others.
        gated: whether it may read the gated repositories its user was let into.
    """

    user: str
    role: str
    permissions: tuple[str, ...] = ()
    gated: bool = True

    @property
    def reads(self) -> bool:
        """Whether it may read a repository that is not public."""
        fine = self.role == "fineGrained"
        return not fine or self.gated or any(name in self.permissions for name in _READS)

    @property
    def more(self) -> tuple[str, ...]:
        """What it may do besides reading."""
        if self.role != "fineGrained":
            return () if self.role == "read" else (self.role,)
        return tuple(name for name in self.permissions if not name.endswith(".read"))


def ask_scopes(token: Secret | None, endpoint: str, context: Context) -> Scopes:
    """Ask the hub what a token is allowed to do.

    Raises:
        AuthError: the token is not valid.
        TransferError: no answer.
    """
    url = f"{endpoint}/api/whoami-v2"

    def ask() -> Any:
        with send(new_session(), url, context, auth=bearer(token)) as response:
            return response.json()

    data = retrying(url, context, ask)
    access = data.get("auth", {}).get("accessToken", {})
    fine: Mapping[str, Any] = access.get("fineGrained") or {}
    scoped = [name for scope in fine.get("scoped", ()) for name in scope.get("permissions", ())]
    everywhere = list(fine.get("global", ()))
    return Scopes(
        data.get("name", ""),
        access.get("role", "read"),
        tuple(sorted({*scoped, *everywhere})),
        fine.get("canReadGatedRepos", access.get("role") != "fineGrained"),
    )


def check_scopes(source: Source, context: Context) -> None:
    """Check a token against `security.requiredScopes` and `warnOnExcessiveScopes`, where set.

    Raises:
        AuthError: there is no token, or it lacks what is required.
    """
    auth = context.auth
    if source.type != "huggingface" or not (auth.scopes or auth.warn_scopes):
        return
    # Imported here: only this check needs the hub's address, and the hub's module imports ours.
    from fetchers.huggingface import endpoints  # noqa: PLC0415

    token = hub_token(context)
    if token is None and auth.scopes:
        what = f"the scopes {', '.join(auth.scopes)} are required of the token"
        raise AuthError(what, "no token", remedy_for(context))
    if token is None:
        return
    scopes = ask_scopes(token, endpoints(source.attrs, context)[-1], context)
    for wanted in auth.scopes:
        if not (scopes.reads if wanted == "read" else wanted in scopes.more):
            what = f"the token of {token.origin} lacks the scope {wanted!r}"
            raise AuthError(what, f"a token of role {scopes.role}", f"make one at {_SETTINGS}")
    if auth.warn_scopes and scopes.more:
        context.log(
            f"warning: the token of {token.origin} may do more than read: "
            f"{', '.join(scopes.more)}; a read token is enough ({_SETTINGS})"
        )
