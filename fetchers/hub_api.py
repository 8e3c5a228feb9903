"""What is asked of the hub's API, through huggingface_hub 1.x or 2.x, with its errors reworded."""

import os
import ssl
from collections.abc import Mapping
from typing import Any

from common.errors import ModelError, NotFoundError, TransferError, UsageError
from common.files import RemoteFile
from common.reference import Source, show_reference
from common.secrets import mask
from fetchers.context import Context
from fetchers.credentials import hub_token
from fetchers.http import certificates, untrusted
from fetchers.huggingface import refused
from fetchers.retry import TRANSIENT_STATUS, Interrupted, asked_wait, retrying


def snapshot(source: Source, endpoint: str, context: Context) -> tuple[str, tuple[RemoteFile, ...]]:
    """Resolve a hub source to its commit (40 hex digits) and the files there, unfiltered.

    Raises:
        NotFoundError, AuthError, TransferError, UsageError.
    """
    name = show_reference(source)
    return retrying(name, context, lambda: _ask(source, endpoint, context))


def _ask(source: Source, endpoint: str, context: Context) -> tuple[str, tuple[RemoteFile, ...]]:
    # NB: read at import; otherwise the client reports every import to the hub.
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    # The client knows this one variable only; it reads it when it makes its session.
    trusted = certificates(context)
    if isinstance(trusted, str):
        os.environ["SSL_CERT_FILE"] = trusted
    import huggingface_hub  # noqa: PLC0415 - heavy, and only needed to resolve

    attrs = source.attrs
    token = hub_token(context)
    where: dict[str, Any] = {"repo_type": attrs.get("kind", "model")}
    wanted = attrs.get("revision", "main")
    huggingface_hub.get_session().timeout = context.stall
    # NB: False, not None, or the client would look for a token on its own.
    api = huggingface_hub.HfApi(endpoint=endpoint, token=token.reveal() if token else False)
    try:
        info = api.repo_info(attrs["repo"], revision=wanted, timeout=context.stall, **where)
        commit = str(info.sha)
        tree = api.list_repo_tree(attrs["repo"], revision=commit, recursive=True, **where)
        files = tuple(_file(entry) for entry in tree if hasattr(entry, "blob_id"))
    except ModelError:
        raise
    except Exception as error:
        raise _translate(error, source, endpoint, context) from error
    return commit, tuple(sorted(files))


def _file(entry: Any) -> RemoteFile:
    if entry.lfs is None:
        return RemoteFile(entry.path, entry.size, git_sha1=entry.blob_id)
    return RemoteFile(entry.path, entry.lfs.size, sha256=entry.lfs.sha256)


def _translate(error: Exception, source: Source, endpoint: str, context: Context) -> Exception:
    kind = type(error).__name__
    response = getattr(error, "response", None)
    if kind == "OfflineModeIsEnabled":
        what = "the hub is to be asked, but HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE is set"
        return UsageError(what, None, "unset HF_HUB_OFFLINE TRANSFORMERS_OFFLINE")
    if response is not None:
        return _translate_response(response, source, endpoint, context)
    if isinstance(error, ValueError):
        return UsageError(f"the hub does not understand {show_reference(source)}", mask(str(error)))
    if _has_cause(error, ssl.SSLError):
        return untrusted(endpoint)
    return Interrupted(f"no answer from {endpoint} ({kind}: {mask(str(error))})")


def _has_cause(error: BaseException | None, kind: type[Exception]) -> bool:
    while error and not isinstance(error, kind):
        error = error.__cause__ or error.__context__
    return error is not None


def _translate_response(
    response: Any, source: Source, endpoint: str, context: Context
) -> Exception:
    headers: Mapping[str, str] = response.headers
    status, code = response.status_code, headers.get("X-Error-Code", "")
    name = show_reference(source)
    if status in TRANSIENT_STATUS:
        return Interrupted(f"HTTP {status} from {endpoint}", asked_wait(headers))
    if code == "RevisionNotFound":
        revision = source.attrs.get("revision", "main")
        return NotFoundError(f"{name} does not exist", f"no revision {revision!r}", "@main")
    if status in (401, 403, 404):
        return refused(source, code, status, context)
    return TransferError(f"the hub at {endpoint} does not answer for {name}", f"HTTP {status}")
