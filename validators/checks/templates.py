"""Check `templates`: Jinja in configurations and template files that reaches into Python.

Chat templates come in ``tokenizer_config.json`` (a text, or a list of named ones), in
``chat_template.json``, ``processor_config.json`` and ``*.jinja``:
https://huggingface.co/docs/transformers/chat_templating. Any JSON is looked through, because a
loader may be told to read another file. Needs jinja2 (for its parser) and nothing else.
"""

from collections.abc import Iterator

from validators.base import Check, Model
from validators.formats.configs import json_document, loader_config, text_of
from validators.formats.jinja_rule import MAX_CHARACTERS, template_problems
from validators.formats.json_text import BadJsonError, walk
from validators.formats.problem import Problem
from validators.formats.source import MEMORY_BYTES, Source, judged_by

NAME = "templates"
TEMPLATE_ENDINGS = (".jinja", ".jinja2", ".j2", ".jinja.txt")
_MARKS = ("{{", "{%")


def _judge(source: Source, _: Model) -> Iterator[Problem]:
    if source.base.endswith(TEMPLATE_ENDINGS):
        yield from template_problems(text_of(source.read(0, 4 * MAX_CHARACTERS + 4)), "")
        return
    try:
        document = json_document(source, (b"template",))
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


CHECK = Check(name=NAME, version="1", run=judged_by(NAME, _judge), memory=MEMORY_BYTES)
