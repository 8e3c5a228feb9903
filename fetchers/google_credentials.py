"""Google's credentials: a token from the environment, a key file, or what the machine itself has.

Source: https://cloud.google.com/docs/authentication/application-default-credentials
"""

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import requests
from requests.auth import AuthBase

from common.errors import AuthError
from common.secrets import Secret, mask, remember
from fetchers.context import Context
from fetchers.credentials import bearer, forget_empty
from fetchers.http import certificates, new_session
from fetchers.retry import Interrupted

SCOPE = "https://www.googleapis.com/auth/devstorage.read_only"
TOKEN_VARIABLE = "CLOUDSDK_AUTH_ACCESS_TOKEN"  # noqa: S105 - a name; gcloud reads it, too
KEY_VARIABLE = "GOOGLE_APPLICATION_CREDENTIALS"
_PREFIXES = ("GOOGLE_", "GCE_", "CLOUDSDK_", "NO_GCE_CHECK")

_SIGN_IN = "gcloud auth application-default login"
_found: dict[tuple[str, ...], AuthBase | None] = {}
_finding = threading.Lock()


def google_auth(attrs: Mapping[str, Any], context: Context) -> AuthBase | None:
    """Give what signs requests; None where nothing was found or the source is anonymous.

    Raises:
        AuthError: a key file that cannot be used.
    """
    if attrs.get("anonymous"):
        return None
    if token := context.variable(TOKEN_VARIABLE):
        return bearer(Secret(token, f"${TOKEN_VARIABLE}"))
    key = tuple(f"{name}={value}" for name, value in sorted(context.environ.items()))
    with _finding:  # looking for a metadata service takes seconds where there is none
        if key not in _found:
            _found[key] = _find(context)
        return _found[key]


def _find(context: Context) -> AuthBase | None:
    import google.auth  # noqa: PLC0415 - only this source needs it
    from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError  # noqa: PLC0415

    forget_empty(*_PREFIXES)
    path = context.variable(KEY_VARIABLE)
    try:
        with _named(path):
            found = google.auth.default(scopes=[SCOPE])
    except DefaultCredentialsError as error:
        if path is None:
            return None
        raise _unusable(path, error) from error
    except (GoogleAuthError, OSError, ValueError) as error:
        raise _unusable(path or "the default credentials", error) from error
    return _Google(found[0], context)


@contextmanager
def _named(path: str | None) -> Iterator[None]:
    """Put the key file's path where alone the library looks for it, this process's environment."""
    before = os.environ.get(KEY_VARIABLE)
    try:
        if path:
            os.environ[KEY_VARIABLE] = path
        yield
    finally:
        os.environ.pop(KEY_VARIABLE, None)
        if before is not None:
            os.environ[KEY_VARIABLE] = before


def _unusable(path: str, error: Exception) -> AuthError:
    remedy = f"export {KEY_VARIABLE}=/path/to/key.json (readable by the builder)"
    return AuthError(f"no Google credentials can be read from {path}", mask(str(error)), remedy)


class _Google(AuthBase):
    """Signs with a token that is renewed before it ends."""

    def __init__(self, credentials: Any, context: Context) -> None:
        self._credentials, self._lock = credentials, threading.Lock()
        self._session = new_session()
        self._session.verify = certificates(context)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the token to one request."""
        from google.auth.exceptions import GoogleAuthError, TransportError  # noqa: PLC0415
        from google.auth.transport.requests import Request  # noqa: PLC0415

        with self._lock:
            try:
                if not self._credentials.valid:
                    self._credentials.refresh(Request(self._session))
            except TransportError as error:
                raise Interrupted(
                    f"no answer from Google's sign-in ({mask(str(error))})"
                ) from error
            except GoogleAuthError as error:
                what = "Google refuses these credentials"
                raise AuthError(
                    what, mask(str(error)), "gcloud auth application-default login"
                ) from error
            remember(self._credentials.token)
        request.headers["Authorization"] = f"Bearer {self._credentials.token}"
        return request
