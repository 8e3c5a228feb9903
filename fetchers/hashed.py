"""Mirrors of content: places that have files by their sha256, asked before the source itself.

The layout is that of Nix's ``hashed-mirrors``: ``BASE/sha256/<hex>``. As the hash decides, a mirror
needs no trust, and it gets no credentials.
Source: https://nix.dev/manual/nix/latest/command-ref/conf-file#conf-hashed-mirrors
"""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from requests import PreparedRequest
from requests.auth import AuthBase

from common.errors import NotFoundError
from common.files import RemoteFile
from common.secrets import public_url
from fetchers.context import Context
from fetchers.http import UrlOpener
from fetchers.opened import Opened, Opener

VARIABLE = "NIX_AI_MODELS_MIRRORS"  # addresses, separated by blanks
_LOCAL = ("", "file")


def mirror_openers(file: RemoteFile, context: Context) -> Iterator[tuple[str, Opener]]:
    """Give each mirror's public address, and an opener of the file there."""
    if file.sha256 is None:
        return
    named = (context.variable(VARIABLE) or "").split()
    for base in dict.fromkeys((*context.mirrors, *named)):
        address = f"{base.rstrip('/')}/sha256/{file.sha256}"
        yield public_url(base), _opener(address, context)


def _opener(address: str, context: Context) -> Opener:
    parts = urlsplit(address)
    if parts.scheme in _LOCAL:
        return file_opener(Path(unquote(parts.path)))
    # NB: an auth object that adds nothing, or requests would send what netrc has for that host.
    return UrlOpener(address, context, auth=_Anonymous())


class _Anonymous(AuthBase):
    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        return request


def file_opener(path: Path) -> Opener:
    """Make an opener of a file of this machine."""

    def open_at(offset: int, validator: str | None) -> Opened:  # noqa: ARG001 - the opener's form
        try:
            stream = path.open("rb", buffering=0)
        except OSError as error:
            raise NotFoundError(f"cannot read {path}", error.strerror) from error
        stream.seek(offset)
        total = path.stat().st_size
        return Opened(offset, total, None, lambda count: stream.read(count) or b"", stream.close)

    return open_at
