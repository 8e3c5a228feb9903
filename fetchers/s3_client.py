"""Clients of S3 and of what speaks like it, through botocore, with its errors reworded.

Sources: the API https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html,
the settings https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from common.errors import AuthError, ModelError, NotFoundError, TransferError, UsageError
from common.secrets import mask, remember
from fetchers.context import Context
from fetchers.credentials import forget_empty
from fetchers.http import CONNECT_SECONDS, certificates
from fetchers.objects import Moved
from fetchers.retry import TRANSIENT_STATUS, Interrupted, asked_wait, retrying

DEFAULT_REGION = "us-east-1"
CONNECTIONS = 16
SESSION_NAME = "nix-ai-models"
_GONE = ("404", "NoSuchKey", "NoSuchBucket", "NoSuchVersion")
_CHANGED = ("412", "PreconditionFailed", "416", "InvalidRange")
_REFUSED = ("AuthorizationHeaderMalformed", "ExpiredToken", "InvalidToken", "TokenRefreshRequired")
_SLOW = ("SlowDown", "Throttling", "ThrottlingException", "RequestTimeout", "InternalError")
_CREDENTIALS = (
    "export AWS_PROFILE=…, or AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=…; for a public bucket: "
    "anonymous = true;"
)
T = TypeVar("T")


@dataclass(frozen=True)
class Store:
    """A client, and what messages say of it.

    Attributes:
        client: of botocore, for S3; safe to use from many threads.
        signed: whether requests carry credentials.
        where: the endpoint's address; empty for the provider's own.
    """

    client: Any
    signed: bool
    where: str

    def call(self, operation: str, origin: str, context: Context, **parameters: Any) -> Any:
        """Call an operation, repeated while it may pass.

        Raises:
            Moved, NotFoundError, AuthError, TransferError, UsageError.
        """
        return retrying(origin, context, lambda: self.once(operation, origin, **parameters))

    def once(self, operation: str, origin: str, **parameters: Any) -> Any:
        """Call an operation once; raises `Interrupted` for what may pass."""
        return _translated(
            lambda: getattr(self.client, operation)(**parameters), origin, signed=self.signed
        )


_stores: dict[tuple[Any, ...], Store] = {}
_making = threading.Lock()


def connect(attrs: Mapping[str, Any], context: Context) -> Store:
    """Give the client for a source; making one costs more than a request, so they are kept.

    Raises:
        AuthError: a profile or role that cannot be used.
    """
    chosen = {name: attrs[name] for name in attrs if name not in ("bucket", "prefix")}
    amazon = {name: value for name, value in context.environ.items() if name.startswith("AWS_")}
    key = (repr(sorted(chosen.items())), tuple(sorted(amazon.items())), context.stall)
    with _making:
        if key not in _stores:
            role = f" as {attrs['role']}" if attrs.get("role") else ""
            origin = f"s3://{attrs.get('bucket', '')}{role}"
            _stores[key] = retrying(
                origin,
                context,
                lambda: _translated(lambda: _make(attrs, context), origin, signed=True),
            )
        return _stores[key]


def _make(attrs: Mapping[str, Any], context: Context) -> Store:
    from botocore import UNSIGNED  # noqa: PLC0415 - heavy, and only this source needs it
    from botocore.config import Config  # noqa: PLC0415

    session = _session(attrs, context)
    scoped = session.get_scoped_config()
    region = attrs.get("region") or context.variable("AWS_REGION", "AWS_DEFAULT_REGION")
    session.set_config_variable("region", region or scoped.get("region") or DEFAULT_REGION)
    if attrs.get("role"):
        _assume(session, attrs["role"], context)
    signed = not attrs.get("anonymous") and session.get_credentials() is not None
    endpoint = (
        attrs.get("endpoint")
        or context.variable("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
        or scoped.get("endpoint_url")
    )
    # Few of the others have a host name for each bucket; Amazon wants one.
    style = scoped.get("s3", {}).get("addressing_style", "path" if endpoint else "auto")
    config = Config(
        signature_version=None if signed else UNSIGNED,
        s3={"addressing_style": attrs.get("addressing", style)},
        connect_timeout=min(CONNECT_SECONDS, context.stall),
        read_timeout=context.stall,
        max_pool_connections=CONNECTIONS,
        retries={"total_max_attempts": 1},  # ours wait visibly
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    client = session.create_client(
        "s3", endpoint_url=endpoint, config=config, verify=certificates(context)
    )
    return Store(client, signed, endpoint or "")


def _session(attrs: Mapping[str, Any], context: Context) -> Any:
    from botocore.session import Session  # noqa: PLC0415

    forget_empty("AWS_")
    session = Session(profile=attrs.get("profile") or context.variable("AWS_PROFILE"))
    for setting, variable in (
        ("credentials_file", "AWS_SHARED_CREDENTIALS_FILE"),
        ("config_file", "AWS_CONFIG_FILE"),
    ):
        if path := context.variable(variable):
            session.set_config_variable(setting, path)
    key, secret = (
        context.variable(f"AWS_{name}") for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY")
    )
    if key and secret and not attrs.get("profile"):
        session.set_credentials(key, secret, context.variable("AWS_SESSION_TOKEN"))
    _remember(session)
    return session


def _remember(session: Any) -> None:
    """Mask in every text what this session signs with."""
    if credentials := session.get_credentials():
        frozen = credentials.get_frozen_credentials()
        for secret in filter(None, (frozen.secret_key, frozen.token)):
            remember(secret)


def _assume(session: Any, role: str, context: Context) -> None:
    """Sign as a role from now on; the temporary credentials renew themselves."""
    from botocore.config import Config  # noqa: PLC0415
    from botocore.credentials import (  # noqa: PLC0415
        AssumeRoleCredentialFetcher,
        DeferredRefreshableCredentials,
    )

    config = Config(retries={"total_max_attempts": 1})  # ours wait visibly
    base = session.get_credentials()
    if base is None:
        raise AuthError(f"no credentials to assume the role {role} with", None, _CREDENTIALS)
    where = context.variable("AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL")

    def client(service: str, **arguments: Any) -> Any:
        return session.create_client(
            service, endpoint_url=where, verify=certificates(context), config=config, **arguments
        )

    fetcher = AssumeRoleCredentialFetcher(
        client, base, role, extra_args={"RoleSessionName": SESSION_NAME}
    )
    session._credentials = DeferredRefreshableCredentials(  # noqa: SLF001 - as botocore's resolver does
        fetcher.fetch_credentials, "assume-role"
    )
    _remember(session)


def _translated(attempt: Callable[[], T], origin: str, *, signed: bool) -> T:
    import botocore.exceptions as theirs  # noqa: PLC0415

    try:
        return attempt()
    except theirs.ClientError as error:
        raise _refusal(error.response, origin, signed=signed) from error
    except (theirs.HTTPClientError, theirs.ConnectionError) as error:
        if isinstance(error, theirs.SSLError):
            what = f"the TLS certificate of {origin} is not trusted"
            remedy = "export NIX_SSL_CERT_FILE=/path/to/ca-bundle.crt"
            raise TransferError(what, mask(str(error)), remedy) from error
        raise Interrupted(f"no answer for {origin} ({mask(str(error))})") from error
    except (
        theirs.ProfileNotFound,
        theirs.NoCredentialsError,
        theirs.PartialCredentialsError,
        theirs.CredentialRetrievalError,
        theirs.SSOError,
        theirs.TokenRetrievalError,
    ) as error:
        raise AuthError(
            f"no usable credentials for {origin}", mask(str(error)), _CREDENTIALS
        ) from error
    except (theirs.BotoCoreError, ValueError) as error:
        raise UsageError(f"S3 cannot be asked for {origin}", mask(str(error))) from error


def _refusal(response: Mapping[str, Any], origin: str, *, signed: bool) -> Exception:
    code = str(response.get("Error", {}).get("Code", ""))
    meta = response.get("ResponseMetadata", {})
    status = int(meta.get("HTTPStatusCode", 0))
    words = response.get("Error", {}).get("Message") or ""
    got = mask(f"HTTP {status} {code}{f' ({words})' if words and words != code else ''}")
    if code in _CHANGED:
        return Moved(origin, None, got)
    if status in TRANSIENT_STATUS or code in _SLOW:
        return Interrupted(f"{got} for {origin}", asked_wait(_titled(meta)))
    if code in _GONE:
        return NotFoundError(f"{origin} does not exist", got)
    if status in (401, 403) or code in _REFUSED:
        return _access(code, got, origin, signed=signed)
    if status in (301, 307, 400) and "region" in got.lower() + code.lower():
        return TransferError(f"{origin} is in another region", got, 'region = "…";')
    return TransferError(f"cannot fetch {origin}", got)


def _access(code: str, got: str, origin: str, *, signed: bool) -> ModelError:
    if not signed:
        what = f"{origin} is not public, and no credentials were found"
        return AuthError(what, got, _CREDENTIALS)
    if code in ("ExpiredToken", "TokenRefreshRequired"):
        return AuthError(f"the session token for {origin} has expired", got, "aws sso login")
    if code == "AccessDenied":
        remedy = "a policy that allows s3:ListBucket, s3:GetObject and s3:GetObjectVersion"
        return AuthError(f"these credentials may not read {origin}", got, remedy)
    return AuthError(f"{origin} refuses these credentials", got, _CREDENTIALS)


def _titled(meta: Mapping[str, Any]) -> dict[str, str]:
    return {name.title(): value for name, value in meta.get("HTTPHeaders", {}).items()}
