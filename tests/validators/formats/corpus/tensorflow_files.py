"""TensorFlow graphs that reach for files, Python or the network; and ordinary ones."""

import json

from tests.validators.formats.corpus.case import Case
from tests.validators.formats.corpus.wire import field, message, varint


def node(operator: str, name: str = "n", *attributes: tuple[str, bytes]) -> bytes:
    """Write a node with its attributes."""
    items = b"".join(field(5, message((1, key), (2, value))) for key, value in attributes)
    return message((1, name), (2, operator), (3, "x")) + items


def graph(*nodes: bytes, functions: tuple[bytes, ...] = ()) -> bytes:
    """Write a graph with a library of functions."""
    library = b"".join(field(1, item) for item in functions)
    body = b"".join(field(1, item) for item in nodes)
    return body + (field(2, library) if functions else b"") + field(4, message((1, 1900)))


def function(*nodes: bytes) -> bytes:
    """Write a function."""
    return field(1, message((1, "f"))) + b"".join(field(3, item) for item in nodes)


def meta(body: bytes, *more: bytes) -> bytes:
    """Write a meta graph."""
    info = field(1, message((4, "serve"), (5, "2.20.0")))
    return info + field(2, body) + b"".join(more)


def saved(body: bytes, *more: bytes) -> bytes:
    """Write a SavedModel."""
    return field(1, 1) + field(2, meta(body, *more))


ORDINARY = [
    node(name)
    for name in (
        *("Placeholder", "VarHandleOp", "ReadVariableOp", "MatMul", "BiasAdd", "Relu", "Softmax"),
        *(
            "StatefulPartitionedCall",
            "SaveV2",
            "RestoreV2",
            "MergeV2Checkpoints",
            "ShardedFilename",
        ),
        *(
            "StringJoin",
            "Const",
            "Identity",
            "NoOp",
            "AssignVariableOp",
            "Pack",
            "StaticRegexFullMatch",
        ),
        *(
            "LookupTableFindV2",
            "HashTableV2",
            "InitializeTableFromTextFileV2",
            "If",
            "While",
            "Cast",
        ),
        *(
            "TensorListReserve",
            "ParseExampleV2",
            "DecodeJpeg",
            "ResizeBilinear",
            "TPUReplicatedInput",
        ),
    )
]
REACHING = [
    *("ReadFile", "WriteFile", "MatchingFiles", "WholeFileReaderV2", "TextLineReaderV2"),
    *("TFRecordDataset", "TextLineDataset", "CSVDatasetV2", "SaveDatasetV2", "LoadDataset"),
    *("SqlDataset", "SnapshotDatasetV2", "WriteRawProtoSummary", "CreateSummaryFileWriter"),
    *("ImportEvent", "RpcCall", "DataServiceDatasetV4", "RegisterDatasetV2", "XlaCustomCallV2"),
    *(
        "ExperimentalCSVDataset",
        "ExperimentalLMDBDataset",
        "IO>KafkaReadable",
        "FixedLengthRecordReader",
    ),
    *("LookupTableExportToFile", "GcsConfigureCredentials", "RemoteFusedGraphExecute"),
]
PYTHON = ["PyFunc", "PyFuncStateless", "EagerPyFunc"]
LAMBDA = {
    "class_name": "Lambda",
    "config": {
        "name": "l",
        "function": {"class_name": "__lambda__", "config": {"code": "4wEAAAA="}},
    },
}
READ = node("ReadFile")


def _object(metadata: bytes) -> bytes:
    return field(7, field(1, field(4, message((1, "_tf_keras_layer"), (3, metadata)))))


def _stream(key: str, value: bytes) -> bytes:
    return saved(graph(*ORDINARY, node("PrintV2", "p", (key, value))))


TEXT = 'meta_graphs {\n graph_def {\n  node {\n   name: "a"\n   %s\n  }\n }\n}\n'
LIES: dict[str, tuple[str, bytes]] = {
    "empty": ("not-savedmodel", b""),
    "pickle": ("malformed-protobuf", b"\x80\x04N."),
    "text": ("malformed-protobuf", b"hello world\n"),
    "cut": ("malformed-protobuf", saved(graph(*ORDINARY))[:-2]),
    "length": ("malformed-protobuf", field(1, 1) + field(2, b"abc", 1 << 50)),
    "endless-number": ("malformed-protobuf", b"\x08" + b"\xff" * 40),
    "group": ("malformed-protobuf", saved(graph(*ORDINARY)) + varint(9 << 3 | 3)),
    "in-function": ("file-operator", saved(graph(functions=(function(READ),)))),
    "python-in-function": ("python-operator", saved(graph(functions=(function(node("PyFunc")),)))),
    "second-meta-graph": (
        "file-operator",
        saved(graph(*ORDINARY)) + field(2, meta(graph(READ))),
    ),
    "second-graph": ("file-operator", saved(graph(*ORDINARY), field(2, graph(READ)))),
    "behind-many": ("file-operator", saved(graph(*ORDINARY * 500, READ))),
    "operator-twice": (
        "file-operator",
        saved(graph(message((1, "n"), (2, "ReadFile"), (2, "NoOp")))),
    ),
    "asset-climbs": ("path-leaves-model", saved(graph(*ORDINARY), field(6, field(2, "../../x")))),
    "asset-absolute": ("path-leaves-model", saved(graph(*ORDINARY), field(6, field(2, "/etc/x")))),
    "print-to-file": (
        "file-operator",
        _stream("output_stream", field(2, "file:///tmp/x")),
    ),
    "debug-to-server": (
        "file-operator",
        saved(
            graph(node("DebugIdentityV3", "d", ("debug_urls", field(1, field(2, "grpc://h:1")))))
        ),
    ),
    "keras-lambda": (
        "keras-lambda",
        saved(graph(*ORDINARY), _object(json.dumps(LAMBDA).encode())),
    ),
    "keras-metadata-no-json": ("keras-unreadable", saved(graph(*ORDINARY), _object(b"{lambda"))),
}


def text(name: str, value: str) -> bytes:
    """Write a constant of one text."""
    value_of = field(8, message((1, 7), (8, value)))
    return message((1, name), (2, "Const")) + field(5, message((1, "value"), (2, value_of)))


def operator(name: str, kind: str, *inputs: str) -> bytes:
    """Write a node that takes these others."""
    return message((1, name), (2, kind), *((3, item) for item in inputs))


SAVE = operator("s", "SaveV2", "p", "names", "slices")
JOIN = operator("p", "StringJoin", "given", "part:0")
WRITES = {
    "direct": (text("p", "/root/.evil"), SAVE),
    "climbing": (text("p", "a/../../evil"), SAVE),
    "scheme": (text("p", "gs://evil/x"), SAVE),
    "home": (operator("p", "Identity", "q"), text("q", "~/.evil"), SAVE),
    "joined": (text("part", "/../../.evil"), JOIN, SAVE),
    "old": (text("p", "/root/.evil"), operator("s", "Save", "p")),
}
# What Keras 2 says about a layer: tuples, shapes and types have classes of their own.
SHAPE = {"class_name": "__tuple__", "items": [None, 4]}
KERAS_2 = {
    "class_name": "Sequential",
    "config": {"layers": [{"class_name": "Dense", "config": {"batch_input_shape": SHAPE}}]},
    "build_input_shape": {"class_name": "TensorShape", "items": [None, 4]},
    "save_spec": {"class_name": "TypeSpec", "type_spec": "tf.TensorSpec", "serialized": [SHAPE]},
    "training_config": {"optimizer_config": {"class_name": "Custom>Adam", "config": {}}},
}


def malicious() -> list[Case]:
    """Give every graph that must be refused."""
    cases = [
        Case(f"tensorflow/{name}", {"saved_model.pb": data}, rule)
        for name, (rule, data) in LIES.items()
    ]
    cases += [
        Case(f"tensorflow/op-{name}", {"saved_model.pb": saved(graph(*ORDINARY, node(name)))}, rule)
        for names, rule in ((REACHING, "file-operator"), (PYTHON, "python-operator"))
        for name in names
    ]
    layer = field(1, message((2, 1), (3, "root.l"), (4, "_tf_keras_layer")))
    metadata = field(1, message((4, "_tf_keras_layer"), (5, json.dumps(LAMBDA))))
    python = TEXT % 'op: "PyFunc"'
    return [
        *cases,
        Case("tensorflow/frozen", {"frozen.pb": graph(*ORDINARY, READ)}, "file-operator"),
        Case("tensorflow/meta", {"model.ckpt.meta": meta(graph(READ))}, "file-operator"),
        Case("tensorflow/as-bin", {"model.bin": saved(graph(READ))}, "file-operator"),
        Case("tensorflow/frozen-as-bin", {"model.bin": graph(READ)}, "file-operator"),
        Case("tensorflow/upper-case", {"SAVED_MODEL.PB": saved(graph(READ))}, "file-operator"),
        Case("tensorflow/folder", {"1/saved_model.pb": saved(graph(READ))}, "file-operator"),
        Case("tensorflow/keras-metadata", {"keras_metadata.pb": layer + metadata}, "keras-lambda"),
        *(
            Case(
                f"tensorflow/write-{name}",
                {"saved_model.pb": saved(graph(*nodes))},
                "file-operator",
            )
            for name, nodes in WRITES.items()
        ),
        Case(
            "tensorflow/custom",
            {"saved_model.pb": saved(graph(node("EvilOp")))},
            "unknown-operator",
        ),
        Case("tensorflow/pbtxt", {"saved_model.pbtxt": python.encode()}, "python-operator"),
        Case(
            "tensorflow/pbtxt-escaped",
            {"saved_model.pbtxt": (TEXT % r'op: "\120y" "Func"').encode()},
            "python-operator",
        ),
        Case(
            "tensorflow/pbtxt-quotes",
            {"graph.pbtxt": (TEXT % "op:'Write\\x46ile'").encode()},
            "file-operator",
        ),
    ]


def benign() -> list[Case]:
    """Give graphs made of what ordinary models are made of."""
    asset = field(6, message((1, b""), (2, "vocab.txt")))
    full = saved(graph(*ORDINARY, functions=(function(*ORDINARY),)), asset)
    dense = {"class_name": "Dense", "config": {"units": 2, "activation": "relu"}}
    shown = _stream("output_stream", field(2, "stderr"))
    return [
        Case("tensorflow/saved", {"saved_model.pb": full, "assets/vocab.txt": b"a\n"}),
        Case("tensorflow/frozen", {"frozen.pb": graph(*ORDINARY)}),
        Case("tensorflow/print", {"saved_model.pb": shown}),
        Case(
            "tensorflow/save", {"saved_model.pb": saved(graph(text("part", "_temp/p"), JOIN, SAVE))}
        ),
        Case(
            "tensorflow/saved-elsewhere",
            {"saved_model.pb": saved(graph(text("q", "/tmp/a"), SAVE))},
        ),
        Case(
            "tensorflow/calls", {"saved_model.pb": saved(graph(node("f"), functions=(function(),)))}
        ),
        Case(
            "tensorflow/keras-2",
            {"saved_model.pb": saved(graph(*ORDINARY), _object(json.dumps(KERAS_2).encode()))},
        ),
        Case(
            "tensorflow/keras",
            {"saved_model.pb": saved(graph(*ORDINARY), _object(json.dumps(dense).encode()))},
        ),
        Case("tensorflow/pbtxt", {"graph.pbtxt": (TEXT % 'op: "MatMul"').encode()}),
        Case("tensorflow/labels", {"labels.pbtxt": b'item { id: 1 name: "cat" }\n'}),
    ]
