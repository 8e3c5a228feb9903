"""From what a user writes, a reference and options, to a source."""

import argparse
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from cli.locked import to_name
from cli.parser import Parser
from common.errors import UsageError
from common.reference import PARSE, SHOW, Source, parse_reference
from common.secrets import mask, remember

# What an option is called as an attribute, by the type of source that has it.
_ATTRIBUTES: Mapping[str, Mapping[str, str]] = {
    "revision": {"huggingface": "revision", "git-lfs": "rev", "mlflow": "modelVersion"},
    "include": dict.fromkeys(SHOW, "files"),
    "exclude": dict.fromkeys(SHOW, "exclude"),
    "endpoint": dict.fromkeys(("huggingface", "s3", "gcs", "azure"), "endpoint"),
    "tracking_uri": {"mlflow": "trackingUri"},
    "region": {"s3": "region"},
}
_PINNED_BY = {"huggingface": "revision", "git-lfs": "rev"}
_NAMED_BY = {
    "huggingface": "repo",
    "mlflow": "modelName",
    "git-lfs": "url",
    "ollama": "model",
    "local": "path",
}


def add_options(verb: Parser) -> None:
    """Add the options that say more about a source than its reference does."""
    group = verb.add_argument_group("source")
    verb.options += ["--revision", "--include", "--exclude", "--all-files", "--endpoint"]
    verb.options += ["--tracking-uri", "--region"]
    group.add_argument("--revision", metavar="REV", help="branch, tag, commit or version")
    group.add_argument(
        "--include", metavar="GLOB", action="append", help="keep only these files (repeatable)"
    )
    group.add_argument(
        "--exclude", metavar="GLOB", action="append", help="leave these files out (repeatable)"
    )
    group.add_argument(
        "--all-files",
        action="store_true",
        help="keep pickles and other formats of weights that are there as safetensors",
    )
    group.add_argument(
        "--endpoint", metavar="URL", help="another hub or object store than the usual one"
    )
    group.add_argument("--tracking-uri", metavar="URL", help="MLflow tracking server")
    group.add_argument("--region", metavar="NAME", help="region of an S3 bucket")


def read_source(reference: str, arguments: argparse.Namespace) -> Source:
    """Read a reference and the options of `add_options`.

    Raises:
        UsageError: the reference cannot be read, an option does not fit its type, or it holds a
            secret, which would end in the lock file or in Nix code.
    """
    if not is_reference(reference) and Path(reference).exists():
        raise UsageError("this is no reference to a model", repr(reference), f"file:{reference}")
    source = parse_reference(reference)
    attrs = dict(source.attrs)
    for option, names in _ATTRIBUTES.items():
        value = getattr(arguments, option)
        if value is not None:
            attrs[_attribute(option, names, source.type)] = value
    if arguments.all_files and source.type == "huggingface":
        attrs.setdefault("files", ["*"])
    if source.type == "local":
        # A string has no directory to be relative to where Nix reads it.
        attrs["path"] = str(Path(attrs["path"]).expanduser().absolute())
    _refuse_secrets(attrs)
    return Source(source.type, attrs)


def is_reference(text: str) -> bool:
    """Whether a text begins with a scheme, as only references do, or is a source as JSON."""
    scheme, colon, _ = text.partition(":")
    return text.startswith("{") or (bool(colon) and scheme.lower() in PARSE)


def pinned(source: Source, revision: str) -> Source:
    """Give the source with the pinned revision in place of the named one, where it has one."""
    attribute = _PINNED_BY.get(source.type)
    if attribute is None or not revision:
        return source
    return Source(source.type, {**source.attrs, attribute: revision})


def _attribute(option: str, names: Mapping[str, str], type_: str) -> str:
    if type_ not in names:
        flag = f"--{option.replace('_', '-')}"
        raise UsageError(
            f"{flag} means nothing for a source of type {type_}", None, f"leave {flag} out"
        )
    return names[type_]


def _refuse_secrets(value: Any) -> None:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for element in value:
            _refuse_secrets(element)
    if isinstance(value, str) and "://" in value:
        parts = urlsplit(value)
        # A name alone may be a token too; of ssh it is only who to log in as.
        named = parts.username if parts.scheme in ("http", "https") else None
        for secret in filter(None, (parts.password, named)):
            remember(secret)
        if parts.password or named or mask(value) != value:
            what = "an address with a secret in it would end in the lock file"
            raise UsageError(what, mask(value), "the address alone, and credentials in ~/.netrc")


def default_name(source: Source) -> str:
    """Make a model's name from what its source calls it."""
    attrs = source.attrs
    text = str(attrs.get(_NAMED_BY.get(source.type, ""), ""))
    if source.type == "url":
        text = PurePosixPath(urlsplit(attrs["urls"][0]["url"]).path).stem
    elif source.type == "ollama":
        text = re.sub(r":[^/]*$", "", text)
    elif source.type == "local":
        text = Path(text).expanduser().resolve().name
    else:
        text = text or attrs.get("prefix") or attrs.get("container") or attrs.get("bucket", "")
    return to_name(text.rstrip("/").rpartition("/")[2].removesuffix(".git"))
