"""MLflow's model registry, without the ``mlflow`` package: version, stage, ``latest`` or alias.

Source: https://mlflow.org/docs/latest/api_reference/rest-api.html
"""

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlencode, urlsplit

import requests

from common.errors import AuthError, ModelError, NotFoundError, TransferError, UsageError
from common.files import RemoteFile, check_path, select
from common.reference import Source, show_reference
from common.secrets import mask, public_url
from fetchers.base import Digests, Snapshot, load
from fetchers.context import Context
from fetchers.credentials import mlflow_auth
from fetchers.http import new_session, send, url_opener
from fetchers.retry import retrying
from fetchers.transfer import receive

API = "/api/2.0/mlflow"
ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"
DEEPEST = 64  # directories within directories
_SHOWN = 300  # characters of a server's own message that an error repeats
_REFUSED = (401, 403)
_HERE = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class _Proxied:
    """Artifacts that a tracking server passes on: its address, and their directory there."""

    server: str
    path: str


def resolve(source: Source, context: Context) -> Snapshot:
    """Find the version, where its artifacts are, and list them.

    Raises:
        NotFoundError: no such model, version, stage or alias, or no file is wanted.
        AuthError, TransferError; UsageError for an address or a store that cannot be used.
    """
    version = _version(source, context)
    root = _root(source, version, context)
    place = _place(root, tracking_uri(source, context))
    attrs = source.attrs
    globs = {name: attrs[name] for name in ("files", "exclude") if name in attrs}
    if isinstance(place, Source):
        # Not proxied: another source lists and pins, and takes its pins back.
        inner = Source(place.type, {**place.attrs, **globs})
        listed = load(inner.type).resolve(inner, context).files
    else:
        listed = tuple(_list(place, source, context))
    wanted = select(
        (file.path for file in listed), attrs.get("files", ()), attrs.get("exclude", ())
    )
    if not wanted:
        some = ", ".join(sorted(file.path for file in listed)[:5])
        raise NotFoundError(
            f"{show_reference(source)} has no file that is wanted", None, f"globs for {some}"
        )
    by_path = {check_path(file.path): file for file in listed}
    files = (by_path[path] for path in wanted)
    return Snapshot(
        source, version, tuple(replace(one, pin=_to_pin(root, one.pin)) for one in files)
    )


def download(
    source: Source, revision: str, file: RemoteFile, target: Path, context: Context
) -> Digests:
    """Download one artifact; the registry is not asked when the lock has its place."""
    root, inner = _from_pin(file.pin)
    place = _place(root or _root(source, revision, context), tracking_uri(source, context))
    if isinstance(place, Source):
        pinned = replace(file, pin=inner)
        return load(place.type).download(place, "", pinned, target, context)
    url = f"{place.server}{ARTIFACTS}/{quote(posixpath.join(place.path, file.path))}"
    opener = url_opener(
        url,
        context,
        auth=mlflow_auth(context) if _is_own(place, source, context) else None,
        explain=lambda response: _explain(response, source, f"the artifact {file.path}"),
    )
    return receive(file, target, opener, context, origin=public_url(url))


def tracking_uri(source: Source, context: Context) -> str:
    """Give the address of the tracking server: the source's own, else ``MLFLOW_TRACKING_URI``.

    Raises:
        UsageError: there is none, or it is no http or https address.
    """
    uri = str(source.attrs.get("trackingUri") or context.variable("MLFLOW_TRACKING_URI") or "")
    parts = urlsplit(uri)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        remedy = "export MLFLOW_TRACKING_URI=https://mlflow.example.org"
        raise UsageError("there is no tracking server to ask", repr(public_url(uri)), remedy)
    if parts.password:
        remedy = "the address alone, and MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
        raise UsageError("the tracking server's address holds a password", public_url(uri), remedy)
    return uri.rstrip("/")


def _is_own(place: _Proxied, source: Source, context: Context) -> bool:
    own = urlsplit(tracking_uri(source, context)).netloc
    return urlsplit(place.server).netloc == own


def _version(source: Source, context: Context) -> str:
    attrs, name = source.attrs, source.attrs["modelName"]
    if "modelAlias" in attrs:
        wanted = {"name": name, "alias": attrs["modelAlias"]}
        answer = _ask(source, "registered-models/alias", wanted, context)
        return str(answer["model_version"]["version"])
    version = str(attrs.get("modelVersion", "latest"))
    if "modelStage" not in attrs and version != "latest":
        wanted = {"name": name, "version": version}
        answer = _ask(source, "model-versions/get", wanted, context)
        return str(answer["model_version"]["version"])
    stage = {"stages": attrs["modelStage"]} if "modelStage" in attrs else {}
    wanted = {"name": name, **stage}
    answer = _ask(source, "registered-models/get-latest-versions", wanted, context)
    versions = [int(one["version"]) for one in answer.get("model_versions", ())]
    if not versions:
        got = (
            f"no version in stage {attrs['modelStage']!r}" if stage else "a model without versions"
        )
        raise NotFoundError(f"{show_reference(source)} does not exist", got)
    return str(max(versions))


def _root(source: Source, version: str, context: Context) -> str:
    wanted = {"name": source.attrs["modelName"], "version": version}
    answer = _ask(source, "model-versions/get-download-uri", wanted, context)
    return str(answer["artifact_uri"])


def _ask(source: Source, call: str, wanted: Mapping[str, str], context: Context) -> dict[str, Any]:
    url = f"{tracking_uri(source, context)}{API}/{call}?{urlencode(wanted)}"
    return _get(url, source, context, own=True)


def _get(url: str, source: Source, context: Context, *, own: bool) -> dict[str, Any]:
    def explain(response: requests.Response) -> ModelError | None:
        return _explain(response, source, show_reference(source))

    def attempt() -> dict[str, Any]:
        auth = mlflow_auth(context) if own else None
        with send(new_session(), url, context, auth=auth, explain=explain) as response:
            try:
                answer: dict[str, Any] = response.json()
            except ValueError as error:
                what = f"{public_url(url)} does not answer as an MLflow server does"
                raise TransferError(what, response.headers.get("Content-Type")) from error
            return answer

    return retrying(show_reference(source), context, attempt)


def _explain(response: requests.Response, source: Source, name: str) -> ModelError | None:
    if response.status_code in _REFUSED:
        remedy = "export MLFLOW_TRACKING_USERNAME=… MLFLOW_TRACKING_PASSWORD=…"
        what = f"the tracking server refuses access to {name}"
        return AuthError(
            what, f"HTTP {response.status_code}", f"{remedy}, or MLFLOW_TRACKING_TOKEN=…"
        )
    try:
        answer = response.json()
        code, message = answer["error_code"], str(answer.get("message", ""))
    except (ValueError, LookupError, TypeError):
        return None
    words = mask(" ".join(message.split()))[:_SHOWN]
    # A missing alias is called an invalid parameter.
    missing = code == "INVALID_PARAMETER_VALUE" and "not found" in message
    if code == "RESOURCE_DOES_NOT_EXIST" or missing:
        where = f"{source.attrs.get('trackingUri') or '$MLFLOW_TRACKING_URI'}/#/models"
        return NotFoundError(f"{name} does not exist", words, f"a name and version of {where}")
    return None


def _place(root: str, tracking: str) -> _Proxied | Source:
    """Tell what an artifact address means: the server itself, or another kind of source.

    Raises:
        UsageError: no source of this project reads it.
    """
    parts = urlsplit(root)
    path = unquote(parts.path)
    if parts.scheme == "mlflow-artifacts":
        host = f"{urlsplit(tracking).scheme}://{parts.netloc}" if parts.netloc else tracking
        return _Proxied(host, path.strip("/"))
    if parts.scheme in ("http", "https") and "/mlflow-artifacts/artifacts" in path:
        server, _, below = root.partition(ARTIFACTS)
        return _Proxied(server, unquote(below).strip("/"))
    # NB: the addresses of buckets are written as they are, without percent-encoding.
    scheme, _, rest = root.partition("://")
    host, _, below = rest.partition("/")
    if scheme in ("s3", "gs"):
        return Source({"s3": "s3", "gs": "gcs"}[scheme], {"bucket": host, "prefix": f"{below}/"})
    if scheme in ("wasb", "wasbs", "abfs", "abfss"):
        container, _, account = host.partition("@")
        attrs = {"account": account.partition(".")[0], "container": container}
        return Source("azure", {**attrs, "prefix": f"{below}/"})
    if not parts.scheme or parts.scheme == "file":
        if urlsplit(tracking).hostname not in _HERE:
            # A stranger's server may not choose which of our files end in the store.
            what = "the tracking server names a path of this machine for the artifacts"
            raise UsageError(what, repr(root), f'source.local.path = "{path}";')
        return Source("local", {"path": path if parts.scheme else root})
    what = "the artifacts of this model are where nothing here can read them"
    raise UsageError(
        what, public_url(root), "mlflow server --serve-artifacts, which passes them on"
    )


def _list(place: _Proxied, source: Source, context: Context) -> Iterator[RemoteFile]:
    own = _is_own(place, source, context)
    folders = [""]
    while folders:
        folder = folders.pop()
        if folder.count("/") > DEEPEST:
            raise TransferError("the artifacts are nested without end", repr(folder[:_SHOWN]))
        wanted = urlencode({"path": posixpath.join(place.path, folder).rstrip("/")})
        answer = _get(f"{place.server}{ARTIFACTS}?{wanted}", source, context, own=own)
        for entry in answer.get("files", ()):
            path = posixpath.join(folder, posixpath.basename(entry["path"]))
            if entry.get("is_dir"):
                folders.append(check_path(path))
            else:
                size = entry.get("file_size")
                yield RemoteFile(path, int(size) if size is not None else None)


def _to_pin(root: str, inner: str | None) -> str:
    """Write where the artifacts are and, after a space, what the place itself pins by."""
    return f"{quote(root, safe=':/@')} {inner or ''}".rstrip()


def _from_pin(pin: str | None) -> tuple[str, str | None]:
    root, _, inner = (pin or "").partition(" ")
    return unquote(root), inner or None
