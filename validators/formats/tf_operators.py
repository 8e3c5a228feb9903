"""TensorFlow operators that reach beyond the numbers: Python, files, network, native code.

Source: https://www.tensorflow.org/api_docs/python/tf/raw_ops, read for TensorFlow 2.21, and the
registry of that release (``tensorflow_operators.txt``, with the operators of TensorFlow Text and of
decision forests, which published models use): what is in neither is a custom operator. Restoring
and saving variables is part of every SavedModel and is left out, as are the tables that read a
vocabulary from the model's own assets (their paths are judged apart).
"""

import re
from pathlib import Path

PYTHON = frozenset(("PyFunc", "PyFuncStateless", "EagerPyFunc"))
_EXACT = frozenset(
    (
        "ReadFile", "WriteFile", "MatchingFiles", "LookupTableExportToFile",
        "WholeFileReader", "WholeFileReaderV2", "TextLineReader", "TextLineReaderV2",
        "FixedLengthRecordReader", "FixedLengthRecordReaderV2", "TFRecordReader",
        "TFRecordReaderV2", "LMDBReader", "IdentityReader", "IdentityReaderV2",
        "TextLineDataset", "TFRecordDataset", "TFRecordDatasetV2", "CSVDataset", "CSVDatasetV2",
        "FixedLengthRecordDataset", "FixedLengthRecordDatasetV2", "LMDBDataset", "SqlDataset",
        "MatchingFilesDataset", "LoadDataset", "SaveDataset", "SaveDatasetV2", "CacheDataset",
        "CacheDatasetV2", "SnapshotDataset", "SnapshotDatasetV2", "ListSnapshotChunksDataset",
        "SnapshotChunkDataset", "SnapshotDatasetReader", "SnapshotNestedDatasetReader",
        "WriteSummary", "WriteScalarSummary", "WriteImageSummary", "WriteAudioSummary",
        "WriteHistogramSummary", "WriteRawProtoSummary", "WriteGraphSummary", "ImportEvent",
        "CreateSummaryFileWriter", "CreateSummaryDbWriter", "SummaryWriter",
        "LoadLibrary", "LoadOpLibrary", "DistributedSave",
        "RpcCall", "RpcClient", "RpcServer", "RpcServerStart", "RpcServerRegister",
        "RegisterDataset", "RegisterDatasetV2", "DataServiceDataset", "DataServiceDatasetV2",
        "DataServiceDatasetV3", "DataServiceDatasetV4", "BigQueryReader", "BigtableClient",
        "GcsConfigureCredentials", "GcsConfigureBlockCache", "PubSubDataset", "KafkaDataset",
        "DatasetToTFRecord", "CalibrationStatisticsSaver", "StoreMinibatchStatisticsInFdo",
        "DumpTensor", "Skipgram", "GenerateVocabRemapping", "RecordInput", "LoadAndRemapMatrix",
        "FileSystemSetConfiguration", "SimpleMLLoadModelFromPath", "TRTEngineOp",
        "RemoteCall", "RemoteFusedGraphExecute", "CustomCall", "XlaCustomCall",
        "XlaCustomCallV2", "TPUCompile", "AudioMicrophone", "Shell", "SystemCommand",
    )
)  # fmt: skip
SAVERS = frozenset(("Save", "SaveV2", "SaveSlices"))
# Operators on texts, through which the path that a saver writes to may come.
TEXT_OPERATORS = frozenset(
    (
        "Const", "Identity", "StringJoin", "ShardedFilename", "PlaceholderWithDefault", "Pack",
        "ConcatV2", "Concat", "Reshape", "ExpandDims", "Squeeze", "Select", "SelectV2", "Merge",
        "Switch", "AsString", "Substr", "StringFormat", "StringLower", "StringUpper", "Reverse",
        "StringStrip", "RegexReplace", "StaticRegexReplace", "UnicodeEncode", "DecodeBase64",
        "ReduceJoin", "IdentityN", "Snapshot", "StopGradient", "Tile", "GatherV2", "StridedSlice",
    )
)  # fmt: skip
_PREFIXES = re.compile(
    r"(Experimental|IO|Kafka|BigQuery|Bigtable|PyFunc|EagerPyFunc)(?=[A-Z>:_0-9])"
)
# Every operator that TensorFlow registers itself; `danger` goes first.
KNOWN = frozenset((Path(__file__).parent / "tensorflow_operators.txt").read_text().split())
_VERSION = re.compile(r"V\d+$")


def danger(operator: str) -> str:
    """Say what an operator can do; empty when nothing beyond computing is known of it."""
    if operator in PYTHON:
        return "runs Python code"
    plain = (
        _PREFIXES.sub("", operator, count=1) if operator.startswith("Experimental") else operator
    )
    exact = {operator, plain, _VERSION.sub("", plain)} & _EXACT
    if exact or (_PREFIXES.match(operator) and plain == operator):
        return "reaches files, the network or native code"
    return ""
