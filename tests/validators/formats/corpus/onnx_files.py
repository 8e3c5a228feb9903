"""ONNX models that reach out of the model, field by field; and honest ones made by the library."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.validators.formats.corpus.case import Case
from tests.validators.formats.corpus.wire import field, message, varint

OPSET = message((2, 18))


def node(operator: str = "Relu", domain: str = "", *more: tuple[int, bytes]) -> bytes:
    """Write a node."""
    return message((1, "x"), (2, "y"), (4, operator), (7, domain), *more)


def external(location: str = "", *more: tuple[str, str], flag: bool = True) -> bytes:
    """Write a tensor whose bytes lie in another file."""
    pairs = (*([("location", location)] if location else []), *more)
    entries = b"".join(field(13, message((1, key), (2, value))) for key, value in pairs)
    return message((1, 4), (2, 1), (8, "w")) + entries + (field(14, 1) if flag else b"")


def graph(*nodes: bytes, tensors: tuple[bytes, ...] = ()) -> bytes:
    """Write a graph."""
    return b"".join(field(1, item) for item in nodes or (node(),)) + b"".join(
        field(5, item) for item in tensors
    )


def model(body: bytes, *more: bytes, opsets: tuple[bytes, ...] = (OPSET,)) -> bytes:
    """Write a model around a graph."""
    parts = [field(1, 8), field(7, body), *(field(8, opset) for opset in opsets), *more]
    return b"".join(parts)


def reaching(location: str, *more: tuple[str, str], flag: bool = True) -> bytes:
    """Write a model with one external tensor."""
    return model(graph(tensors=(external(location, *more, flag=flag),)))


def attribute(number: int, content: bytes) -> bytes:
    """Write an attribute of a node."""
    return message((1, "a"), (number, content))


BODY = graph(tensors=(external("../../etc/passwd"),))
CUSTOM = node("Evil", "evil.domain")


def nested(depth: int) -> bytes:
    """Nest graphs in attributes of nodes."""
    body = graph(CUSTOM)
    for _ in range(depth):
        body = graph(node("If", "", (5, attribute(6, body))))
    return body


PATHS = {
    "climbs": "../secret",
    "climbs-deep": "a/b/../../../secret",
    "climbs-inside": "a/../b",
    "absolute": "/etc/passwd",
    "home": "~/secret",
    "drive": "C:/windows/win.ini",
    "backslash": "..\\secret",
    "share": "\\\\host\\share",
    "url": "file:///etc/passwd",
    "http": "http://127.0.0.1/x",
    "nul": "weights\0../x",
    "newline": "weights\n/etc/passwd",
    "double-slash": "a//b",
}
LIES: dict[str, tuple[str, bytes]] = {
    "empty": ("not-onnx", b""),
    "pickle": ("malformed-protobuf", b"\x80\x04\x95\x0f\0\0\0\0\0\0\0\x8c\x05posix."),
    "zip": ("malformed-protobuf", b"PK\x03\x04" + b"\0" * 40),
    "text": ("malformed-protobuf", b"hello world, this is no model\n"),
    "cut": ("malformed-protobuf", model(graph())[:-3]),
    "length-past-end": ("malformed-protobuf", field(1, 8) + field(7, b"abc", 1 << 40)),
    "length-64-bits": ("malformed-protobuf", field(1, 8) + field(7, b"abc", (1 << 64) - 1)),
    "length-inner": ("malformed-protobuf", model(field(1, field(4, "Relu", 500)))),
    "endless-number": ("malformed-protobuf", b"\x08" + b"\xff" * 30),
    "field-0": ("malformed-protobuf", b"\x02\x01a" + model(graph())),
    "open-group": ("malformed-protobuf", model(graph()) + varint(9 << 3 | 3)),
    "closed-group": ("malformed-protobuf", model(graph()) + varint(9 << 3 | 4)),
    "wire-type-7": ("malformed-protobuf", model(graph()) + b"\x0f\x01"),
    "offset-past-end": ("external-range", reaching("data", ("offset", "4000"))),
    "length-past-file": ("external-range", reaching("data", ("offset", "0"), ("length", "99999"))),
    "negative-offset": ("external-range", reaching("data", ("offset", "-4096"))),
    "offset-no-number": ("external-range", reaching("data", ("offset", "0x10"))),
    "offset-giant": ("external-range", reaching("data", ("offset", "9" * 5000))),
    "no-location": ("external-location", reaching("")),
    "two-locations": ("external-location", reaching("data", ("location", "../x"))),
    "location-without-flag": ("path-leaves-model", reaching("/etc/passwd", flag=False)),
    "in-attribute": (
        "path-leaves-model",
        model(graph(node("Constant", "", (5, attribute(5, external("/etc/shadow")))))),
    ),
    "in-attribute-list": (
        "path-leaves-model",
        model(graph(node("Constant", "", (5, attribute(10, external("/etc/shadow")))))),
    ),
    "in-sparse": (
        "path-leaves-model",
        model(graph() + field(15, field(1, external("/etc/shadow")))),
    ),
    "in-sparse-attribute": (
        "path-leaves-model",
        model(graph(node("Constant", "", (5, attribute(22, field(2, external("/x"))))))),
    ),
    "in-subgraph": (
        "path-leaves-model",
        model(graph(node("If", "", (5, attribute(6, BODY))))),
    ),
    "in-subgraph-list": (
        "path-leaves-model",
        model(graph(node("If", "", (5, attribute(11, BODY))))),
    ),
    "in-function": (
        "path-leaves-model",
        model(
            graph(),
            field(
                25, message((1, "F"), (10, "local"), (7, node("If", "", (5, attribute(6, BODY)))))
            ),
        ),
    ),
    "in-function-default": (
        "path-leaves-model",
        model(graph(), field(25, message((1, "F"), (11, attribute(5, external("/x")))))),
    ),
    "in-training": ("path-leaves-model", model(graph(), field(20, field(1, BODY)))),
    "in-training-algorithm": ("path-leaves-model", model(graph(), field(20, field(2, BODY)))),
    "in-second-graph": ("path-leaves-model", model(graph(), field(7, BODY))),
    "graph-first": ("path-leaves-model", field(7, BODY) + field(1, 8) + field(8, OPSET)),
    "custom-operator": ("custom-operator", model(graph(CUSTOM))),
    "custom-in-subgraph": ("custom-operator", model(nested(3))),
    "custom-in-function": (
        "custom-operator",
        model(graph(node("F", "local")), field(25, message((1, "F"), (10, "local"), (7, CUSTOM)))),
    ),
    "custom-near-name": ("custom-operator", model(graph(node("Relu", "ai.onnx.m1")))),
    "custom-case": ("custom-operator", model(graph(node("Relu", "AI.ONNX")))),
    "custom-nul": ("custom-operator", model(graph(node("Relu", "ai.onnx\0")))),
    "custom-homoglyph": ("custom-operator", model(graph(node("Gelu", "com.micros\u043eft")))),
    "custom-domain-twice": (
        "custom-operator",
        model(graph(message((4, "Relu"), (7, "evil"), (7, "")))),
    ),
    "custom-operator-twice": (
        "code-operator",
        model(graph(message((4, "PyOp"), (4, "Relu"), (7, "")))),
    ),
    "undefined-function": (
        "custom-operator",
        model(graph(node("G", "local")), field(25, message((1, "F"), (10, "local"), (7, node())))),
    ),
    "python-operator": ("code-operator", model(graph(node("PyOp", "ai.onnx.contrib")))),
    "python-in-runtime": ("code-operator", model(graph(node("PythonOp", "com.microsoft")))),
    "compiled": ("code-operator", model(graph(node("EPContext", "com.microsoft")))),
    "deep": ("onnx-limits", model(nested(40))),
    "repeats": ("onnx-limits", model(graph(message((4, "Relu"), *[(7, "a")] * 100)))),
}


def malicious() -> list[Case]:
    """Give every model that must be refused."""
    cases = [
        Case(f"onnx/{name}", {"m.onnx": data, "data": b"\0" * 16}, rule)
        for name, (rule, data) in LIES.items()
    ]
    cases += [
        Case(f"onnx/path-{name}", {"m.onnx": reaching(path)}, "path-leaves-model")
        for name, path in PATHS.items()
    ]
    reach = reaching("../../secret")
    return [
        *cases,
        Case(
            "onnx/in-folder", {"onnx/m.onnx": reaching("../data"), "data": b""}, "path-leaves-model"
        ),
        Case("onnx/as-bin", {"model.bin": reach}, "path-leaves-model"),
        Case("onnx/no-ending", {"model": model(graph(CUSTOM))}, "custom-operator"),
        Case("onnx/upper-case", {"M.ONNX": reach}, "path-leaves-model"),
        Case("onnx/graph-first-as-bin", {"model.bin": LIES["graph-first"][1]}, "path-leaves-model"),
    ]


def _written(**change: object) -> bytes:
    weight = numpy_helper.from_array(np.ones((4, 4), np.float32), "w")
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["h"]),
        helper.make_node("Relu", ["h"], ["y"]),
    ]
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4])
    body = helper.make_graph(nodes, "g", [value], [out], [weight])
    made = helper.make_model(body, opset_imports=[helper.make_opsetid("", 18)], **change)
    onnx.checker.check_model(made)
    return made.SerializeToString()


def _external(folder_data: bytes) -> dict[str, bytes]:
    made = onnx.load_from_string(_written())
    tensor = made.graph.initializer[0]
    raw = tensor.raw_data
    onnx.external_data_helper.set_external_data(tensor, "model.onnx_data", 0, len(raw))
    tensor.ClearField("raw_data")
    return {"onnx/model.onnx": made.SerializeToString(), "onnx/model.onnx_data": raw + folder_data}


def _functions() -> bytes:
    relu = helper.make_node("Relu", ["x"], ["y"])
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("local", 1)]
    made = helper.make_function("local", "F", ["x"], ["y"], [relu], opsets[:1])
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    call = helper.make_node("F", ["x"], ["y"], domain="local")
    body = helper.make_graph([call], "g", [value], [out])
    full = helper.make_model(body, opset_imports=opsets, functions=[made])
    onnx.checker.check_model(full)
    return full.SerializeToString()


def benign() -> list[Case]:
    """Give models as the library writes them."""
    properties = onnx.load_from_string(_written())
    helper.set_model_props(properties, {"author": "x"})
    raw = message((1, 1 << 28), (2, 1), (8, "w")) + varint(9 << 3 | 2) + varint(1 << 30)
    big = graph() + varint(5 << 3 | 2) + varint(len(raw) + (1 << 30)) + raw
    head = field(1, 8) + field(8, OPSET) + varint(7 << 3 | 2) + varint(len(big) + (1 << 30)) + big
    return [
        Case("onnx/library", {"m.onnx": _written(producer_name="tests", doc_string="a model")}),
        Case("onnx/metadata", {"m.onnx": properties.SerializeToString()}),
        Case("onnx/external", _external(b"")),
        Case("onnx/external-shared", _external(b"more")),
        Case("onnx/functions", {"m.onnx": _functions()}),
        Case("onnx/runtime", {"m.onnx": model(graph(node("Attention", "com.microsoft")))}),
        Case(
            "onnx/classic", {"m.onnx": model(graph(node("TreeEnsembleClassifier", "ai.onnx.ml")))}
        ),
        Case("onnx/1-gib", {"m.onnx": head}, sizes={"m.onnx": len(head) + (1 << 30)}),
    ]
