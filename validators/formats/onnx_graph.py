"""What an ONNX model names: operators, functions, and the files its tensors lie in.

Source: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto for the numbers of the fields.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from validators.formats.problem import FormatError, Problem
from validators.formats.protobuf import MAX_DEPTH, Field, Wire
from validators.formats.source import Source

# Which fields of a message hold which messages; everything else is stepped over.
_NESTED: dict[str, dict[int, str]] = {
    "model": {7: "graph", 8: "opset", 14: "entry", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}
# Which fields of each message are kept for judging it.
_OWN: dict[str, set[int]] = {
    "node": {4, 7},
    "function": {1, 10},
    "tensor": {8, 13, 14},
    "opset": {1},
    "entry": {1, 2},
}
_MODEL_FIELDS = frozenset((*range(1, 9), 14, 20, 25, 26))
_FIRST_BYTES = frozenset((8, 0x12, 0x1A, 0x22, 0x28, 0x32, 0x3A, 0x42, 0x72, 0xA2, 0xCA, 0xD2))
_EXTERNAL = 1
MAX_OWN = 64  # fields kept of one message
MAX_OPERATORS = 10_000  # different ones in one model
MAX_EXTERNAL = 200_000


@dataclass(frozen=True)
class Tensor:
    """Where the bytes of a tensor lie, when they lie in another file."""

    name: str
    entries: tuple[tuple[str, str], ...]


@dataclass
class Graph:
    """Everything a model names, in the order of the file.

    Attributes:
        operators: (domain, operator) of every node, also inside functions and subgraphs.
        functions: (domain, name) of the functions that the model itself defines.
        domains: of the operator sets it imports.
        tensors: those with external data.
        metadata: keys of the model's own metadata.
        texts: (key, value) of it, as far as they are looked at.
        unknown: numbers of fields that the format lacks.
    """

    operators: set[tuple[str, str]] = field(default_factory=set)
    functions: set[tuple[str, str]] = field(default_factory=set)
    domains: set[str] = field(default_factory=set)
    metadata: set[str] = field(default_factory=set)
    texts: set[tuple[str, str]] = field(default_factory=set)
    tensors: list[Tensor] = field(default_factory=list)
    unknown: set[int] = field(default_factory=set)
    nodes: int = 0


def looks_like(source: Source) -> bool:
    """Whether the content is an ONNX model: known fields only, one of them a graph or functions."""
    start = source.read(0, 1)
    if not start or start[0] not in _FIRST_BYTES:
        return False
    wire, seen = Wire(source), set()
    try:
        for part in wire.fields(0, source.size):
            if part.number not in _MODEL_FIELDS or part.delimited == (part.number in (1, 5)):
                return False
            seen.add(part.number)
        if not seen & {7, 25} or not seen & {1, 8}:
            return False
        return read(source).nodes > 0
    except FormatError:
        return False


def read(source: Source) -> Graph:
    """Walk a model.

    Raises:
        FormatError: it cannot be walked to its end.
    """
    graph = Graph()
    _Walk(Wire(source), graph).message("model", 0, source.size, 0)
    return graph


def _fail(message: str, trigger: str) -> FormatError:
    return FormatError(Problem("onnx-limits", message, trigger))


class _Walk:
    def __init__(self, wire: Wire, graph: Graph) -> None:
        self.wire = wire
        self.graph = graph
        self.ends: dict[str, Callable[[list[Field]], None]] = {
            "node": self._node,
            "function": self._function,
            "tensor": self._tensor,
            "opset": self._opset,
            "entry": self._metadata,
        }

    def message(self, kind: str, start: int, end: int, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise _fail("graphs are nested too deeply", f"byte {start}")
        nested, own = _NESTED.get(kind, {}), []
        for part in self.wire.fields(start, end):
            if part.number in _OWN.get(kind, ()):
                own.append(part)
            elif part.delimited and part.number in nested:
                self.message(nested[part.number], part.start, part.end, depth + 1)
            elif kind == "model" and part.number not in _MODEL_FIELDS:
                self.graph.unknown.add(part.number)
            if len(own) > MAX_OWN:
                raise _fail("a message repeats one field without end", f"{kind} at byte {start}")
        if kind in self.ends:
            self.ends[kind](own)

    def _texts(self, own: list[Field], number: int) -> list[str]:
        return [self.wire.text(part) for part in own if part.number == number and part.delimited]

    def _node(self, own: list[Field]) -> None:
        self.graph.nodes += 1
        # NB: of a field that comes twice the last counts, for readers that follow the rule.
        domains, kinds = self._texts(own, 7) or [""], self._texts(own, 4) or [""]
        pairs = {(domain, kind) for domain in domains for kind in kinds}
        self.graph.operators |= pairs
        if len(self.graph.operators) > MAX_OPERATORS:
            raise _fail("a model names more operators than any real one", f"{MAX_OPERATORS}")

    def _function(self, own: list[Field]) -> None:
        domains, names = self._texts(own, 10) or [""], self._texts(own, 1)
        self.graph.functions |= {(domain, name) for domain in domains[-1:] for name in names[-1:]}

    def _tensor(self, own: list[Field]) -> None:
        external = any(part.number == 14 and part.value == _EXTERNAL for part in own)  # noqa: PLR2004
        locations = [part for part in own if part.number == 13 and part.delimited]  # noqa: PLR2004
        if external or locations:
            entries = tuple(entry for part in locations for entry in self._entry(part))
            name = next(iter(self._texts(own, 8)), "")
            self.graph.tensors.append(Tensor(name, entries))
        if len(self.graph.tensors) > MAX_EXTERNAL:
            raise _fail("a model has more external tensors than any real one", f"{MAX_EXTERNAL}")

    def _entry(self, part: Field) -> Iterator[tuple[str, str]]:
        own = [item for item in self.wire.fields(part.start, part.end) if item.delimited]
        for key in self._texts(own, 1):
            yield from ((key, value) for value in self._texts(own, 2) or [""])

    def _opset(self, own: list[Field]) -> None:
        self.graph.domains |= set(self._texts(own, 1))

    def _metadata(self, own: list[Field]) -> None:
        keys = self._texts(own, 1)
        self.graph.metadata |= set(keys)
        if len(self.graph.texts) < MAX_OWN:
            self.graph.texts |= {(key, text) for key in keys[-1:] for text in self._texts(own, 2)}
