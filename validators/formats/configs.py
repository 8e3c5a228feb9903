"""Configurations in JSON: which files are some, and reading only those that can matter."""

import json
import re
from collections.abc import Iterable

from validators.formats.json_text import MAX_BYTES, BadJsonError, Document, parse
from validators.formats.source import Source

_HIDDEN_LETTER = re.compile(rb"\\u00[2-7][0-9a-fA-F]")  # an ASCII character spelt as an escape
_LOADER_CONFIGS = re.compile(
    r"(config|model_index|modules|chat_template|special_tokens_map|.*_config|config_.*)\.json"
)  # NB: not tokenizer.json: vocabularies are too large to parse, and hold any word there is


def loader_config(source: Source) -> bool:
    """Whether loaders read the file by its name, so that it has to be readable."""
    return _LOADER_CONFIGS.fullmatch(source.base) is not None


def json_document(source: Source, words: Iterable[bytes]) -> Document | None:
    """Parse a JSON file when any of the words may be in it; None when it is not for us.

    Raises:
        BadJsonError: it should be JSON, and cannot be read.
    """
    if not source.base.endswith(".json") and source.base != "config":
        return None
    data = source.read(0, MAX_BYTES + 1)
    if len(data) > MAX_BYTES:  # NB: its length is not asked for: that would unpack all of it
        raise BadJsonError(f"more than {MAX_BYTES} bytes of JSON are not looked through")
    wide = json.detect_encoding(data) not in ("utf-8", "utf-8-sig")
    plain = data.lower()
    if wide or any(word in plain for word in words) or _HIDDEN_LETTER.search(data):
        return parse(data)
    return None


def text_of(data: bytes) -> str:
    """Decode text by its byte order mark, else as UTF-8 with what is bad replaced."""
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    return data.decode("utf-8-sig", "replace")
