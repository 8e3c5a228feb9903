"""Secrets, and the one function that keeps them out of every text we print."""

import re
from urllib.parse import quote, urlsplit, urlunsplit

MASK = "***"
SHORTEST_SECRET = 4  # characters; shorter values would mask ordinary words
_known: set[str] = set()
_QUERY_SECRET = re.compile(
    r"(?i)([?&;](?:[^=&\s]*(?:token|signature|secret|password|credential|key)[^=&\s]*|sig)=)[^&\s\"']+"
)


class Secret:
    """A secret value that no formatting shows; `reveal` is the only way to it."""

    def __init__(self, value: str, origin: str) -> None:
        self._value = value
        self.origin = origin
        remember(value)

    def reveal(self) -> str:
        """Give the value itself, to put it into a request."""
        return self._value

    @property
    def scheme(self) -> str:
        """Give the scheme under which HTTP sends it in an Authorization header."""
        return "Bearer"

    def __repr__(self) -> str:
        return f"Secret({MASK} from {self.origin})"

    __str__ = __repr__


def remember(value: str) -> None:
    """Mask this value (and its URL-quoted form) in everything printed from now on."""
    if len(value) >= SHORTEST_SECRET:
        _known.update({value, quote(value, safe="")})


def mask(text: str) -> str:
    """Replace every known secret, and what looks like one in a URL's query, in a text."""
    for value in sorted(_known, key=len, reverse=True):
        text = text.replace(value, MASK)
    return _QUERY_SECRET.sub(rf"\1{MASK}", text)


def public_url(url: str) -> str:
    """Give a URL without user, password, query secrets and known secrets, for messages."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return mask(urlunsplit((parts.scheme, host, parts.path, parts.query, "")))
