"""Jinja templates that reach for more than the conversation they format, found without rendering.

Programs render what the author of a model wrote: some in a sandbox, some not (llama-cpp-python
before 0.2.72, CVE-2024-34359, https://nvd.nist.gov/vuln/detail/CVE-2024-34359). The syntax tree
comes from jinja2's own parser; nothing is compiled or evaluated. Names that a template looks up
must be plain: no underscore in front, and not put together by the template itself.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

from jinja2 import Environment, TemplateError, nodes
from jinja2.ext import Extension
from jinja2.parser import Parser

from validators.formats.jinja_taint import Taint
from validators.formats.problem import Problem
from validators.formats.source import shown

MAX_CHARACTERS = 512 << 10  # the longest template known has about 40,000
MAX_REPEAT = 1_000_000
_PYTHON = (
    "add base bases builtins call class closure code dict doc file func getattr getattribute"
    " getitem globals import init loader mod module mro name reduce reduce_ex self spec"
    " subclasses subclasshook traceback wrapped"
)
_DUNDER = re.compile(rf"__({'|'.join(_PYTHON.split())})__", re.IGNORECASE)
_FIELD_ACCESS = re.compile(r"\{[^{}]*[.\[][^{}]*\}")
_INNER_NAMES = re.compile(
    r"(func|gi|cr|ag|tb|f|co|im)_(globals|builtins|frame|code|locals|back|closure|self|func|defaults)"
    r"|mro|subclasses",
    re.IGNORECASE,
)
_GADGETS = "self lipsum cycler joiner request get_flashed_messages url_for"
_CALLS = (
    "system popen eval exec execfile compile spawn spawnl spawnv fork execl execv execve"
    " check_output check_call getoutput import_module import_string load_module run_module"
    " read_text write_text getattr setattr delattr globals locals vars breakpoint open unlink"
)
GADGETS = frozenset(_GADGETS.split())
DANGEROUS_CALLS = frozenset(_CALLS.split())
LOADING = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)
NAME_FIRST = frozenset(("selectattr", "rejectattr", "groupby", "map", "sum"))
ATTRIBUTE_FILTERS = NAME_FIRST | {"sort", "unique", "min", "max"}
ATTACKS = frozenset(("template-attribute", "template-gadget", "template-call", "template-format"))
_REMEDY = "read the template; replace it, or leave the file out of the model"


class _Generation(Extension):
    """transformers' own tag, https://huggingface.co/docs/transformers/chat_templating_writing."""

    tags = {"generation"}  # noqa: RUF012 - declared so by jinja2

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


_ENVIRONMENT = Environment(  # noqa: S701 - it parses only, nothing is ever rendered
    extensions=[
        _Generation,
        *(f"jinja2.ext.{name}" for name in ("do", "loopcontrols", "i18n", "debug")),
    ]
)


def template_problems(text: str, place: str) -> Iterator[Problem]:
    """Judge one template.

    Args:
        text: the template.
        place: where it was found, for the trigger; empty when it is a file of its own.
    """
    if len(text) > MAX_CHARACTERS:
        yield _bad("template-size", "a template is longer than any real one", place, len(text))
        return
    try:
        tree = _ENVIRONMENT.parse(text)
        taint = Taint()
        taint.learn(tree)
        seen = dict.fromkeys(_judged(tree, taint))
    except RecursionError:
        yield _bad("template-depth", "a template is nested too deeply to be judged", place, "")
    except (TemplateError, ValueError, OverflowError) as error:
        message = "a template cannot be parsed, so it cannot be judged"
        yield _bad("template-syntax", message, place, str(error))
    else:
        yield from (_bad(rule, message, place, what) for rule, message, what in seen)


def gadgets(text: str, place: str) -> Iterator[Problem]:
    """Judge a text that need not be a template: attacks count, style does not."""
    for problem in template_problems(text, place):
        if problem.rule in ATTACKS:
            yield problem


def _bad(rule: str, message: str, place: str, what: object) -> Problem:
    trigger = ": ".join(part for part in (place, shown(what) if what != "" else "") if part)
    return Problem(rule, message, trigger, _REMEDY)


_Judged = tuple[str, str, str]


def _judged(tree: nodes.Template, taint: Taint) -> Iterator[_Judged]:
    rules: dict[type[nodes.Node], Callable[[Any, Taint], Iterator[_Judged]]] = {
        nodes.Getattr: _getattr,
        nodes.Getitem: _getitem,
        nodes.Const: _const,
        nodes.Name: _name,
        nodes.Filter: _filter,
        nodes.Call: _call,
        nodes.Mul: _repeat,
        nodes.Pow: _repeat,
    }
    for node in tree.find_all(nodes.Node):
        if isinstance(node, LOADING):
            what = type(node).__name__.lower()
            yield "template-loads", "a template loads another one", f"line {node.lineno}: {what}"
        elif rule := rules.get(type(node)):
            yield from rule(node, taint)


def _plain(name: str, lineno: int) -> Iterator[_Judged]:
    inner = [
        part for part in name.split(".") if part.startswith("_") or _INNER_NAMES.fullmatch(part)
    ]
    if inner:
        message = "a template reaches into the inside of Python objects"
        yield "template-attribute", message, f"line {lineno}: {name}"


def _getattr(node: nodes.Getattr, _: Taint) -> Iterator[_Judged]:
    yield from _plain(node.attr, node.lineno)


def _getitem(node: nodes.Getitem, taint: Taint) -> Iterator[_Judged]:
    if isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
        if node.arg.value.startswith("__") or _INNER_NAMES.fullmatch(node.arg.value):
            yield from _plain(node.arg.value, node.lineno)
    elif taint.builds(node.arg) and not isinstance(node.arg, nodes.Slice):
        yield _computed(node)


def _computed(node: nodes.Node) -> _Judged:
    message = "a template puts a name together and looks it up"
    return "template-computed-name", message, f"line {node.lineno}"


def _const(node: nodes.Const, _: Taint) -> Iterator[_Judged]:
    if isinstance(node.value, str) and _DUNDER.search(node.value):
        message = "a template names an inside of Python objects"
        yield "template-attribute", message, f"line {node.lineno}: {node.value[:80]}"


def _name(node: nodes.Name, _: Taint) -> Iterator[_Judged]:
    if node.name in GADGETS or (node.name.startswith("__") and node.name.endswith("__")):
        message = "a template uses an object from which Python's inside can be reached"
        yield "template-gadget", message, f"line {node.lineno}: {node.name}"


def _filter(node: nodes.Filter, _: Taint) -> Iterator[_Judged]:
    if node.name == "attr":
        yield "template-attribute", "a template uses the filter attr", f"line {node.lineno}"
    if node.name not in ATTRIBUTE_FILTERS:
        return
    names = [item.value for item in node.kwargs if item.key == "attribute"]
    names += node.args[:1] if node.name in NAME_FIRST else []
    if node.dyn_args is not None or node.dyn_kwargs is not None:
        yield _computed(node)
    for name in names:
        if not isinstance(name, nodes.Const):
            # NB: a variable with a fixed text is no use to an honest template here either.
            yield _computed(node)
        elif isinstance(name.value, str):
            yield from _plain(name.value, node.lineno)
            if node.name == "map" and name.value in {"attr", "map"}:
                yield "template-attribute", "a template maps the filter attr", f"line {node.lineno}"


def _call(node: nodes.Call, _: Taint) -> Iterator[_Judged]:
    target = node.node
    name = getattr(target, "attr", None) or getattr(target, "name", "")
    if name in DANGEROUS_CALLS:
        yield "template-call", "a template calls into Python", f"line {node.lineno}: {name}"
    if isinstance(target, nodes.Getattr) and name in {"format", "format_map"}:
        text = target.node.value if isinstance(target.node, nodes.Const) else None
        if not isinstance(text, str) or _FIELD_ACCESS.search(text):
            message = "a template formats with a text that reaches into objects"
            yield "template-format", message, f"line {node.lineno}: {shown(text)}"
    if name == "range" and any(map(_huge, node.args)):
        yield _exhausts(node)


def _huge(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Const | nodes.Pow) and (
        isinstance(node, nodes.Pow) or (type(node.value) is int and abs(node.value) > MAX_REPEAT)
    )


def _repeat(node: nodes.Mul | nodes.Pow, _: Taint) -> Iterator[_Judged]:
    if any(map(_huge, (node.left, node.right))):
        yield _exhausts(node)


def _exhausts(node: nodes.Node) -> _Judged:
    return "template-exhausts", "a template asks for endless memory or time", f"line {node.lineno}"
