"""Check `tflite`: operators that a TensorFlow Lite model takes from outside the runtime.

A custom operator is native code that the program registers under the model's name for it; a Flex
operator is one of TensorFlow itself (https://ai.google.dev/edge/litert/models/ops_custom), with all
that those can do, so it is judged as the check `savedmodel` does. The numbers of the fields are
from tensorflow/compiler/mlir/lite/schema/schema.fbs of https://github.com/tensorflow/tensorflow.
Files packed into the model behind its metadata are members of a zip to the other checks.

``security.allowOperators``: operators accepted all the same, each ``tflite::Operator``.
"""

from collections.abc import Iterator

from validators.base import Check, Model
from validators.formats.code_text import code_problem
from validators.formats.flatbuffer import FlatBuffer
from validators.formats.policy import allow, code_severity
from validators.formats.problem import Problem
from validators.formats.source import MEMORY_BYTES, Source, judged_by, shown
from validators.formats.tf_operators import KNOWN, PYTHON, danger

NAME = "tflite"
ENDINGS = (".tflite", ".lite")
MAGICS = (b"TFL3", b"TFL2")
_MODEL_OPERATORS, _MODEL_SUBGRAPHS, _MODEL_DESCRIPTION, _MODEL_BUFFERS = 1, 2, 3, 4
_CODE_OLD, _CODE_CUSTOM, _CODE_NEW = 0, 1, 3
_BUFFER_OFFSET, _BUFFER_SIZE = 1, 2
_CUSTOM = 32  # BuiltinOperator_CUSTOM
_MOST_BUILTIN = 255  # 209 of them are in use
# Custom operators that TensorFlow Lite and MediaPipe bring themselves.
_SHIPPED = frozenset(
    (
        "TFLite_Detection_PostProcess", "Convolution2DTransposeBias", "MaxPoolingWithArgmax2D",
        "MaxUnpooling2D", "AudioSpectrogram", "Mfcc", "Rfft2d", "Irfft2d", "NumericVerify",
        "RFFT2D", "AvgPool3D", "MaxPool3D", "AssignVariable", "ReadVariable", "VarHandle",
        "TransformLandmarks", "TransformTensorBilinear", "Landmarks2TransformMatrix",
        "RandomStandardNormal", "RandomUniform", "Multinomial", "Sign", "Roll", "Atan2",
        "HashtableV2", "HashtableFindV2", "HashtableImportV2", "HashtableSizeV2", "Table",
        "aeq.hertz_to_mel", "tftext:WhitespaceTokenizer", "tftext:WhitespaceTokenizeWithOffsets",
        "odml.update_kv_cache", "odml.scaled_dot_product_attention", "edgetpu-custom-op",
    )
)  # fmt: skip


def _judge(source: Source, model: Model) -> Iterator[Problem]:
    if source.read(4, 4) not in MAGICS:
        if source.base.endswith(".tflite"):
            message = "the name says TensorFlow Lite, the content does not"
            yield Problem("not-tflite", message, shown(source.read(0, 16)))
        return
    buffer = FlatBuffer(source)
    root = buffer.root()
    for name in dict.fromkeys(_operators(buffer, root)):
        yield from _operator(name, model)
    for _ in buffer.tables(root, _MODEL_SUBGRAPHS):
        pass  # NB: each leads somewhere in the file, or reading it says so
    yield from _buffers(buffer, root)
    description = buffer.text(root, _MODEL_DESCRIPTION)
    yield from code_problem("description", description.encode())


def _operators(buffer: FlatBuffer, root: int) -> Iterator[str]:
    for code in buffer.tables(root, _MODEL_OPERATORS):
        old = buffer.scalar(code, _CODE_OLD, 1)
        new = buffer.scalar(code, _CODE_NEW, 4)
        custom = buffer.text(code, _CODE_CUSTOM)
        if custom or _CUSTOM in (old, new):
            yield custom
        elif not 0 <= max(old, new) <= _MOST_BUILTIN:
            yield f"number {max(old, new)}"


def _operator(name: str, model: Model) -> Iterator[Problem]:
    full = f"tflite::{name}"
    if name in _SHIPPED or full in set(model.security.get("allowOperators", ())):
        return
    flex = name.removeprefix("Flex") if name.startswith("Flex") else ""
    if flex and (does := danger(flex)):
        rule = "python-operator" if flex in PYTHON else "file-operator"
        remedy = allow("allowOperators", full)
        yield Problem(rule, f"an operator of TensorFlow {does}", shown(name), remedy)
    elif not flex or flex not in KNOWN:
        message = "a custom operator runs native code that comes from elsewhere"
        remedy = allow("allowOperators", full)
        yield Problem("custom-operator", message, shown(name), remedy, code_severity(model))


def _buffers(buffer: FlatBuffer, root: int) -> Iterator[Problem]:
    size = buffer.source.size
    for table in buffer.tables(root, _MODEL_BUFFERS):
        start = buffer.scalar(table, _BUFFER_OFFSET, 8)
        length = buffer.scalar(table, _BUFFER_SIZE, 8)
        if start > 1 and not 0 <= start + length <= size:
            message = "a buffer lies outside the file"
            yield Problem("offset-range", message, f"{length} B at {start} of {size} B")
            return


CHECK = Check(name=NAME, version="1", run=judged_by(NAME, _judge), memory=MEMORY_BYTES)
