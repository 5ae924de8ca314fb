"""Graphs that would write, read or run something, however it is spelt, are refused before TensorFlow is imported."""

from __future__ import annotations

import random
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_onnxaccel.backends.tensorflow import graph as tensorflow_graph
from pytest_onnxaccel.backends.tensorflow.open import open_tensorflow
from pytest_onnxaccel.core.errors import ModelError, OnnxAccelError
from suites.unit.graph_bytes import (
    call,
    call_with,
    calls,
    entry,
    field,
    function,
    graph,
    library,
    meta_graph,
    node,
    packed,
    saved_model,
    tensor,
    tensor_proto,
    text,
    texts,
)

X, Y = node("x", "Placeholder"), node("y", "Relu", "x")
PLAIN = graph([X, Y])


class ImportedError(Exception):
    """The scan had let the file pass, so that TensorFlow would be imported next."""


@pytest.fixture(autouse=True)
def no_tensorflow(monkeypatch: pytest.MonkeyPatch) -> None:
    def imported() -> None:
        raise ImportedError

    monkeypatch.setattr(tensorflow_graph, "tensorflow", imported)


def write(canary: str, name: str = "write") -> list[bytes]:
    """Nodes that write a file."""
    path, body = tensor(canary.encode()), tensor(b"written")
    return [
        node("name", "Const", value=path),
        node("body", "Const", value=body),
        node(name, "WriteFile", "name", "body"),
    ]


def hidden(canary: str) -> bytes:
    """A graph that writes, as a text."""
    return graph(write(canary))


def const(*values: bytes) -> bytes:
    return node("text", "Const", value=tensor(*values))


def nested(canary: str, depth: int) -> bytes:
    """A graph in a text of a graph, *depth* times."""
    found = hidden(canary)
    for _ in range(depth):
        found = graph([node("text", "Const", value=tensor(found))])
    return found


def buried(canary: str, depth: int) -> bytes:
    """An attribute that is a function with an attribute that is a function, and so on, with a graph at the end."""
    found = field(2, hidden(canary))
    for _ in range(depth):
        found = call_with("f", a=found)
    return found


FROZEN: dict[str, Callable[[str], bytes]] = {
    "in the graph": lambda c: graph([X, Y, *write(c)]),
    "as a control dependency": lambda c: graph([X, *write(c), node("y", "Relu", "x", "^write")]),
    "in a function that nothing calls": lambda c: graph([X, Y], {"f": write(c)}),
    "in a function that is called": lambda c: graph(
        [X, node("y", "PartitionedCall", "x", f=call("f"))], {"f": write(c)}
    ),
    "in a function called as an operator": lambda c: graph([X, node("y", "f", "x")], {"f": write(c)}),
    "in a gradient": lambda c: graph([X, Y]) + library(
        function("f", [X, Y]), function("g", write(c)), gradients={"f": "g"}
    ),
    "in a branch": lambda c: graph([X, node("y", "Case", "x", branches=calls("f", "g"))], {"f": [X], "g": write(c)}),
    "in the function of a data set": lambda c: graph([X, node("y", "MapDefun", "x", f=call("f"))], {"f": write(c)}),
    "in a library in two parts": lambda c: graph([X, Y], {"f": [X]}) + library(function("g", write(c))),
    "in two functions of one name": lambda c: graph([X, Y]) + library(function("f", [X]), function("f", write(c))),
    "behind a group": lambda c: bytes([99 << 3 & 127 | 128 | 3, 6, 8, 1, 99 << 3 & 127 | 128 | 4, 6]) + graph(
        [X, Y, *write(c)]
    ),
    "as the last of two operators of a node": lambda c: graph([X, node("y", "Relu", "x") + field(2, "WriteFile")]),
    "in a function that an attribute names": lambda c: graph(
        [X, node("y", "PartitionedCall", "x", f=call("WriteFile"))]
    ),
    "in a string": lambda c: graph([X, Y, const(hidden(c))]),
    "in the second string": lambda c: graph([X, Y, const(b"harmless text", hidden(c))]),
    "in strings in one piece": lambda c: graph([X, Y, node("t", "Const", value=packed(b"words", hidden(c)))]),
    "in an attribute": lambda c: graph([X, node("y", "Relu", "x", note=field(2, hidden(c)))]),
    "in a list of strings": lambda c: graph([X, node("y", "Relu", "x", notes=texts(b"a", hidden(c)))]),
    "in a list of tensors": lambda c: graph([X, node("y", "Relu", "x", n=field(1, tensor(hidden(c))))]),
    "in an attribute of a function's name": lambda c: graph(
        [X, node("y", "PartitionedCall", "x", f=call_with("f", note=field(2, hidden(c))))], {"f": [X]}
    ),
    "in a text of a function": lambda c: graph([X, Y], {"f": [const(hidden(c))]}),
    "in an attribute of a function": lambda c: graph([X, Y]) + library(function("f", [X], note=field(2, hidden(c)))),
    "in an attribute of an argument": lambda c: graph([X, Y]) + library(
        function("f", [X]) + field(7, field(1, 0) + field(2, field(1, entry("n", field(2, hidden(c))))))
    ),
    "in a default of a signature": lambda c: graph([X, Y]) + library(
        function("f", [X], more=field(4, field(1, "a") + field(3, field(2, hidden(c)))))
    ),
    "in a variant": lambda c: graph(
        [X, Y, node("v", "Const", value=tensor(variants=[field(1, "any") + field(2, hidden(c))]))]
    ),
    "in a tensor of a variant": lambda c: graph(
        [X, Y, node("v", "Const", value=tensor(variants=[field(1, "any") + field(3, tensor_proto(hidden(c)))]))]
    ),
    "in a text in a text": lambda c: graph([X, Y, const(nested(c, 1))]),
    "in a text in a text in a function": lambda c: graph([X, Y], {"f": [const(nested(c, 2))]}),
    "twelve texts deep": lambda c: graph([X, Y, const(nested(c, 12))]),
    "a hundred texts deep": lambda c: graph([X, Y, const(nested(c, 100))]),
    "in the function of a text": lambda c: graph([X, Y, const(graph([X, Y], {"f": write(c)}))]),
    "in a text that is a function": lambda c: graph([X, Y, const(function("f", write(c)))]),
    "in a text that is a library": lambda c: graph([X, Y, const(field(1, function("f", write(c))))]),
    "in a text that is a node": lambda c: graph([X, Y, const(write(c)[-1])]),
    "in a text that is a meta graph": lambda c: graph([X, Y, const(meta_graph(hidden(c)))]),
    "in a text that is a SavedModel": lambda c: graph([X, Y, const(saved_model(meta_graph(hidden(c))))]),
    "in a text behind a group": lambda c: graph([X, Y, const(bytes([0xA3, 6, 0xA4, 6]) + hidden(c))]),
    "deep in the functions of attributes": lambda c: graph([X, Y]) + library(function("f", [X], a=buried(c, 40))),
    "saved in a text": lambda c: graph([X, Y, const(graph([node("s", "SaveV2", "name", "x")]))]),
    "an operator that nobody knows in a text": lambda c: graph([X, Y, const(graph([node("s", "Mine>Writes", "x")]))]),
    "run from a text": lambda c: graph([X, Y, const(hidden(c)), node("set", "DatasetFromGraph", "text")]),
    "run from halves of a text": lambda c: graph(
        [X, Y, node("a", "Const", value=tensor(hidden(c)[:20])), node("b", "Const", value=tensor(hidden(c)[20:])),
         node("all", "StringJoin", "a", "b"), node("set", "DatasetFromGraph", "all")]
    ),
    "run by XLA": lambda c: graph([X, node("y", "XlaCallModule", "x", module=text("module {}"))]),
    "run by XLA as a call": lambda c: graph([X, node("y", "XlaCustomCallV2", "x", call_target_name=text("system"))]),
    "run by MLIR": lambda c: graph([X, node("y", "MlirPassthroughOp", "x", mlir_module=text("module {}"))]),
    "run by an iterator's state": lambda c: graph([X, Y, node("i", "DeserializeIterator", "x", "x")]),
    "run as Python": lambda c: graph([X, node("y", "EagerPyFunc", "x", token=text("pyfunc_0"))]),
    "run without a state as Python": lambda c: graph([X, node("y", "PyFuncStateless", "x", token=text("pyfunc_0"))]),
    "read": lambda c: graph([X, Y, node("r", "ReadFile", "x")]),
    "mapped into memory": lambda c: graph([X, Y, node("r", "ImmutableConst", memory_region_name=text("/etc/passwd"))]),
    "printed": lambda c: graph([X, Y, node("p", "PrintV2", "x", output_stream=text(f"file://{c}"))]),
    "debugged": lambda c: graph([X, node("y", "DebugIdentityV3", "x", debug_urls=texts(f"file://{c}".encode()))]),
    "cached": lambda c: graph([X, Y, node("d", "CacheDatasetV2", "x", "x", "x")]),
    "as a data set": lambda c: graph([X, Y, node("d", "MapDataset", "x", f=call("f"))], {"f": write(c)}),
    "a data set of lines": lambda c: graph([X, Y, node("d", "TextLineDataset", "x", "x", "x")]),
    "sent to another process": lambda c: graph([X, node("y", "RpcCall", "x", "x", "x", "x")]),
    "sent to another device": lambda c: graph([X, node("y", "CollectiveReduceV2", "x")]),
    "called elsewhere": lambda c: graph([X, node("y", "RemoteCall", "x", f=call("f"))], {"f": [X]}),
    "ended": lambda c: graph([X, node("y", "Abort", error_msg=text("x"))]),
    "in another case": lambda c: graph([X, node("y", "writeFile", "x")]),
    "with a blank": lambda c: graph([X, node("y", "WriteFile ", "x")]),
    "with a letter that looks alike": lambda c: graph([X, node("y", "WriteFil\u0435", "x")]),
    "with a NUL": lambda c: graph([X, node("y", "WriteFile\0", "x")]),
    "without a name": lambda c: graph([X, node("y", "", "x")]),
    "of a package": lambda c: graph([X, node("y", "Mine>Writes", "x")]),
}  # fmt: skip


def refused(path: Path, kind: str, canary: Path) -> str:
    """The line of the refusal."""
    with pytest.raises(ModelError) as caught:
        open_tensorflow(str(path), kind)
    assert caught.value.code == "E_UNSAFE"
    line = str(caught.value)
    assert len(line) <= 300
    assert line.isprintable()
    assert not canary.exists()
    return line


@pytest.mark.parametrize("spelling", FROZEN)
def test_a_frozen_graph(spelling: str, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    (tmp_path / "graph.pb").write_bytes(FROZEN[spelling](str(canary)))
    refused(tmp_path / "graph.pb", "graphdef", canary)


@pytest.mark.parametrize("spelling", FROZEN)
def test_the_same_in_a_saved_model_and_in_a_checkpoint(spelling: str, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    found = meta_graph(FROZEN[spelling](str(canary)), {"serving_default": "y:0"})
    (tmp_path / "saved_model.pb").write_bytes(saved_model(meta_graph(PLAIN, {"serving_default": "y:0"}), found))
    refused(tmp_path, "saved_model", canary)
    (tmp_path / "model.meta").write_bytes(found)
    refused(tmp_path / "model.meta", "checkpoint", canary)


# -- what is run besides the signatures ------------------------------------------------------------------------------

SAVE = [node("path", "Const"), node("save", "SaveV2", "path", "x", "x", "x")]
#: Nothing that is run leads to the Save in these but what is said.
RUN: dict[str, tuple[list[bytes], bytes]] = {
    "an end of the graph": ([node("same", "Identity", "x", "^save"), node("y", "Relu", "same")], b""),
    "an end behind a function": ([node("y", "PartitionedCall", "x", f=call("f"))], library(
        function("f", [node("inner", "SaveV2", "x")])
    )),
    "a function's stand-in": ([node("y", "PartitionedCall", "x", f=call("f"))], library(
        function("f", [X], api_implements=text("same")),
        function("g", [node("inner", "SaveV2", "x")], api_implements=text("same")),
    )),
    "a gradient": ([node("y", "SymbolicGradient", "x", f=call("f"))], library(
        function("f", [X]), function("g", [node("inner", "SaveV2", "x")]), gradients={"f": "g"}
    )),
    "the reading of a variable": (
        [Y, node("w", "VarHandleOp"), node("w/Read/ReadVariableOp", "Identity", "x", "^save")], b""
    ),
    "a variable": ([Y, node("w", "VariableV2", "^save"), node("read", "Identity", "w")], b""),
}  # fmt: skip


@pytest.mark.parametrize("what", RUN)
def test_a_save_that_is_run_by(what: str, tmp_path: Path) -> None:
    nodes, functions = RUN[what]
    (tmp_path / "model.meta").write_bytes(meta_graph(graph([X, *SAVE, *nodes]) + functions))
    assert "SaveV2" in refused(tmp_path / "model.meta", "checkpoint", tmp_path / "canary")
    found = meta_graph(graph([X, *SAVE, *nodes]) + functions, {"serving_default": "y:0"})
    (tmp_path / "saved_model.pb").write_bytes(saved_model(found))
    assert "SaveV2" in refused(tmp_path, "saved_model", tmp_path / "canary")


def test_a_save_that_an_output_leads_to(tmp_path: Path) -> None:
    """Nothing takes its result, so that only whoever names it as an output runs it."""
    (tmp_path / "model.meta").write_bytes(meta_graph(graph([X, Y, *SAVE, node("out", "Identity", "x", "^save")])))
    with pytest.raises(ModelError, match="SaveV2 'save'"):
        open_tensorflow(str(tmp_path / "model.meta"), "checkpoint", ["x"], ["out:0"])
    with pytest.raises(ImportedError):
        open_tensorflow(str(tmp_path / "model.meta"), "checkpoint", ["x"], ["y:0"])


def test_a_restore_of_another_result_of_the_operation_that_has_the_name(tmp_path: Path) -> None:
    """The loader feeds the first result of the two; the second is a constant of the file's own."""
    nodes = [
        X, Y, node("both", "IdentityN", "a", "b"), node("a", "Const"), node("b", "Const"), node("w", "VariableV2"),
        node("r", "RestoreV2", "both:1"), node("set", "Assign", "w", "r"),
    ]  # fmt: skip
    found = meta_graph(graph(nodes), {"serving_default": "y:0"}, ("both:0", "s", "set"))
    (tmp_path / "saved_model.pb").write_bytes(saved_model(found))
    assert "not the checkpoint" in refused(tmp_path, "saved_model", tmp_path / "canary")


# -- how the owner may allow more ------------------------------------------------------------------------------------


def test_what_may_be_trusted_and_what_never(tmp_path: Path) -> None:
    path = tmp_path / "graph.pb"

    def said(op: str, *trusted: str) -> str:
        path.write_bytes(graph([X, node("y", op, "x")]))
        with pytest.raises(OnnxAccelError) as caught:
            open_tensorflow(str(path), "graphdef", trusted=trusted)
        return str(caught.value)

    assert "holds Mine>Op 'y', which is not on the list" in said("Mine>Op")
    for op in ("Mine>Op", "NewOfNextYear", "MapDataset"):
        for line in (said(op), said(op, "tensorflow:Other")):
            assert shlex.split(line)[-1] == f"--onnx-trust=tensorflow:{op}"
        with pytest.raises(ImportedError):
            open_tensorflow(str(path), "graphdef", trusted=[f"tensorflow:{op}"])
    for op in ("WriteFile", "PyFunc", "DatasetFromGraph", "XlaCallModule", "writefile", "PyFunc ", "", "9"):
        for line in (said(op), said(op, f"tensorflow:{op}", "tensorflow:*")):
            assert "--onnx-trust" not in line


# -- what a model may hold -------------------------------------------------------------------------------------------

LEGAL: dict[str, Callable[[], bytes]] = {
    "layers": lambda: graph([X, node("c", "Conv2D", "x"), node("b", "FusedBatchNormV3", "c"), node("y", "Relu6", "b")]),
    "what TensorFlow 1 had": lambda: graph([X, node("y", "BatchNormWithGlobalNormalization", "x")]),
    "control flow of TensorFlow 1": lambda: graph([
        X, node("e", "Enter", "x"), node("m", "Merge", "e", "n"), node("l", "LoopCond", "m"), node("s", "Switch", "m"),
        node("n", "NextIteration", "s:1"), node("y", "Exit", "s"),
    ]),
    "control flow of TensorFlow 2": lambda: graph(
        [X, node("y", "While", "x", cond=call("c"), body=call("b"))], {"c": [X], "b": [X]}
    ),
    "branches": lambda: graph([X, node("y", "StatelessCase", "x", branches=calls("f", "g"))], {"f": [X], "g": [X]}),
    "functions that are operators": lambda: graph([X, node("y", "my_function", "x")], {"my_function": [X]}),
    "functions and gradients": lambda: graph([X, Y]) + library(
        function("f", [X]), function("g", [X]), gradients={"f": "g"}
    ),
    "functions of two kernels": lambda: graph([X, node("y", "StatefulPartitionedCall", "x", f=call("f"))]) + library(
        function("f", [X], api_implements=text("gru")), function("g", [X], api_implements=text("gru"))
    ),
    "printing": lambda: graph([X, node("y", "Print", "x"), node("p", "PrintV2", "x", output_stream=text("stderr"))]),
    "tables without files": lambda: graph([
        X, node("t", "HashTableV2"), node("k", "Const", value=tensor(b"a", b"b")),
        node("i", "LookupTableImportV2", "t"),
        node("y", "LookupTableFindV2", "t", "x"),
    ]),
    "variables": lambda: graph([X, node("w", "VarHandleOp"), node("y", "ReadVariableOp", "w")]),
    "lists of tensors": lambda: graph([X, node("l", "TensorListReserve"), node("y", "TensorListStack", "l")]),
    "queues": lambda: graph([X, node("q", "FIFOQueueV2"), node("y", "QueueDequeueV2", "q")]),
    "quantised": lambda: graph([X, node("q", "QuantizeV2", "x"), node("y", "Dequantize", "q")]),
    "an optimizer": lambda: graph([X, Y, node("a", "ResourceApplyAdam", "x")]),
    "summaries": lambda: graph([X, Y, node("s", "ScalarSummary", "x"), node("m", "MergeSummary", "s")]),
    "images in memory": lambda: graph([X, node("y", "DecodeJpeg", "x")]),
    "random values": lambda: graph([X, node("y", "StatelessRandomUniformV2", "x")]),
    "XLA's own": lambda: graph([X, node("y", "XlaDotV2", "x", "x")]),
    "fused": lambda: graph([X, node("y", "_FusedMatMul", "x", "x")]),
    "words": lambda: graph([X, Y, const(b"a", b"word", "w\u00f6rter".encode(), b"")]),
    "words in one piece": lambda: graph([X, Y, node("t", "Const", value=packed(b"\n\x03abc\x12", b"x" * 300))]),
    "bytes": lambda: graph([X, Y, const(bytes(range(256)), b"\x12" * 100, b"\n\x04\x12\x02xx" * 20)]),
    "a graph that computes in a text": lambda: graph([X, Y, const(PLAIN)]),
    "a graph in a graph in a text": lambda: graph([X, Y, const(graph([const(graph([const(PLAIN)]))]))]),
    "a text that begins as a node with attributes": lambda: graph([X, Y, const(
        field(1, "name") + field(2, "NoOp") + field(5, entry("a", b"no message"))
    )]),
    "a map of words in a text": lambda: graph([X, Y, const(field(1, entry("colour", b"Red")) * 3)]),
    "the name of an operator as a word": lambda: graph([X, Y, const(b"WriteFile", b"node { op: \"ReadFile\" }")]),
    "the name of an operator as a node's": lambda: graph([X, Y, node("WriteFile", "Identity", "y")]),
    "a device of a cluster": lambda: graph([X, Y, node("d", "Relu", "x") + field(4, "/job:worker/task:0")]),
    "an example of a data set in a text": lambda: graph([X, Y, const(
        field(1, field(1, field(1, "age") + field(2, field(3, field(1, b"\x07")))))
    )]),
}  # fmt: skip


@pytest.mark.parametrize("what", LEGAL)
def test_a_model_may_hold(what: str, tmp_path: Path) -> None:
    data = LEGAL[what]()
    (tmp_path / "graph.pb").write_bytes(data)
    (tmp_path / "model.meta").write_bytes(meta_graph(data))
    (tmp_path / "saved_model.pb").write_bytes(saved_model(meta_graph(data, {"serving_default": "y:0"})))
    for path, kind in (("graph.pb", "graphdef"), ("model.meta", "checkpoint"), ("", "saved_model")):
        with pytest.raises(ImportedError):
            open_tensorflow(str(tmp_path / path), kind)


def test_texts_of_any_bytes_are_passed_by(tmp_path: Path) -> None:
    """Whatever a text holds, looking for a graph in it ends without a word."""
    source, path = random.Random(0), tmp_path / "graph.pb"
    whole = graph([X, Y], {"f": [X]})
    for _ in range(300):
        data = bytearray(whole if source.random() < 0.5 else source.randbytes(60))
        for _ in range(source.randrange(4)):
            data[source.randrange(len(data))] = source.randrange(256)
        path.write_bytes(graph([X, Y, const(bytes(data))]))
        try:
            open_tensorflow(str(path), "graphdef")
        except ImportedError:
            continue
        except ModelError as error:
            assert error.code == "E_UNSAFE"  # noqa: PT017
            assert "is not on the list" in str(error)  # noqa: PT017
