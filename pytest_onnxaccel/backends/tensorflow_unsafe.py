"""Which TensorFlow graphs must not be loaded: those that read or write files, run Python or talk to other machines.

Looks at the parsed file alone; TensorFlow has not been imported yet. Every node counts, wherever it is: the graph, the
functions of its library, what initialises it. The one exception are the operations that save and restore the
checkpoint's own variables.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from pytest_onnxaccel.backends.tensorflow_files import Graph, MetaGraph, Node
from pytest_onnxaccel.errors import ModelError, printable

_FILES, _PYTHON, _OTHERS, _MACHINES = "reads files", "runs Python code", "writes files", "talks to other machines"

#: Operations of TensorFlow 2.21 (and those that older releases had) that a model has no business to hold.
UNSAFE: Mapping[str, tuple[str, ...]] = {
    _FILES: (
        "ReadFile", "MatchingFiles", "MatchingFilesDataset", "ExperimentalMatchingFilesDataset", "WholeFileReader",
        "WholeFileReaderV2", "TextLineReader", "TextLineReaderV2", "FixedLengthRecordReader",
        "FixedLengthRecordReaderV2", "TFRecordReader", "TFRecordReaderV2", "LMDBReader", "TextLineDataset",
        "TFRecordDataset", "TFRecordDatasetV2", "FixedLengthRecordDataset", "FixedLengthRecordDatasetV2", "LMDBDataset",
        "ExperimentalLMDBDataset", "CSVDataset", "CSVDatasetV2", "ExperimentalCSVDataset", "SqlDataset",
        "ExperimentalSqlDataset", "LoadDataset", "SnapshotDatasetReader", "SnapshotNestedDatasetReader",
        "SnapshotChunkDataset", "ListSnapshotChunksDataset", "InitializeTableFromTextFile",
        "InitializeTableFromTextFileV2", "GenerateVocabRemapping", "LoadAndRemapMatrix", "ImmutableConst",
        "RecordInput", "Skipgram", "InitializeTRTResource", "FileSystemSetConfiguration", "DTensorRestoreV2",
    ),
    _OTHERS: (
        "WriteFile", "DumpTensor", "CacheDataset", "CacheDatasetV2", "SnapshotDataset", "SnapshotDatasetV2",
        "SaveDataset", "SaveDatasetV2", "DatasetToTFRecord", "ExperimentalDatasetToTFRecord", "DistributedSave",
        "CalibrationStatisticsSaver", "CreateSummaryFileWriter", "CreateSummaryDbWriter", "SummaryWriter",
        "WriteSummary", "WriteScalarSummary", "WriteHistogramSummary", "WriteImageSummary", "WriteAudioSummary",
        "WriteGraphSummary", "WriteRawProtoSummary", "ImportEvent", "FlushSummaryWriter", "CloseSummaryWriter",
        "StatsAggregatorSetSummaryWriter", "DebugIdentity", "DebugIdentityV2", "DebugIdentityV3", "DebugNanCount",
        "DebugNumericSummary", "SerializeTRTResource",
    ),
    _PYTHON: ("PyFunc", "PyFuncStateless", "EagerPyFunc"),
    _MACHINES: (
        "RemoteCall", "RpcCall", "RpcClient", "RpcServer", "RpcServerRegister", "RpcServerStart", "RpcCheckStatus",
        "RpcGetValue", "DeleteRpcFutureResource", "Rpc", "TryRpc", "DataServiceDataset", "DataServiceDatasetV2",
        "DataServiceDatasetV3", "DataServiceDatasetV4", "RegisterDataset", "RegisterDatasetV2",
        "ConfigureDistributedTPU", "BigtableClient", "BigQueryReader", "KafkaDataset",
    ),
}  # fmt: skip

_WHY = {op: why for why, ops in UNSAFE.items() for op in ops}

#: Operations that are harmless but for one attribute: the values that it may have, and what another one does.
CONDITIONAL: Mapping[str, tuple[str, frozenset[str], str]] = {
    "PrintV2": (
        "output_stream",
        frozenset({"", "stderr", "stdout", "log(info)", "log(warning)", "log(error)"}),
        _OTHERS,
    ),
    "EncodeProto": ("descriptor_source", frozenset({"", "local://"}), _FILES),
    "DecodeProtoV2": ("descriptor_source", frozenset({"", "local://"}), _FILES),
    "FixedUnigramCandidateSampler": ("vocab_file", frozenset({""}), _FILES),
}

SAVES = ("Save", "SaveV2", "SaveSlices", "MergeV2Checkpoints")
RESTORES = ("Restore", "RestoreV2", "RestoreSlice")

#: What the name of the checkpoint may pass through on its way to a Restore.
_PASSES = ("Identity", "PlaceholderWithDefault")

#: What hands a variable or a table to the function that restores it.
_HANDLES = (
    "VarHandleOp", "HashTableV2", "MutableHashTableV2", "MutableDenseHashTableV2", "MutableHashTableOfTensorsV2",
    "AnonymousHashTable", "AnonymousMutableHashTable", "AnonymousMutableDenseHashTable", "Placeholder",
)  # fmt: skip

#: What TF-TRT leaves in a graph.
TENSORRT = (
    "TRTEngineOp",
    "CreateTRTResourceHandle",
    "InitializeTRTResource",
    "SerializeTRTResource",
    "GetCalibrationDataOp",
)


def refuse_graph(graph: Graph) -> None:
    """Refuse a frozen graph, which has no variables, so that nothing in it may save or restore any.

    Raises:
        ModelError: ``E_UNSAFE`` naming the operation and its node, or ``E_SCHEMA`` for one that TF-TRT has converted.
    """
    _refuse_nodes(graph)
    for node in graph.all_nodes():
        if node.op in SAVES or node.op in RESTORES:
            raise _unsafe(node, _OTHERS if node.op in SAVES else _FILES)


def refuse_meta_graphs(graphs: Iterable[MetaGraph]) -> None:
    """Refuse a SavedModel's or a checkpoint's graphs.

    A loader feeds the checkpoint's name to the saver's own tensor and runs its restoring operation; nothing runs the
    saving one. So a Save is tolerated where nothing that a loader or a signature runs leads to it, and a Restore where
    the name of its file is that tensor, or where nothing runs it either.

    Raises:
        ModelError: as :func:`refuse_graph`.
    """
    for meta in graphs:
        _refuse_nodes(meta.graph)
        _refuse_saving(meta)


def _refuse_nodes(graph: Graph) -> None:
    for node in graph.all_nodes():
        # Before the rest: its files are engines, and what to do about them is another thing
        if node.op in TENSORRT:
            raise ModelError(
                f"was converted by TF-TRT: {_named(node)} holds an engine of TensorRT, which runs only on the kind of "
                "GPU and with the release of TensorRT that built it, in a TensorFlow built with TensorRT",
                code="E_SCHEMA",
                remedy="give the SavedModel that TF-TRT was given",
            )
    for node in graph.all_nodes():
        why = _WHY.get(node.op)
        if why is None and node.op in CONDITIONAL:
            attribute, harmless, reason = CONDITIONAL[node.op]
            why = None if node.text(attribute) in harmless else reason
        if why is not None:
            raise _unsafe(node, why)


def _refuse_saving(meta: MetaGraph) -> None:
    suspects = [node for node in meta.graph.all_nodes() if node.op in SAVES or node.op in RESTORES]
    if not suspects:
        return
    roots = [*meta.initializers, *(name for names in meta.signatures.values() for name in names)]
    served, restoring = _reached(meta.graph, roots), _reached(meta.graph, [meta.saver.restore])
    sole = {node.name: node for node in meta.graph.nodes}
    for node in suspects:
        key = (node.function, node.name)
        if key in served or (node.op in SAVES and key in restoring):
            raise _unsafe(node, _OTHERS if node.op in SAVES else _FILES)
        if key in restoring and not _own_name(node, meta, sole):
            raise _unsafe(node, "reads a file that is not the checkpoint")


def _own_name(node: Node, meta: MetaGraph, nodes: Mapping[str, Node]) -> bool:
    """The file that Restore *node* reads is the one that the loader names."""
    filename = _operation(meta.saver.filename)
    if not node.function:
        return _leads_to(node.inputs[:1], nodes, filename) == filename != ""
    body = {inner.name: inner for inner in meta.graph.functions[node.function]}
    argument = _leads_to(node.inputs[:1], body)
    if not argument or argument in body:
        return False
    # TensorFlow 2 restores in a function of the file's name and of the variables, which the graph itself calls
    callers = [caller for caller in meta.graph.all_nodes() if node.function in _called(caller, meta.graph)]
    return all(
        not caller.function
        and all(
            _operation(name) == filename or nodes[_operation(name)].op in _HANDLES
            for name in caller.inputs
            if _operation(name) in nodes
        )
        for caller in callers
    )


def _leads_to(inputs: tuple[str, ...], nodes: Mapping[str, Node], end: str = "") -> str:
    """The node that the first of *inputs* is the value of, unchanged, *end* at the latest; empty for any other."""
    name = _operation(inputs[0]) if inputs else ""
    for _ in range(len(nodes) + 1):
        found = nodes.get(name)
        if found is None or name == end:
            return name
        if found.op not in _PASSES or not found.inputs:
            return ""
        name = _operation(found.inputs[0])
    return ""


def _reached(graph: Graph, roots: Iterable[str]) -> set[tuple[str, str]]:
    """(function, node) of all that running *roots* runs: their inputs, and every node of the functions called."""
    nodes: dict[str, list[Node]] = {}
    for node in graph.nodes:
        nodes.setdefault(node.name, []).append(node)
    found: set[tuple[str, str]] = set()
    functions: set[str] = set()
    waiting = [_operation(name) for name in roots if name]
    calls: list[str] = []
    while waiting:
        name = waiting.pop()
        if ("", name) in found:
            continue
        found.add(("", name))
        for node in nodes.get(name, ()):
            waiting += [_operation(item) for item in node.inputs]
            calls += _called(node, graph)
    while calls:
        name = calls.pop()
        if name in functions:
            continue
        functions.add(name)
        for node in graph.functions.get(name, ()):
            found.add((name, node.name))
            calls += _called(node, graph)
    return found


def _called(node: Node, graph: Graph) -> Iterator[str]:
    yield from node.calls()
    if node.op in graph.functions:
        yield node.op


def _operation(tensor: str) -> str:
    """``scope/op`` of ``^scope/op``, ``scope/op:1`` or ``op:output:0``."""
    return tensor.removeprefix("^").partition(":")[0]


def _named(node: Node) -> str:
    where = f" in function {printable(node.function, 60)!r}" if node.function else ""
    return f"{printable(node.op, 60)} {printable(node.name, 80)!r}{where}"


def _unsafe(node: Node, why: str) -> ModelError:
    return ModelError(
        f"holds {_named(node)}, which {why}",
        code="E_UNSAFE",
        remedy="save the model without it, for inference alone",
    )
