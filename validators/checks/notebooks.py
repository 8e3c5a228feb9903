"""Check `active-documents`: notebooks, HTML, SVG and Markdown that carry scripts.

No loader of models opens them, a person or a web page may: so a finding warns and does not refuse.
"""

import re
from collections.abc import Iterator

from validators.base import Check, Model
from validators.formats.configs import text_of
from validators.formats.problem import Problem
from validators.formats.source import MEMORY_BYTES, Source, judged_by, shown

NAME = "active-documents"
MAX_BYTES = 16 << 20
PAGE_ENDINGS = (".html", ".htm", ".xhtml", ".svg", ".md", ".markdown", ".mdx", ".xml", ".hta")
_SCRIPT = re.compile(
    r"<\s*(?:script|iframe|object|embed|foreignobject)\b[^>]{0,200}>?"
    r"|\bon(?:load|error|click|mouseover|focus|begin|toggle|animationstart)\s*=\s*[\"']?[^\"'>]{1,80}"
    r"|(?:href|src|action|xlink:href)\s*=\s*+(?:[\"']\s*+)?(?:javascript|vbscript|data:text/html)[^\"'>]{0,80}"
    r"|\]\(\s*(?:javascript|vbscript|data:text/html)[^)]{0,80}",
    re.IGNORECASE,
)
_FENCED = re.compile(r"^(```|~~~).*?^\1|`[^`\n]+`", re.MULTILINE | re.DOTALL)
_HIDDEN = re.compile(
    r"&(?:#x?0*(?:6a|106|73|115|76|118)|tab|newline|colon);?|[\x00-\x08]", re.IGNORECASE
)
_REMEDY = "open it only where scripts are off"


def _judge(source: Source, _: Model) -> Iterator[Problem]:
    if source.base.endswith(".ipynb"):
        message = "a notebook is a program: it runs when a person runs it"
        yield Problem("notebook", message, source.base, "read it before you run it", "warning")
    page = source.base.endswith(PAGE_ENDINGS)
    if not page and not _is_page(source):
        return
    text = text_of(source.read(0, MAX_BYTES))
    if source.base.endswith((".md", ".markdown")):
        text = _FENCED.sub("", text)  # code that is shown is not code that runs
    match = _SCRIPT.search(text) or (_HIDDEN.search(text) if "<" in text else None)
    if match is not None:
        message = "a document carries a script, or a link that is one"
        yield Problem("script", message, shown(match[0]), _REMEDY, "warning")


def _is_page(source: Source) -> bool:
    start = source.read(0, 512).lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return start.startswith((b"<!doctype html", b"<html", b"<svg", b"<script"))


CHECK = Check(name=NAME, version="1", run=judged_by(NAME, _judge), memory=MEMORY_BYTES)
