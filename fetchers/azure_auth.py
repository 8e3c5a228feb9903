"""Azure's credentials: connection string, account key, shared access signature, or an identity.

Sources: signing https://learn.microsoft.com/en-us/rest/api/storageservices/authorize-with-shared-key,
variables https://learn.microsoft.com/en-us/cli/azure/azure-cli-configuration
"""

import base64
import binascii
import hashlib
import hmac
import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit

import requests
from requests.auth import AuthBase

from common.errors import AuthError
from common.secrets import mask, remember
from fetchers.context import Context
from fetchers.credentials import forget_empty

API_VERSION = "2021-12-02"  # the first that can list names that XML cannot hold
SCOPE = "https://storage.azure.com/.default"
IDENTITY_VARIABLES = (
    "AZURE_CLIENT_ID",
    "AZURE_FEDERATED_TOKEN_FILE",
    "IDENTITY_ENDPOINT",
    "MSI_ENDPOINT",
)
REMEDY = (
    "export AZURE_STORAGE_CONNECTION_STRING=…, or AZURE_STORAGE_SAS_TOKEN=…, or "
    "AZURE_STORAGE_KEY=…; with an identity: identity = true;"
)
# In the order in which they are signed.
_SIGNED_HEADERS = (
    *("Content-Encoding", "Content-Language", "Content-Length", "Content-MD5", "Content-Type"),
    *("Date", "If-Modified-Since", "If-Match", "If-None-Match", "If-Unmodified-Since", "Range"),
)


@dataclass(frozen=True)
class Account:
    """Where an account's blobs are, and what opens them.

    Attributes:
        url: of the account, without ``/`` at its end.
        auth: signs requests; None for a signature in the query, and for anybody.
        sas: query text of a shared access signature, or empty.
    """

    url: str
    auth: AuthBase | None
    sas: str

    @property
    def signed(self) -> bool:
        """Whether requests carry any credentials."""
        return self.auth is not None or bool(self.sas)

    @property
    def expired(self) -> str:
        """The time at which the shared access signature ended, or empty."""
        end = parse_qs(self.sas).get("se", [""])[0]
        try:
            moment = datetime.fromisoformat(end)
        except ValueError:
            return ""
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return end if aware < datetime.now(UTC) else ""


def find_account(attrs: Mapping[str, Any], context: Context) -> Account:
    """Find the address and the credentials of a source's account.

    Raises:
        AuthError: credentials that cannot be read.
    """
    name = attrs["account"]
    given = _connection_string(name, context)
    suffix = given.get("EndpointSuffix", "core.windows.net")
    usual = f"{given.get('DefaultEndpointsProtocol', 'https')}://{name}.blob.{suffix}"
    url = str(attrs.get("endpoint") or given.get("BlobEndpoint") or usual).rstrip("/")
    if attrs.get("anonymous"):
        return Account(url, None, "")
    if attrs.get("identity"):
        return Account(url, _identity(context), "")
    key = given.get("AccountKey") or _key(name, context)
    if key:
        return Account(url, _SharedKey(name, key), "")
    sas = given.get("SharedAccessSignature") or context.variable("AZURE_STORAGE_SAS_TOKEN") or ""
    if sas:
        return Account(url, None, _remembered(sas.lstrip("?")))
    named = context.variable(*IDENTITY_VARIABLES)
    return Account(url, _identity(context) if named else None, "")


def _connection_string(account: str, context: Context) -> dict[str, str]:
    text = context.variable("AZURE_STORAGE_CONNECTION_STRING") or ""
    parts = dict(part.partition("=")[::2] for part in text.split(";") if part)
    # What is for another account must not be shown to this one.
    return parts if parts.get("AccountName", account) == account else {}


def _key(account: str, context: Context) -> str | None:
    if (context.variable("AZURE_STORAGE_ACCOUNT") or account) != account:
        return None
    return context.variable("AZURE_STORAGE_KEY")


def _remembered(sas: str) -> str:
    for signature in parse_qs(sas).get("sig", ()):
        remember(signature)
    return sas


class _SharedKey(AuthBase):
    """Signs each request with the account's key."""

    def __init__(self, account: str, key: str) -> None:
        remember(key)
        self._account = account
        try:
            self._key = base64.b64decode(key, validate=True)
        except binascii.Error as error:
            what = f"the key of the account {account} cannot be read"
            raise AuthError(what, "no base64", "az storage account keys list -n ACCOUNT") from error

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add date and signature to one request."""
        request.headers["x-ms-date"] = formatdate(usegmt=True)
        text = _text_to_sign(request, self._account)
        digest = hmac.new(self._key, text.encode(), hashlib.sha256).digest()
        signature = base64.b64encode(digest).decode()
        request.headers["Authorization"] = f"SharedKey {self._account}:{signature}"
        return request


def _text_to_sign(request: requests.PreparedRequest, account: str) -> str:
    headers, parts = request.headers, urlsplit(str(request.url))
    values = (str(headers.get(name, "")) for name in _SIGNED_HEADERS)
    # A length of zero is signed as none.
    lines = [str(request.method), *("" if value == "0" else value for value in values)]
    own = sorted((name.lower(), value) for name, value in headers.items())
    lines += [f"{name}:{str(value).strip()}" for name, value in own if name.startswith("x-ms-")]
    lines += [f"/{account}{parts.path}"]
    query = sorted(
        (name.lower(), value) for name, value in parse_qsl(parts.query, keep_blank_values=True)
    )
    return "\n".join(lines + [f"{name}:{value}" for name, value in query])


_identities: dict[tuple[str, ...], "_Identity"] = {}
_making = threading.Lock()


def _identity(context: Context) -> "_Identity":
    key = tuple(f"{name}={value}" for name, value in sorted(context.environ.items()))
    with _making:
        if key not in _identities:
            forget_empty("AZURE_", "IDENTITY_", "MSI_")
            _identities[key] = _Identity()
        return _identities[key]


class _Identity(AuthBase):
    """Signs in as whoever this machine or environment is; the library renews the token itself."""

    def __init__(self) -> None:
        from azure.identity import DefaultAzureCredential  # noqa: PLC0415 - only needed here

        # The library would write every way it tried to stderr, in full; the error says enough.
        logging.getLogger("azure").addHandler(logging.NullHandler())
        self._credential = DefaultAzureCredential()

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the token to one request."""
        from azure.core.exceptions import AzureError  # noqa: PLC0415

        try:
            token = self._credential.get_token(SCOPE).token
        except AzureError as error:
            reason = mask(unquote(str(error)).splitlines()[0])
            raise AuthError("Azure gives this identity no token", reason, "az login") from error
        remember(token)
        request.headers["Authorization"] = f"Bearer {token}"
        return request
