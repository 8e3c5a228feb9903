"""What a TensorFlow graph names: operators (also in its functions), assets, and Keras metadata.

Source: https://github.com/tensorflow/tensorflow/tree/master/tensorflow/core/protobuf
(saved_model.proto, meta_graph.proto, saved_object_graph.proto) and …/core/framework (graph.proto,
node_def.proto, function.proto, attr_value.proto) for the numbers of the fields.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from validators.formats.problem import FormatError, Problem
from validators.formats.protobuf import MAX_DEPTH, Field, Wire
from validators.formats.source import Source
from validators.formats.tf_operators import SAVERS, TEXT_OPERATORS

# Which fields of a message hold which messages; everything else is stepped over.
_NESTED: dict[str, dict[int, str]] = {
    "saved": {2: "meta"},
    "meta": {2: "graph", 6: "asset", 7: "objects"},
    "graph": {1: "node", 2: "library"},
    "library": {1: "function"},
    "function": {3: "node"},
    "node": {5: "attribute"},
    "objects": {1: "object"},
    "object": {4: "user"},
    "keras": {1: "layer"},
}
_OWN: dict[str, set[int]] = {
    "node": {1, 2, 3},
    "function": {1},
    "attribute": {1, 2},
    "asset": {2},
    "user": {1, 3},
    "layer": {4, 5},
}
ROOTS = ("saved", "meta", "graph")
_KERAS_METADATA = "keras"  # keras_metadata.pb, beside a SavedModel of Keras 2
MAX_OWN = 64
MAX_OPERATORS = 20_000
MAX_JSON_BYTES = 4 << 20
MAX_SAVERS = 32  # of one graph
MAX_TEXTS = 300_000  # operators on texts in one graph
_VALUE, _TENSOR, _STRING_VALUES = 2, 8, 8  # fields of a map's entry, of a value, of a tensor
_OPERATOR = re.compile(r"[A-Za-z0-9_>.]+")
_URL_ATTRIBUTES = frozenset(("output_stream", "debug_urls", "gated_grpc"))


@dataclass
class Graph:
    """Everything a graph names.

    Attributes:
        operators: of every node, with the name of one such node.
        assets: paths of files beside the model.
        metadata: JSON texts that Keras keeps about its layers.
        streams: (operator, text) where an operator prints or reports to.
        functions: names of the functions that the graph itself defines.
        saved: (operator, text) for the fixed parts of the paths that variables are written to.
    """

    operators: dict[str, str] = field(default_factory=dict)
    assets: set[str] = field(default_factory=set)
    metadata: list[bytes] = field(default_factory=list)
    streams: set[tuple[str, str]] = field(default_factory=set)
    functions: set[str] = field(default_factory=set)
    saved: set[tuple[str, str]] = field(default_factory=set)


@dataclass
class _Scope:
    """Texts and where they go, in one graph or function.

    Attributes:
        inputs: of each operator on texts, by its name.
        texts: of each constant, by its name.
        savers: (operator, name of what gives its path).
    """

    inputs: dict[str, list[str]] = field(default_factory=dict)
    texts: dict[str, list[str]] = field(default_factory=dict)
    savers: list[tuple[str, str]] = field(default_factory=list)

    def saved(self) -> Iterator[tuple[str, str]]:
        """Give every constant that can become a part of a path that a saver writes to."""
        for operator, source in self.savers[:MAX_SAVERS]:
            queue, seen = [source], {source}
            while queue:
                name = queue.pop()
                yield from ((operator, text) for text in self.texts.get(name, ()))
                fresh = set(self.inputs.get(name, ())) - seen
                seen |= fresh
                queue += fresh


def identify(source: Source) -> str:
    """Say which message the content is: ``saved``, ``meta``, ``graph``, ``keras`` or nothing."""
    wire = Wire(source)  # one for all attempts, so that their steps are counted together
    for kind in (*ROOTS, _KERAS_METADATA):
        graph = Graph()
        try:
            _Walk(wire, graph).message(kind, 0, source.size, 0)
        except FormatError:
            continue
        if graph.metadata or any(map(_OPERATOR.fullmatch, graph.operators)):
            return kind
    return ""


def read(source: Source, kind: str) -> Graph:
    """Walk a graph whose outermost message is of the given kind.

    Raises:
        FormatError: it cannot be walked to its end.
    """
    graph = Graph()
    _Walk(Wire(source), graph).message(kind, 0, source.size, 0)
    return graph


def _fail(message: str, trigger: str) -> FormatError:
    return FormatError(Problem("graph-limits", message, trigger))


class _Walk:
    def __init__(self, wire: Wire, graph: Graph) -> None:
        self.wire = wire
        self.graph = graph
        self.json_bytes = 0
        self.scope = _Scope()

    def message(self, kind: str, start: int, end: int, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise _fail("messages are nested too deeply", f"byte {start}")
        outer = self.scope
        if kind in ("graph", "function"):
            self.scope = _Scope()
        nested: list[tuple[str, Field]] = []
        own: list[Field] = []
        for part in self.wire.fields(start, end):
            if not part.delimited:
                continue
            if part.number in _OWN.get(kind, ()):
                own.append(part)
            elif part.number in _NESTED.get(kind, ()):
                inner = _NESTED[kind][part.number]
                if kind == "node":
                    nested.append((inner, part))
                else:
                    self.message(inner, part.start, part.end, depth + 1)
            if len(own) + len(nested) > MAX_OWN * MAX_OWN:
                raise _fail("a message repeats one field without end", f"{kind} at byte {start}")
        self._judge(kind, own, nested)
        if kind in ("graph", "function"):
            self.graph.saved |= set(self.scope.saved())
            self.scope = outer

    def _judge(self, kind: str, own: list[Field], nested: list[tuple[str, Field]]) -> None:
        if kind == "node":
            self._node(own, [part for _, part in nested])
        elif kind == "function":
            for part in own:  # the signature, whose first field is the name
                entry = [item for item in self.wire.fields(part.start, part.end) if item.delimited]
                self.graph.functions |= set(self._texts(entry, 1))
        elif kind == "asset":
            self.graph.assets |= set(self._texts(own, 2))
        elif kind in ("user", "layer"):
            self._metadata(own, 3 if kind == "user" else 5)

    def _texts(self, own: list[Field], number: int) -> list[str]:
        return [self.wire.text(part) for part in own if part.number == number]

    def _node(self, own: list[Field], attributes: list[Field]) -> None:
        kinds = self._texts(own, 2)
        name = next(iter(self._texts(own, 1)), "")
        for kind in kinds:
            self.graph.operators.setdefault(kind, name)
            if kind in SAVERS | TEXT_OPERATORS:
                self._text_operator(kind, name, own, attributes)
            if kind.startswith(("Print", "Debug")):
                self.graph.streams |= {(kind, text) for text in self._streams(attributes)}
        if len(self.graph.operators) > MAX_OPERATORS:
            raise _fail("a graph names more operators than any real one", f"{MAX_OPERATORS}")

    def _text_operator(
        self, kind: str, name: str, own: list[Field], attributes: list[Field]
    ) -> None:
        inputs = [text.lstrip("^").partition(":")[0] for text in self._texts(own, 3)]
        if kind in SAVERS:
            self.scope.savers += [(kind, source) for source in inputs[:1]]
        elif kind == "Const":
            texts = [text for part in attributes for text in self._constants(part)]
            if texts:
                self.scope.texts[name] = texts
        elif inputs:
            self.scope.inputs[name] = inputs[:MAX_OWN]
        if len(self.scope.inputs) + len(self.scope.texts) > MAX_TEXTS:
            raise _fail("a graph has more texts than any real one", f"{MAX_TEXTS}")

    def _constants(self, attribute: Field) -> Iterator[str]:
        """Give the first texts of a constant of texts."""
        place = attribute
        for number in (_VALUE, _TENSOR):
            inner = [
                part
                for part in self.wire.fields(place.start, place.end)
                if part.delimited and part.number == number
            ]
            if not inner:
                return
            place = inner[-1]
        for count, part in enumerate(self.wire.fields(place.start, place.end)):
            if count > MAX_OWN:
                return
            if part.delimited and part.number == _STRING_VALUES:
                yield self.wire.text(part)

    def _streams(self, attributes: list[Field]) -> Iterator[str]:
        for part in attributes:
            entry = [item for item in self.wire.fields(part.start, part.end) if item.delimited]
            if set(self._texts(entry, 1)) & _URL_ATTRIBUTES:
                for value in entry:
                    if value.number == 2:  # noqa: PLR2004 - the value of a map's entry
                        yield from self._strings(value)

    def _strings(self, value: Field) -> Iterator[str]:
        for item in self.wire.fields(value.start, value.end):
            if item.delimited and item.number == 2:  # noqa: PLR2004 - AttrValue.s, ListValue.s
                yield self.wire.text(item)
            elif item.delimited and item.number == 1:
                yield from self._strings(item)

    def _metadata(self, own: list[Field], number: int) -> None:
        for part in own:
            if part.number == number:
                self.json_bytes += part.end - part.start
                if self.json_bytes > MAX_JSON_BYTES:
                    raise _fail(
                        "Keras metadata is larger than any real one", f"{self.json_bytes} B"
                    )
                length = part.end - part.start
                self.graph.metadata.append(self.wire.source.read(part.start, length))
