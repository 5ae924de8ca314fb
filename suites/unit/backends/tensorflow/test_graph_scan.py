"""Graphs that read or write files, run Python or save elsewhere are refused by operation and node."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from pytest_onnxaccel.backends.tensorflow.graph_files import MetaGraph, read_graph, read_saved_model
from pytest_onnxaccel.backends.tensorflow.nodes import Graph
from pytest_onnxaccel.backends.tensorflow.safety.graph_scan import refuse_graph, refuse_meta_graphs
from pytest_onnxaccel.backends.tensorflow.safety.refused import REFUSED
from pytest_onnxaccel.core.errors import ModelError
from suites.unit.graph_bytes import call, calls, field, graph, meta_graph, node, saved_model, text

Functions = Mapping[str, Iterable[bytes]]


@pytest.fixture
def frozen(tmp_path: Path) -> Any:
    def made(*nodes: bytes, functions: Functions | None = None) -> Graph:
        (tmp_path / "graph.pb").write_bytes(graph(nodes, functions))
        return read_graph(str(tmp_path / "graph.pb"))

    return made


@pytest.fixture
def served(tmp_path: Path) -> Any:
    def made(*nodes: bytes, functions: Functions | None = None, **more: Any) -> tuple[MetaGraph, ...]:
        found = meta_graph(graph(nodes, functions), **{"signatures": {"serving_default": "y:0"}, **more})
        (tmp_path / "saved_model.pb").write_bytes(saved_model(found))
        return read_saved_model(str(tmp_path))

    return made


def refused(graphs: Graph | tuple[MetaGraph, ...]) -> str:
    with pytest.raises(ModelError) as caught:
        refuse_graph(graphs) if isinstance(graphs, Graph) else refuse_meta_graphs(graphs)
    assert caught.value.code == "E_UNSAFE"
    return str(caught.value)


X, Y = node("x", "Placeholder"), node("y", "Relu", "x")


def test_a_plain_graph_passes(frozen: Any, served: Any) -> None:
    refuse_graph(frozen(X, Y))
    refuse_meta_graphs(served(X, Y))


@pytest.mark.parametrize("why", sorted(set(REFUSED.values())))
def test_each_operation_is_refused_by_name_and_node_with_its_reason(why: str, frozen: Any) -> None:
    for op in (op for op, reason in REFUSED.items() if reason == why):
        message = refused(frozen(X, Y, node("scope/bad", op, "x")))
        assert f"holds {op} 'scope/bad', which {why} - " in message
        assert len(message) <= 300


@pytest.mark.parametrize(
    ("op", "why"),
    [("ReadFile", "reads files"), ("WriteFile", "writes files"), ("PyFunc", "runs Python code"),
     ("MatchingFiles", "reads files"), ("EagerPyFunc", "runs Python code"), ("RpcClient", "talks to other machines")],
)  # fmt: skip
def test_what_it_does_is_said(op: str, why: str, frozen: Any) -> None:
    assert f"which {why}" in refused(frozen(node("n", op)))


def test_functions_of_the_library_count_whether_called_or_not(frozen: Any) -> None:
    message = refused(frozen(X, Y, functions={"never_called": [node("bad", "ReadFile")]}))
    assert "holds ReadFile 'bad' in function 'never_called'" in message


def test_what_initialises_counts(served: Any) -> None:
    message = refused(served(X, Y, node("init", "WriteFile"), collections={"saved_model_main_op": "init"}))
    assert "holds WriteFile 'init'" in message


@pytest.mark.parametrize(
    ("op", "attribute", "harmless", "harmful"),
    [
        ("PrintV2", "output_stream", "stderr", "file:///etc/cron.d/x"),
        ("DecodeProtoV2", "descriptor_source", "local://", "/etc/passwd"),
        ("FixedUnigramCandidateSampler", "vocab_file", "", "/etc/passwd"),
    ],
)
def test_one_attribute_decides(op: str, attribute: str, harmless: str, harmful: str, frozen: Any) -> None:
    refuse_graph(frozen(X, node("y", op, "x", **{attribute: text(harmless)})))
    assert f"holds {op} 'y'" in refused(frozen(X, node("y", op, "x", **{attribute: text(harmful)})))
    refuse_graph(frozen(X, node("y", op, "x")))
    # In a function the attribute may be left to whoever calls it
    hidden = {"f": [node("y", op, "x", **{attribute: field(9, "stream")})]}
    assert f"holds {op} 'y' in function 'f'" in refused(frozen(X, functions=hidden))


def test_a_frozen_graph_has_nothing_to_save_or_restore(frozen: Any) -> None:
    assert "SaveV2 's', which writes files" in refused(frozen(X, Y, node("s", "SaveV2", "x")))
    assert "RestoreV2 'r', which reads files" in refused(frozen(X, Y, node("r", "RestoreV2", "x")))


# -- the checkpoint's own ------------------------------------------------------------------------------------------

SAVER = ("save/Const:0", "save/id:0", "save/restore_all")
FIRST = (
    X, Y, node("w", "VariableV2"), node("save/Const", "Const"), node("save/SaveV2", "SaveV2", "save/Const", "w"),
    node("save/id", "Identity", "save/Const", "^save/SaveV2"), node("save/RestoreV2", "RestoreV2", "save/Const"),
    node("save/Assign", "Assign", "w", "save/RestoreV2"), node("save/restore_all", "NoOp", "^save/Assign"),
)  # fmt: skip


def test_the_checkpoints_own_pass(served: Any) -> None:
    refuse_meta_graphs(served(*FIRST, saver=SAVER))
    # A saver that was there before this one, which nothing runs
    old = (node("old/Const", "Const"), node("old/SaveV2", "SaveV2", "old/Const", "w"))
    refuse_meta_graphs(served(*FIRST, *old, node("old/R", "RestoreV2", "old/Const"), saver=SAVER))


def test_a_name_that_passes_through_identities_is_the_checkpoints(served: Any) -> None:
    nodes = [
        *(n for n in FIRST if b"save/RestoreV2" not in n[:20]),
        node("save/same", "Identity", "save/Const"), node("save/RestoreV2", "RestoreV2", "save/same"),
    ]  # fmt: skip
    refuse_meta_graphs(served(*nodes, saver=SAVER))


def test_a_restore_of_another_file_is_refused(served: Any) -> None:
    stray = node("save/stray", "RestoreV2", "elsewhere")
    nodes = (
        *FIRST[:-1], node("elsewhere", "Const"), stray, node("save/restore_all", "NoOp", "^save/Assign", "^save/stray")
    )  # fmt: skip
    message = refused(served(*nodes, saver=SAVER))
    assert "RestoreV2 'save/stray', which reads a file that is not the checkpoint" in message


def test_a_name_that_is_computed_is_not_the_checkpoints(served: Any) -> None:
    joined = node("join", "StringJoin", "save/Const", "dots")
    nodes = (
        *(n for n in FIRST if b"RestoreV2" not in n), joined, node("dots", "Const"),
        node("save/RestoreV2", "RestoreV2", "join"), node("save/Assign", "Assign", "w", "save/RestoreV2"),
    )  # fmt: skip
    assert "not the checkpoint" in refused(served(*nodes, saver=SAVER))


@pytest.mark.parametrize(
    "more",
    [
        {"signatures": {"serving_default": "bad:0"}},
        {"signatures": {"serving_default": "y:0", "__saved_model_init_op": "bad"}},
        {"collections": {"legacy_init_op": "bad"}},
        {"saver": ("save/Const:0", "save/id:0", "bad")},
    ],
    ids=["signature", "init-signature", "init-collection", "restore"],
)
def test_a_save_that_a_loader_or_a_signature_runs_is_refused(more: dict[str, Any], served: Any) -> None:
    bad = node("bad", "Identity", "x", "^save/SaveV2")
    assert "SaveV2 'save/SaveV2', which writes files" in refused(served(*FIRST, bad, **{"saver": SAVER, **more}))


def test_a_restore_that_a_signature_runs_is_refused(served: Any) -> None:
    nodes = (*FIRST, node("bad", "Identity", "save/RestoreV2"))
    assert "RestoreV2 'save/RestoreV2'" in refused(served(*nodes, saver=SAVER, signatures={"s": "bad:0"}))


SAVER_2 = ("saver_filename:0", "Call_1:0", "Call_2")
SECOND = (
    X, node("y", "Relu", "x"), node("w", "VarHandleOp"), node("saver_filename", "Placeholder"), node("Const", "Const"),
    node("Call_1", "StatefulPartitionedCall", "saver_filename", "w", "Const", f=call("save")),
    node("Call_2", "StatefulPartitionedCall", "saver_filename", "w", f=call("restore")),
)  # fmt: skip
LIBRARY = {
    "save": [node("part", "Const"), node("SaveV2", "SaveV2", "part:output:0")],
    "restore": [node("RestoreV2", "RestoreV2", "file_prefix", "names:output:0"), node("names", "Const")],
}


def test_the_functions_of_tensorflow_2_pass(served: Any) -> None:
    refuse_meta_graphs(served(*SECOND, functions=LIBRARY, saver=SAVER_2))


def test_a_restoring_function_with_a_name_of_its_own_is_refused(served: Any) -> None:
    inside = {**LIBRARY, "restore": [node("own", "Const"), node("RestoreV2", "RestoreV2", "own:output:0")]}
    assert "RestoreV2 'RestoreV2' in function 'restore'" in refused(served(*SECOND, functions=inside, saver=SAVER_2))
    outside = (*SECOND[:-1], node("Call_2", "StatefulPartitionedCall", "Const", "w", f=call("restore")))
    assert "not the checkpoint" in refused(served(*outside, functions=LIBRARY, saver=SAVER_2))


def test_a_saving_function_that_a_signature_calls_is_refused(served: Any) -> None:
    for reference in ({"f": call("save")}, {"branches": calls("other", "save")}):
        nodes = (*SECOND[:1], node("y", "Case", "x", **reference), *SECOND[2:])
        assert "SaveV2 'SaveV2' in function 'save'" in refused(served(*nodes, functions=LIBRARY, saver=SAVER_2))
    # A function may be called by its name as an operation
    nodes = (*SECOND[:1], node("y", "save", "x"), *SECOND[2:])
    assert "SaveV2 'SaveV2' in function 'save'" in refused(served(*nodes, functions=LIBRARY, saver=SAVER_2))


def test_every_graph_of_a_saved_model_counts(tmp_path: Path) -> None:
    good, bad = meta_graph(graph([X, Y])), meta_graph(graph([X, node("bad", "ReadFile")]))
    (tmp_path / "saved_model.pb").write_bytes(saved_model(good, bad))
    assert "ReadFile 'bad'" in refused(read_saved_model(str(tmp_path)))


# -- TF-TRT --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["graph", "function"])
def test_an_engine_of_tf_trt_is_named_with_what_it_needs(where: str, served: Any) -> None:
    engine = node("TRTEngineOp_0", "TRTEngineOp", "x")
    # What loads its engine reads a file, which is not what a reader wants to hear
    loads = node("load", "InitializeTRTResource")
    inside: dict[str, Any] = {"functions": {"f": [engine]}} if where == "function" else {}
    nodes = (loads, X, Y, *([] if where == "function" else [engine]))
    with pytest.raises(ModelError) as caught:
        refuse_meta_graphs(served(*nodes, **inside))
    assert caught.value.code == "E_SCHEMA"
    message = str(caught.value)
    assert "was converted by TF-TRT" in message
    assert "TensorRT" in message
    assert message.endswith("give the SavedModel that TF-TRT was given")
