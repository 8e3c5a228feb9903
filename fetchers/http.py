"""HTTP for every source that speaks it: one session, and an opener with Range and If-Range.

Sources: ranges https://www.rfc-editor.org/rfc/rfc9110#name-range-requests
"""

import re
import threading
from collections.abc import Callable
from pathlib import Path

import requests
import urllib3
from requests.auth import AuthBase

from common import VERSION
from common.errors import AuthError, ModelError, NotFoundError, TransferError
from common.secrets import mask, public_url
from fetchers.context import Context
from fetchers.opened import Opened
from fetchers.retry import TRANSIENT_STATUS, Interrupted, asked_wait

CONNECT_SECONDS = 20.0
MAX_REDIRECTS = 10
LONGEST_MESSAGE = 300  # characters of a server's own words that an error repeats
_CERTIFICATES = ("NIX_SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
_GONE = (404, 410)
_REFUSED = (401, 403)
_PARTIAL, _RANGE_NOT_SATISFIABLE, _OK = 206, 416, 200

Auth = AuthBase | Callable[[requests.PreparedRequest], requests.PreparedRequest]
_kept = threading.local()
Explain = Callable[[requests.Response], ModelError | None]


def new_session() -> requests.Session:
    """Make a session; proxies and netrc come from the environment as requests reads them."""
    session = requests.Session()
    session.max_redirects = MAX_REDIRECTS
    session.headers["User-Agent"] = f"nix-ai-models/{VERSION}"
    session.headers["Accept-Encoding"] = "identity"  # what is hashed is what upstream stores
    return session


def kept_session() -> requests.Session:
    """Give this thread's own session, so that many small requests share its connections."""
    if not hasattr(_kept, "session"):
        _kept.session = new_session()
    session: requests.Session = _kept.session
    return session


def certificates(context: Context) -> str | bool:
    """Give the CA bundle to trust: the first of Nix's and the usual variables that names a file."""
    for name in _CERTIFICATES:
        value = context.variable(name)
        # NB: Nix sets some of these to paths that do not exist inside a sandbox.
        if value and Path(value).exists():
            return value
    return True


def send(
    session: requests.Session,
    url: str,
    context: Context,
    *,
    headers: dict[str, str] | None = None,
    auth: Auth | None = None,
    explain: Explain = lambda _: None,
    method: str = "GET",
    json: object = None,
    stream: bool = False,
) -> requests.Response:
    """Send one request and return a response whose status is a success (or 416).

    Args:
        session: from `new_session`.
        url: absolute; secrets in it never show in errors.
        context: gives the stall time and certificates.
        headers: added to the session's.
        auth: credentials; dropped by requests on a redirect to another origin.
        explain: turns a refusal into a better error than the general one; None to decline.
        method: of HTTP.
        json: body.
        stream: leave the body unread.

    Raises:
        Interrupted: the failure may pass; the caller repeats (`fetchers.retry`).
        AuthError, NotFoundError, TransferError: it will not.
    """
    try:
        response = session.request(
            method,
            url,
            headers=headers,
            auth=auth,
            json=json,
            stream=stream,
            timeout=(min(CONNECT_SECONDS, context.stall), context.stall),
            verify=certificates(context),
        )
    except requests.RequestException as error:
        raise _connection_error(error, url) from error
    if response.status_code in (_OK, _PARTIAL, _RANGE_NOT_SATISFIABLE) or response.ok:
        return response
    with response:
        raise _refusal(response, url, explain)


def _connection_error(error: requests.RequestException, url: str) -> Exception:
    where = public_url(url)
    if isinstance(error, requests.TooManyRedirects):
        return TransferError(f"{where} redirects in a loop", f"more than {MAX_REDIRECTS} redirects")
    if isinstance(error, requests.exceptions.SSLError):
        return untrusted(where)
    if isinstance(error, requests.Timeout):
        return Interrupted(f"no answer from {where} in time")
    if isinstance(error, requests.ConnectionError | requests.exceptions.ChunkedEncodingError):
        return Interrupted(f"no connection to {where} ({_innermost(error)})")
    return TransferError(f"cannot fetch {where}", mask(str(error)))


def untrusted(where: str) -> TransferError:
    """Word that a server's certificate is none we trust, or that it speaks no TLS at all."""
    remedy = "export NIX_SSL_CERT_FILE=/path/to/ca-bundle.crt"
    return TransferError(f"the TLS certificate of {where} is not trusted", None, remedy)


def _innermost(error: BaseException) -> str:
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__ or error
    return mask(str(error))[:LONGEST_MESSAGE] or type(error).__name__


def _refusal(response: requests.Response, url: str, explain: Explain) -> Exception:
    status, where = response.status_code, public_url(url)
    if explained := explain(response):
        return explained
    if status in TRANSIENT_STATUS:
        return Interrupted(f"HTTP {status} from {where}", asked_wait(response.headers))
    if status in _GONE:
        return NotFoundError(f"{where} does not exist", f"HTTP {status}")
    if status in _REFUSED:
        return AuthError(f"{where} refuses access", f"HTTP {status}{server_words(response)}")
    return TransferError(f"cannot fetch {where}", f"HTTP {status}{server_words(response)}")


def server_words(response: requests.Response) -> str:
    """Give the server's own short explanation as ``: text``, masked, or nothing."""
    kind = response.headers.get("Content-Type", "")
    text = response.headers.get("X-Error-Message", "")
    if not text and ("json" in kind or "text/plain" in kind):
        body = response.raw.read(LONGEST_MESSAGE, decode_content=True) or b""
        text = body.decode("utf-8", "replace").strip()
    words = mask(" ".join(text.split()))[:LONGEST_MESSAGE]
    return f": {words}" if words else ""


def anonymous(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Add no credential to a request, and keep requests from adding what netrc has."""
    return request


class UrlOpener:
    """Opens a URL at an offset, or a part of it; see `fetchers.opened.Ranged`.

    The URL is requested anew every time, so a signed redirect that expired is renewed.

    Args:
        url: absolute.
        context: see `Context`.
        session: from `new_session`; a new one by default.
        auth: credentials.
        headers: added to every request.
        explain: see `send`.
    """

    def __init__(
        self,
        url: str,
        context: Context,
        *,
        session: requests.Session | None = None,
        auth: Auth | None = None,
        headers: dict[str, str] | None = None,
        explain: Explain = lambda _: None,
    ) -> None:
        self._url, self._context = url, context
        self._session, self._auth = session or new_session(), auth
        self._headers, self._explain = headers or {}, explain

    def __call__(self, offset: int, validator: str | None) -> Opened:
        """Open from `offset` to the end, if the content is still that of `validator`."""
        conditional = {"If-Range": validator} if offset and validator else {}
        ranged = {"Range": f"bytes={offset}-"} | conditional if offset else {}
        return self._open(ranged) or self(0, None)

    def between(self, start: int, end: int) -> Opened:
        """Open the bytes from `start` up to, not including, `end`."""
        return self._open({"Range": f"bytes={start}-{end - 1}"}) or self(0, None)

    def _open(self, ranged: dict[str, str]) -> Opened | None:
        response = send(
            self._session,
            self._url,
            self._context,
            headers=self._headers | ranged,
            auth=self._auth,
            explain=self._explain,
            stream=True,
        )
        if response.status_code == _RANGE_NOT_SATISFIABLE:
            response.close()
            return None
        return _opened(response)


url_opener = UrlOpener  # what sources call it


def _opened(response: requests.Response) -> Opened:
    offset, total = _extent(response)
    etag = response.headers.get("ETag", "")

    def read(count: int) -> bytes:
        try:
            # NB: read() throws away what it has when the connection breaks before `count` bytes.
            return response.raw.read1(count, decode_content=True)
        except urllib3.exceptions.ReadTimeoutError as error:
            raise Interrupted("the transfer stalled") from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Interrupted(f"the connection broke ({_innermost(error)})") from error

    return Opened(offset, total, etag if etag.startswith('"') else None, read, response.close)


def _extent(response: requests.Response) -> tuple[int, int | None]:
    found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
    if response.status_code == _PARTIAL and found:
        return int(found[1]), None if found[2] == "*" else int(found[2])
    length = response.headers.get("Content-Length", "")
    encoded = response.headers.get("Content-Encoding", "identity") != "identity"
    return 0, int(length) if length.isdecimal() and not encoded else None
