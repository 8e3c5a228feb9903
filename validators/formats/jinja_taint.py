"""Which expressions of a Jinja template put a text together, and which variables hold the result.

Attacks hide a name (``'__cl' ~ 'ass__'``) from whoever looks for it, and then look it up with a
subscript or a filter. Ordinary templates put texts together to print them, never to look them up;
so what is built and then used as a name is what `validators.formats.jinja_rule` refuses.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from jinja2 import nodes

ROUNDS = 8  # assignments a built text may pass through; each round looks at the whole template
_FILTERS = "center format indent join replace reverse sum truncate urlencode wordwrap xmlattr"
_METHODS = (
    "center decode encode format format_map fromhex hex join ljust removeprefix removesuffix"
    " replace rjust swapcase translate zfill"
)
BUILDING_FILTERS = frozenset(_FILTERS.split())
BUILDING_METHODS = frozenset(_METHODS.split())
NUMERIC_FILTERS = frozenset(("length", "count", "int", "float", "abs", "round"))
NUMERIC_METHODS = frozenset(("index", "rindex", "find", "rfind", "count"))


@dataclass
class Taint:
    """The variables and namespace attributes that hold a built text, by name and without scope."""

    names: set[str] = field(default_factory=lambda: {"varargs", "kwargs"})
    attributes: set[str] = field(default_factory=set)
    macros: dict[str, nodes.Macro] = field(default_factory=dict)

    def builds(self, node: nodes.Node | None) -> bool:  # noqa: C901, PLR0911 - one a node type
        """Whether the value of an expression may be a text that the template put together."""
        match node:
            case nodes.Name():
                return node.name in self.names
            case nodes.Getattr():
                return node.attr in self.attributes
            case nodes.Concat():
                return True
            case nodes.Add():
                return not (_numeric(node.left) or _numeric(node.right))
            case nodes.Mul() | nodes.Mod():
                return any(_text(side) or self.builds(side) for side in (node.left, node.right))
            case nodes.Filter():
                return self._filter(node)
            case nodes.Call():
                return self._call(node)
            case nodes.Getitem():
                sliced = isinstance(node.arg, nodes.Slice) or _text(node.node)
                return sliced or self.builds(node.node)
            case nodes.Dict() | nodes.List() | nodes.Tuple() | nodes.CondExpr() | nodes.Pair():
                return any(map(self.builds, node.iter_child_nodes()))
            case nodes.Or() | nodes.And():
                return self.builds(node.left) or self.builds(node.right)
        return False

    def _filter(self, node: nodes.Filter) -> bool:
        if node.name in NUMERIC_FILTERS:
            return False
        return node.node is None or node.name in BUILDING_FILTERS or self.builds(node.node)

    def _call(self, node: nodes.Call) -> bool:
        if isinstance(node.node, nodes.Name):
            return node.node.name in self.macros or node.node.name == "caller"
        if isinstance(node.node, nodes.Getattr):
            if node.node.attr in NUMERIC_METHODS:
                return False
            return node.node.attr in BUILDING_METHODS or self.builds(node.node.node)
        return True

    def learn(self, tree: nodes.Template) -> None:
        """Follow built texts through assignments, loops, blocks and macro arguments."""
        self.macros = {macro.name: macro for macro in tree.find_all(nodes.Macro)}
        flows = [flow for node in tree.find_all(nodes.Node) for flow in self._flows(node)]
        for _ in range(ROUNDS):
            before = len(self.names) + len(self.attributes)
            for target, value in flows:
                if value is None or self.builds(value):
                    self._mark(target)
            if len(self.names) + len(self.attributes) == before:
                break

    def _flows(self, node: nodes.Node) -> Iterator[tuple[nodes.Node, nodes.Node | None]]:
        """Yield (where to, what); None is the output of a block, always a text of the template."""
        match node:
            case nodes.Assign():
                yield from _pairs(node.target, node.node)
            case nodes.AssignBlock():
                yield node.target, None
            case nodes.For():
                yield node.target, node.iter
            case nodes.With():
                yield from zip(node.targets, node.values, strict=False)
            case nodes.Macro() | nodes.CallBlock():
                defaults = node.defaults
                yield from zip(node.args[len(node.args) - len(defaults) :], defaults, strict=False)
            case nodes.Call():
                yield from self._arguments(node)

    def _arguments(self, node: nodes.Call) -> Iterator[tuple[nodes.Node, nodes.Node]]:
        if isinstance(node.node, nodes.Name) and node.node.name == "namespace":
            for item in node.kwargs:
                yield nodes.NSRef("namespace", item.key), item.value
        macro = self.macros.get(node.node.name) if isinstance(node.node, nodes.Name) else None
        if macro is None:
            return
        yield from zip(macro.args, node.args, strict=False)
        named = {argument.name: argument for argument in macro.args}
        yield from ((named[item.key], item.value) for item in node.kwargs if item.key in named)
        spread = [value for value in (node.dyn_args, node.dyn_kwargs) if value is not None]
        yield from ((argument, value) for argument in macro.args for value in spread)

    def _mark(self, target: nodes.Node) -> None:
        if isinstance(target, nodes.NSRef):
            self.attributes.add(target.attr)
        for name in target.find_all(nodes.Name) if isinstance(target, nodes.Tuple) else (target,):
            if isinstance(name, nodes.Name):
                self.names.add(name.name)


def _pairs(target: nodes.Node, value: nodes.Node) -> Iterable[tuple[nodes.Node, nodes.Node]]:
    both = isinstance(target, nodes.Tuple) and isinstance(value, nodes.Tuple)
    if both and len(target.items) == len(value.items):  # type: ignore[attr-defined]
        return zip(target.items, value.items, strict=True)  # type: ignore[attr-defined]
    return [(target, value)]


def _text(node: Any) -> bool:
    return isinstance(node, nodes.TemplateData | nodes.Const) and isinstance(
        getattr(node, "value", ""), str
    )


def _numeric(node: Any) -> bool:  # noqa: PLR0911 - one a node type
    match node:
        case nodes.Const():
            return isinstance(node.value, int | float)
        case nodes.Filter():
            return node.name in NUMERIC_FILTERS
        case nodes.Getattr():
            return isinstance(node.node, nodes.Name) and node.node.name == "loop"
        case nodes.Call():
            return isinstance(node.node, nodes.Getattr) and node.node.attr in NUMERIC_METHODS
        case nodes.Sub() | nodes.FloorDiv() | nodes.Neg() | nodes.Div():
            return True  # NB: texts know none of these
        case nodes.Add() | nodes.Mul():
            return _numeric(node.left) or _numeric(node.right)
    return False
