"""Texts of strangers as they may be shown: nothing in them steers a terminal, or forges a line.

Source: https://www.unicode.org/reports/tr36 (section 2.9) for what reorders or hides characters.
"""

import re

_INVISIBLE = "\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff"
_STEERING = re.compile(rf"[\x00-\x08\x0b-\x1f\x7f-\x9f{_INVISIBLE}\U000e0000-\U000e007f]")
_ESCAPED = (0xDC00, 0xDD00)  # https://peps.python.org/pep-0383/
_BREAKING = re.compile(r"[\t\n]")


def plain(text: str) -> str:
    """Write out in hex whatever steers a terminal; lines and tabs stay."""
    return _STEERING.sub(_hex, text)


def one_line(text: str) -> str:
    """Write lines and tabs out in hex as well."""
    return _BREAKING.sub(_hex, plain(text))


def json_text(text: str) -> str:
    """Write the same characters of a JSON text in JSON's own form."""
    return _STEERING.sub(_units, text)


def _hex(found: re.Match[str]) -> str:
    code = ord(found[0])
    # A byte that is no UTF-8, as Python holds it in a file's name.
    return f"\\x{code - _ESCAPED[0] if code in range(*_ESCAPED) else code:02x}"


def _units(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
