"""Mirrors of content: places that have files by their sha256, asked before the source itself.

The layout is that of Nix's ``hashed-mirrors``: ``BASE/sha256/<hex>``. As the hash decides, a mirror
needs no trust, and it gets no credentials.
Source: https://nix.dev/manual/nix/latest/command-ref/conf-file#conf-hashed-mirrors
"""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from common.files import RemoteFile
from common.secrets import public_url
from fetchers.context import Context
from fetchers.opened import Opener, file_opener

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
    # Imported here: copying from this machine needs no HTTP.
    from fetchers.http import UrlOpener, anonymous  # noqa: PLC0415

    return UrlOpener(address, context, auth=anonymous)
