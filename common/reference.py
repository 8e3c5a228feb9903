"""One grammar of references, used by the command, by Nix sources given as strings, and in metadata.

A reference is text (``huggingface:ORG/NAME@REV``); a source is its meaning: a type and attributes,
written in JSON as ``{"huggingface": {"repo": …, "revision": …}}`` exactly as in Nix.
"""

import difflib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from common.errors import UsageError

HUB_KINDS = {"datasets": "dataset", "spaces": "space", "models": "model"}
_HUB_ID = re.compile(
    r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?(?:/[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?)?"
)
HUB_ID_LONGEST = 96  # characters, as the hub itself enforces


@dataclass(frozen=True)
class Source:
    """Where a model comes from: a type such as ``huggingface`` and its attributes as in Nix."""

    type: str
    attrs: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Give the form that lock files and derivations hold, ``{type: attrs}``."""
        return {self.type: dict(self.attrs)}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "Source":
        """Read ``{type: attrs}``.

        Raises:
            UsageError: when it does not name exactly one known type.
        """
        if len(data) != 1:
            raise UsageError(
                "a source names exactly one type", sorted(data), '{"huggingface": {…}}'
            )
        type_, attrs = next(iter(data.items()))
        if type_ not in SHOW:
            raise UsageError(f"unknown source type, one of {', '.join(sorted(SHOW))}", repr(type_))
        return Source(type_, attrs)


def parse_reference(text: str) -> Source:
    """Read a reference, or a whole source written as JSON, ``{"url": {"urls": […]}}``.

    Raises:
        UsageError: when it has no known scheme, or its body does not fit the scheme.
    """
    if text.startswith("{"):
        return _parse_json(text)
    scheme, colon, body = text.partition(":")
    parser = PARSE.get(scheme.lower()) if colon else None
    if parser is None:
        raise _unknown(text, scheme if colon else "")
    if not body.strip("/"):
        raise UsageError("the reference names nothing after its scheme", repr(text), _EXAMPLES)
    return parser(body if scheme.lower() not in ("http", "https") else text)


def _parse_json(text: str) -> Source:
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        what = f"this source is no JSON: {error.msg} at column {error.colno}"
        raise UsageError(what, repr(text), '\'{"huggingface": {"repo": "ORG/NAME"}}\'') from error
    if not isinstance(data, dict) or not all(isinstance(attrs, dict) for attrs in data.values()):
        raise UsageError("a source is a type with attributes", repr(text), '{"url": {"urls": […]}}')
    source = Source.from_json(data)
    try:
        show_reference(source)
    except (KeyError, IndexError, TypeError) as error:
        what = f"a source of type {source.type} lacks an attribute that it needs"
        raise UsageError(what, repr(text), f"what {error} is") from error
    return source


def show_reference(source: Source) -> str:
    """Write a source as the reference that would parse to it (globs and the like left out)."""
    return SHOW[source.type](source.attrs)


_EXAMPLES = "huggingface:ORG/NAME@main, ollama:NAME:TAG, s3://BUCKET/PREFIX, https://…, file:PATH"


def _unknown(text: str, scheme: str) -> UsageError:
    near = difflib.get_close_matches(scheme, PARSE, 1) if scheme else []
    hint = f"; did you mean {near[0]!r}?" if near else ""
    remedy = f"huggingface:{text}" if _HUB_ID.fullmatch(text) and "/" in text else _EXAMPLES
    return UsageError("this is no reference to a model", f"{text!r}{hint}", remedy)


def check_hub_id(repo: str) -> str:
    """Return a Hugging Face repository id unchanged, with or without an owner.

    Raises:
        UsageError: when the hub could not have a repository of that name.
    """
    fits = _HUB_ID.fullmatch(repo) and len(repo) <= HUB_ID_LONGEST
    if not fits or "--" in repo or ".." in repo or repo.endswith(".git"):
        raise UsageError(
            "this is no Hugging Face repository id",
            repr(repo),
            "ORG/NAME, for example microsoft/phi-2",
        )
    return repo


def _split_revision(body: str, default: str) -> tuple[str, str]:
    name, at, revision = body.rpartition("@")
    if not at:
        return body, default
    if not name or not revision:
        raise UsageError(
            "a revision is missing beside the @", repr(body), f"{name or 'NAME'}@{default}"
        )
    return name, revision


def _parse_huggingface(body: str) -> Source:
    name, revision = _split_revision(body, "main")
    head, slash, rest = name.partition("/")
    kind = HUB_KINDS.get(head, "") if slash else ""
    # NB: "datasets/x" could be an owner called "datasets"; the hub reserves those names.
    repo = check_hub_id(rest if kind else name)
    attrs = {"repo": repo, "revision": revision}
    return Source("huggingface", attrs | ({"kind": kind} if kind and kind != "model" else {}))


def _show_huggingface(attrs: Mapping[str, Any]) -> str:
    kind = attrs.get("kind", "model")
    prefix = "" if kind == "model" else f"{kind}s/"
    return f"huggingface:{prefix}{attrs['repo']}@{attrs.get('revision', 'main')}"


def _parse_mlflow(body: str) -> Source:
    name, version = _split_revision(body, "latest")
    if version.startswith("alias:"):
        return Source("mlflow", {"modelName": name, "modelAlias": version.removeprefix("alias:")})
    key = "modelVersion" if version.isdecimal() or version == "latest" else "modelStage"
    return Source("mlflow", {"modelName": name, key: version})


def _show_mlflow(attrs: Mapping[str, Any]) -> str:
    if "modelAlias" in attrs:
        return f"mlflow:{attrs['modelName']}@alias:{attrs['modelAlias']}"
    version = attrs.get("modelVersion", attrs.get("modelStage", "latest"))
    return f"mlflow:{attrs['modelName']}@{version}"


def _parse_git_lfs(body: str) -> Source:
    # NB: an @ in the authority (git@host:path, https://user@host) is no revision.
    start = body.rfind("/") + 1
    name, at, revision = body[start:].rpartition("@")
    url = body[:start] + name if at else body
    if at and (not name or not revision):
        raise UsageError("a revision is missing beside the @", repr(body), f"git-lfs:{url}@main")
    return Source("git-lfs", {"url": url, "rev": revision if at else "HEAD"})


def _show_git_lfs(attrs: Mapping[str, Any]) -> str:
    return f"git-lfs:{attrs['url']}@{attrs.get('rev', 'HEAD')}"


def _parse_url(body: str) -> Source:
    if not re.match(r"(?i)https?://[^/]", body):
        raise UsageError("a url reference is an http or https address", repr(body), "url:https://…")
    return Source("url", {"urls": [{"url": body}]})


def _show_url(attrs: Mapping[str, Any]) -> str:
    return f"url:{attrs['urls'][0]['url']}"


def _parse_bucket(type_: str) -> Callable[[str], Source]:
    def parse(body: str) -> Source:
        bucket, _, prefix = body.removeprefix("//").partition("/")
        if not body.startswith("//") or not bucket:
            raise UsageError(
                "the bucket is missing", repr(body), f"{_SCHEME[type_]}://BUCKET/PREFIX"
            )
        return Source(type_, {"bucket": bucket, "prefix": prefix})

    return parse


def _show_bucket(type_: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda attrs: f"{_SCHEME[type_]}://{attrs['bucket']}/{attrs.get('prefix', '')}"


def _parse_azure(body: str) -> Source:
    account, _, rest = body.removeprefix("//").partition("/")
    container, _, prefix = rest.partition("/")
    if not body.startswith("//") or not account or not container:
        remedy = "az://ACCOUNT/CONTAINER/PREFIX"
        raise UsageError("the account or the container is missing", repr(body), remedy)
    return Source("azure", {"account": account, "container": container, "prefix": prefix})


def _show_azure(attrs: Mapping[str, Any]) -> str:
    return f"az://{attrs['account']}/{attrs['container']}/{attrs.get('prefix', '')}"


def _parse_ollama(body: str) -> Source:
    return Source("ollama", {"model": body})


def _show_ollama(attrs: Mapping[str, Any]) -> str:
    return f"ollama:{attrs['model']}"


def _parse_file(body: str) -> Source:
    return Source("local", {"path": body.removeprefix("//") if body.startswith("///") else body})


def _show_file(attrs: Mapping[str, Any]) -> str:
    return f"file:{attrs['path']}"


_SCHEME = {"s3": "s3", "gcs": "gs"}

PARSE: Mapping[str, Callable[[str], Source]] = {
    "huggingface": _parse_huggingface,
    "hf": _parse_huggingface,
    "mlflow": _parse_mlflow,
    "git-lfs": _parse_git_lfs,
    "url": _parse_url,
    "http": _parse_url,
    "https": _parse_url,
    "s3": _parse_bucket("s3"),
    "gs": _parse_bucket("gcs"),
    "az": _parse_azure,
    "ollama": _parse_ollama,
    "file": _parse_file,
}

SHOW: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "huggingface": _show_huggingface,
    "mlflow": _show_mlflow,
    "git-lfs": _show_git_lfs,
    "url": _show_url,
    "s3": _show_bucket("s3"),
    "gcs": _show_bucket("gcs"),
    "azure": _show_azure,
    "ollama": _show_ollama,
    "local": _show_file,
}
