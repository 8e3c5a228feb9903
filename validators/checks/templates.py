"""Check `templates`: Jinja in configurations and template files that reaches into Python.

Chat templates come in ``tokenizer_config.json`` (a text, or a list of named ones), in
``chat_template.json``, ``processor_config.json`` and ``*.jinja``:
https://huggingface.co/docs/transformers/chat_templating. Any JSON is looked through, because a
loader may be told to read another file. Needs jinja2 (for its parser) and nothing else.
"""

import re
from collections.abc import Iterator
from itertools import islice

from validators.base import Check, Model
from validators.formats.configs import json_document, loader_config, text_of
from validators.formats.jinja_rule import MAX_CHARACTERS, gadgets, template_problems
from validators.formats.json_text import BadJsonError, Document, walk
from validators.formats.problem import Problem
from validators.formats.source import MEMORY_BYTES, Source, judged_by

NAME = "templates"
TEMPLATE_ENDINGS = (".jinja", ".jinja2", ".j2", ".jinja.txt")
YAML_ENDINGS = (".yaml", ".yml", ".template", ".tmpl", ".tpl", ".prompt", ".toml")
MAX_BLOCKS = 2000  # of one file
MAX_OTHER_BYTES = 1 << 20  # of a file that is no template by its name or keys
_MARKS = ("{{", "{%")
_WORDS = (b"template",)
_OPENS = re.compile(r"\{[{%]")
_LONGEST_BLOCK = 4000  # characters


def _judge(source: Source, _: Model) -> Iterator[Problem]:
    if source.base.endswith(TEMPLATE_ENDINGS):
        yield from template_problems(text_of(source.read(0, 4 * MAX_CHARACTERS + 4)), "")
        return
    if source.base.endswith(YAML_ENDINGS):
        yield from _blocks(source)
        return
    try:
        document = json_document(source, _WORDS)
        if document is None and source.base.endswith(".json"):
            document = _other(source)
    except BadJsonError as error:
        if loader_config(source):
            message = "a configuration cannot be read, so its templates cannot be judged"
            yield Problem("config-unreadable", message, str(error), "mend or replace the file")
        return
    if document is None:
        return
    for place, value in walk(document):
        marked = isinstance(value, str) and any(mark in value for mark in _MARKS)
        if marked and "template" in place.casefold():
            yield from template_problems(value, place)
        elif marked:
            yield from gadgets(value, place)


def _other(source: Source) -> Document | None:
    """Parse a small JSON that has marks of Jinja under other keys."""
    if source.size > MAX_OTHER_BYTES:
        return None
    return json_document(source, (b"{{", b"{%"))


def _blocks(source: Source) -> Iterator[Problem]:
    """Judge each expression of a text of which only parts may be Jinja, such as YAML."""
    text = text_of(source.read(0, MAX_OTHER_BYTES))
    for start, end in islice(_expressions(text), MAX_BLOCKS):
        yield from gadgets(text[start:end], f"line {text.count(chr(10), 0, start) + 1}")


def _expressions(text: str) -> Iterator[tuple[int, int]]:
    """Give where each block begins and ends. NB: not by one pattern, which would be quadratic."""
    reached = 0
    for match in _OPENS.finditer(text):
        start = match.start()
        close = "}}" if match[0] == "{{" else "%}"
        end = text.find(close, start + 3, start + 2 + _LONGEST_BLOCK + 2)
        if start >= reached and end >= 0:
            reached = end + 2
            yield start, reached


CHECK = Check(name=NAME, version="1", run=judged_by(NAME, _judge), memory=MEMORY_BYTES)
