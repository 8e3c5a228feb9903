"""Text arguments of opcodes, read as leniently as the most lenient unpickler reads them.

The C unpickler and Python's own disagree on some of them (python/cpython#154848); a walk that is
stricter than either would stop before a payload that one of them reaches.
"""

import codecs
import re
from functools import lru_cache

from validators.pickle.window import Ended

_INT = re.compile(rb"\s*[+-]?(0[xX]_?[0-9a-fA-F_]+|0[oO]_?[0-7_]+|0[bB]_?[01_]+|[0-9][0-9_]*)\s*")
_MEMO_KEY = re.compile(rb"\s*([+-]?)([0-9][0-9_]*)\s*")
_LONGEST_KEY = 20  # digits; no unpickler can keep more entries than fit 64 bits


@lru_cache(maxsize=4096)
def integer(text: bytes | None) -> int | None:
    r"""Read INT's or LONG's argument; None where the value does not matter.

    NB: C stops at a NUL byte and takes what comes before it, in any base; nothing at all is zero.

    Raises:
        Ended: no unpickler would take it.
    """
    if text is None:
        return None
    digits, nul, _ = text.partition(b"\0")
    digits = digits.rstrip(b"L")
    if nul and not digits:
        return 0
    if not _INT.fullmatch(digits):
        raise Ended("an INT that is none")
    try:
        return int(digits, 0)
    except ValueError:
        return None  # a leading zero, which C's strtol reads as octal


def real(text: bytes | None) -> None:
    """Check FLOAT's argument.

    Raises:
        Ended: no unpickler would take it.
    """
    if text is not None:
        try:
            float(text.partition(b"\0")[0])
        except ValueError:
            raise Ended("a FLOAT that is none") from None


def memo_key(text: bytes | None) -> int:
    """Read PUT's or GET's argument.

    Raises:
        Ended: no unpickler would take it.
    """
    match = _MEMO_KEY.fullmatch((text or b"").partition(b"\0")[0])
    digits = match[2].replace(b"_", b"").lstrip(b"0") if match else b""
    if not match or len(digits) > _LONGEST_KEY:
        raise Ended("a memo key that is none")
    key = int(digits or b"0")
    if key and match[1] == b"-":
        raise Ended("a negative memo key")
    return key  # NB: "-0" and "000" are 0 to both unpicklers


def quoted(text: bytes | None) -> bytes | None:
    """Read STRING's argument; None where it is too long to be a name.

    NB: C takes bytes beyond ASCII when its caller asks for another encoding, as numpy and torch do.

    Raises:
        Ended: no unpickler would take it.
    """
    if text is None:
        return None
    inner = text.rstrip()
    if len(inner) < len("''") or inner[:1] != inner[-1:] or inner[:1] not in b"'\"":
        raise Ended("a STRING without quotes")
    try:
        return bytes(codecs.escape_decode(inner[1:-1])[0])
    except ValueError:
        raise Ended("a STRING with a broken escape") from None


def raw_unicode(text: bytes | None) -> bytes | None:
    r"""Read UNICODE's argument, whose ``\uXXXX`` may spell a name; gives UTF-8."""
    if text is None:
        return None
    try:
        return text.decode("raw-unicode-escape").encode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        raise Ended("a UNICODE with a broken escape") from None
