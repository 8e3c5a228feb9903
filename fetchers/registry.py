"""Signing in to a container registry: HTTP basic, or a token from the place the registry names.

Source: https://distribution.github.io/distribution/spec/auth/token/
"""

import base64
import binascii
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import requests
from requests.auth import AuthBase, _basic_auth_str
from requests.utils import get_netrc_auth

from common.errors import AuthError
from common.secrets import public_url, remember
from fetchers.context import Context
from fetchers.http import new_session, send

_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')
_UNAUTHORIZED = 401


class RegistryAuth(AuthBase):
    """Answers a registry's challenge; one object a registry and repository."""

    def __init__(self, address: str, context: Context) -> None:
        self._address, self._context = address, context
        self._header = ""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add what an earlier challenge led to, and wait for the next one."""
        if self._header:
            request.headers["Authorization"] = self._header
        request.hooks["response"].append(self._answer)
        return request

    def _answer(self, response: requests.Response, **settings: Any) -> requests.Response:
        request = response.request
        challenge = response.headers.get("WWW-Authenticate", "")
        # NB: the hook follows redirects; a content network must never learn what the registry may.
        own = _origin(str(request.url)) == _origin(self._address)
        if response.status_code != _UNAUTHORIZED or not own or not challenge:
            return response
        header = self._meet(challenge)
        if not header or header == request.headers.get("Authorization"):
            return response
        self._header = header
        _ = response.content  # so that the connection can be used again
        response.close()
        again = request.copy()
        again.headers["Authorization"] = header
        answer: requests.Response = response.connection.send(again, **settings)
        answer.history.append(response)
        answer.request = again
        return answer

    def _meet(self, challenge: str) -> str:
        scheme = challenge.partition(" ")[0].lower()
        user = credentials(self._address, self._context)
        if scheme == "basic" and user:
            return str(_basic_auth_str(*user))
        return self._token(dict(_CHALLENGE.findall(challenge)), user) if scheme == "bearer" else ""

    def _token(self, challenge: dict[str, str], user: tuple[str, str] | None) -> str:
        realm = challenge.pop("realm", "")
        query = [(name, challenge[name]) for name in ("service", "scope") if name in challenge]
        url = f"{realm}{'&' if '?' in realm else '?'}{urlencode(query)}"
        safe = url.startswith("https://") or self._address.startswith("http://")
        auth = requests.auth.HTTPBasicAuth(*user) if user and safe else _Nobody()
        answer = send(new_session(), url, self._context, auth=auth)
        try:
            data = answer.json()
            token = str(data.get("token") or data["access_token"])
        except (ValueError, KeyError, AttributeError) as error:
            raise AuthError(f"{public_url(realm)} gives no token", "no JSON with one") from error
        remember(token)
        return f"Bearer {token}"


class _Nobody(AuthBase):
    """Keeps requests from looking into ~/.netrc."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def credentials(address: str, context: Context) -> tuple[str, str] | None:
    """Find user and password of a registry: variables, then netrc, then Docker's own file.

    Source: https://docs.docker.com/reference/cli/docker/login/#credential-stores
    """
    names = ("OLLAMA_REGISTRY_USERNAME", "OLLAMA_REGISTRY_PASSWORD")
    user, password = (context.variable(name) for name in names)
    found = (user, password) if user and password else get_netrc_auth(address)
    found = found or _docker(_origin(address)[1], context)
    if found:
        remember(found[1])
        return str(found[0]), str(found[1])
    return None


def _docker(host: str, context: Context) -> tuple[str, str] | None:
    home = context.variable("HOME") or "/"
    folder = Path(context.variable("DOCKER_CONFIG") or Path(home, ".docker"))
    try:
        text = json.loads((folder / "config.json").read_text("utf-8"))["auths"][host]["auth"]
        user, colon, password = base64.b64decode(text, validate=True).decode().partition(":")
    except (OSError, ValueError, KeyError, TypeError, binascii.Error):
        return None
    return (user, password) if colon else None
