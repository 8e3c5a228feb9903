"""Tokens in use: found once, renewed when they age or are refused, shared by all transfers."""

import base64
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from common.errors import AuthError
from common.secrets import Secret, remember

_TOKEN_KEYS = ("token", "access_token", "accessToken", "SessionToken", "id_token")
_AGE_KEYS = ("expires_in", "expiresIn")  # seconds from now
_END_KEYS = ("expires_at", "expiresAt", "expires_on", "expiresOn", "expiration", "Expiration")
_JWT_PARTS = 3
_SCHEMES = ("bearer", "basic", "token")


@dataclass(frozen=True)
class Held:
    """A token and what is known of it.

    Attributes:
        value: the token itself.
        origin: where it comes from, for messages.
        scheme: of the Authorization header.
        expires: when it ends, seconds since the epoch; None where nothing says so.
        born: when it was found, seconds since the epoch.
    """

    value: str
    origin: str
    scheme: str = "Bearer"
    expires: float | None = None
    born: float = 0.0

    def __repr__(self) -> str:
        return f"Held(from {self.origin})"


def read_token(text: str, origin: str) -> Held:
    """Read what a file or a command gives as a token.

    Understood are: the token alone; ``export AUTH_HEADER="Bearer …"``; a JSON string; a JSON
    object as OAuth 2 (RFC 6749, 5.1), Azure's and Google's command lines print it. A JSON Web Token
    says itself when it ends (RFC 7519, 4.1.4).

    Raises:
        AuthError: when there is none in it.
    """
    text = text.strip()
    remember(text)
    for line in reversed(text.splitlines()):
        name, found, value = line.removeprefix("export ").partition("=")
        if found and name.strip() == "AUTH_HEADER":
            return _header(value.strip().strip("\"'"), origin)
    data = _json(text)
    if isinstance(data, dict):
        return _object(data, origin)
    value = data if isinstance(data, str) else text
    if not value or any(character.isspace() for character in value):
        raise AuthError(
            f"{origin} holds no token", f"{len(value.split())} words", "the token alone"
        )
    return _held(value, origin, expires=_jwt_end(value))


def _held(value: str, origin: str, scheme: str = "Bearer", expires: float | None = None) -> Held:
    remember(value)
    return Held(value, origin, scheme, expires, time.time())


def _header(header: str, origin: str) -> Held:
    scheme, _, value = header.partition(" ")
    if scheme.lower() not in _SCHEMES or not value.strip():
        remember(header)
        raise AuthError(
            f"{origin} sets no usable AUTH_HEADER", None, 'export AUTH_HEADER="Bearer TOKEN"'
        )
    return _held(value.strip(), origin, scheme, _jwt_end(value.strip()))


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _object(data: dict[str, Any], origin: str) -> Held:
    value = next((data[key] for key in _TOKEN_KEYS if isinstance(data.get(key), str)), None)
    if not value:
        raise AuthError(f"{origin} holds no token", f"an object of {sorted(data)}", '{"token": …}')
    return _held(value, origin, expires=_end(data) or _jwt_end(value))


def _end(data: dict[str, Any]) -> float | None:
    for key in _AGE_KEYS:
        if str(data.get(key, "")).isdecimal():
            return time.time() + float(data[key])
    for key in _END_KEYS:
        if key in data:
            return _moment(str(data[key]))
    return None


def _moment(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _jwt_end(value: str) -> float | None:
    parts = value.split(".")
    if len(parts) != _JWT_PARTS:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        return float(claims["exp"])
    except (ValueError, KeyError, TypeError):
        return None


class Wallet:
    """The tokens of one run, by the question that found them; safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._tokens: dict[str, Token] = {}
        self._generation = 0

    @property
    def generation(self) -> int:
        """Count how often tokens were renewed; to be read before a request that may be refused."""
        return self._generation

    def token(self, key: str, find: "Callable[[Held | None], Held | None]") -> "Token | None":
        """Give the token of a key, found at its first use.

        Args:
            key: what is asked for.
            find: given the token that no longer does (None at first), finds one.
        """
        with self._lock:
            if key not in self._tokens:
                held = find(None)
                if held is None:
                    return None
                self._tokens[key] = Token(held, find, self._lock)
            return self._tokens[key]

    def renew(self, generation: int) -> bool:
        """Look for other tokens after a refusal; tell whether trying again makes sense.

        Args:
            generation: from before the refused request. When another thread renewed since then,
                there is nothing left to do.

        Raises:
            AuthError: when a refresh command fails.
        """
        with self._lock:
            if generation != self._generation:
                return True
            renewed = [token.renew() for token in self._tokens.values()]
            self._generation += any(renewed)
            return any(renewed)


class Token(Secret):
    """A token that `reveal` always gives in its newest form."""

    def __init__(
        self, held: Held, find: "Callable[[Held | None], Held | None]", lock: threading.RLock
    ) -> None:
        super().__init__(held.value, held.origin)
        self._held, self._find, self._lock = held, find, lock

    def reveal(self) -> str:
        """Give the value, after asking for the next one where this one is about to end."""
        with self._lock:
            if self._held.expires is not None and time.time() >= self._held.expires:
                self.renew()
            return self._held.value

    @property
    def scheme(self) -> str:
        """Give the scheme of the Authorization header."""
        return self._held.scheme

    def renew(self) -> bool:
        """Look for another token; tell whether there is one."""
        new = self._find(self._held)
        if new is None or new.value == self._held.value:
            return False
        self._held, self.origin = new, new.origin
        return True
