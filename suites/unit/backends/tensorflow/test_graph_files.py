"""TensorFlow's graph files are read without TensorFlow, and garbage is said to be garbage."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_onnxaccel.backends.tensorflow import graph_files as tensorflow_files
from pytest_onnxaccel.backends.tensorflow import nodes as tensorflow_nodes
from pytest_onnxaccel.backends.tensorflow.graph_files import read_graph, read_meta_graph, read_saved_model
from pytest_onnxaccel.backends.tensorflow.protobuf import Message
from pytest_onnxaccel.core.errors import ModelError
from suites.unit.graph_bytes import call, calls, field, graph, meta_graph, node, saved_model, text


def saved(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    return str(path)


def test_nodes_and_functions(tmp_path: Path) -> None:
    inner = node("deep", "Identity", "a", _output=text("x"))
    data = graph([node("x", "Placeholder"), node("y", "Relu", "x", "^x", f=call("fn"))], {"fn": [inner]})
    found = read_graph(saved(tmp_path / "graph.pb", data))
    assert [(n.name, n.op, n.inputs) for n in found.nodes] == [("x", "Placeholder", ()), ("y", "Relu", ("x", "^x"))]
    assert [(n.function, n.name) for n in found.all_nodes()] == [("", "x"), ("", "y"), ("fn", "deep")]
    assert list(found.nodes[1].calls()) == ["fn"]
    assert found.functions["fn"][0].text("_output") == "x"


def test_functions_in_lists_and_inside_functions(tmp_path: Path) -> None:
    nested = field(10, field(1, "outer") + field(2, field(1, "g") + field(2, call("inner"))))
    data = graph([node("a", "Case", branches=calls("one", "two")), node("b", "Call", f=nested)])
    found = read_graph(saved(tmp_path / "graph.pb", data))
    assert [list(n.calls()) for n in found.nodes] == [["one", "two"], ["outer", "inner"]]


def test_a_meta_graph(tmp_path: Path) -> None:
    data = meta_graph(
        graph([node("y", "Relu")]), {"serving_default": "y:0"}, ("save/Const:0", "save/id:0", "save/restore"),
        {"saved_model_main_op": "init", "variables": "w"},
    )  # fmt: skip
    found = read_meta_graph(saved(tmp_path / "x.meta", data))
    assert found.tags == ("serve",)
    assert found.signatures == {"serving_default": ("y:0",)}
    assert (found.saver.filename, found.saver.save, found.saver.restore) == (
        "save/Const:0",
        "save/id:0",
        "save/restore",
    )
    assert found.initializers == ("init",)
    saved(tmp_path / "saved_model.pb", saved_model(data, data))
    assert read_saved_model(str(tmp_path)) == (found, found)


def test_a_message_in_two_parts_is_one(tmp_path: Path) -> None:
    """Protobuf joins them, so whoever read only one would miss the other's nodes."""
    data = field(2, graph([node("a", "NoOp")])) + field(2, graph([node("b", "ReadFile")]))
    assert [n.op for n in read_meta_graph(saved(tmp_path / "x.meta", data)).graph.nodes] == ["NoOp", "ReadFile"]


def test_the_last_of_a_scalar_wins(tmp_path: Path) -> None:
    data = graph([node("a", "NoOp") + field(2, "ReadFile")])
    assert read_graph(saved(tmp_path / "graph.pb", data)).nodes[0].op == "ReadFile"


def test_numbers() -> None:
    found = Message(memoryview(field(1, -2) + field(2, 300) + bytes([3 << 3 | 5, 0, 0, 128, 63])))
    assert (found.number(1), found.number(2), found.number(9, 7)) == (-2, 300, 7)
    assert [bytes(v) for v in found.each(3)] == [b"\0\0\x80?"]


WHOLE = graph([node("x", "Placeholder"), node("y", "Relu", "x", note=text("z" * 300))], {"f": [node("n", "NoOp")]})
NODES = [field(1, node("x", "Placeholder")), field(1, node("y", "Relu", "x", note=text("z" * 300)))]
LIBRARY = WHOLE[len(NODES[0] + NODES[1]) :]


@pytest.mark.parametrize("length", range(1, len(WHOLE)))
def test_what_is_cut_short_is_refused_or_is_a_shorter_graph(length: int, tmp_path: Path) -> None:
    path = saved(tmp_path / "graph.pb", WHOLE[:length])
    # Protobuf has no mark of its end: what ends between two fields is whole
    starts = [0, *(at for at in range(1, len(WHOLE)) if WHOLE.startswith((NODES[1], LIBRARY), at))]
    if length in starts:
        assert len(read_graph(path).nodes) == starts.index(length)
        return
    with pytest.raises(ModelError) as caught:
        read_graph(path)
    assert caught.value.code == "E_PARSE"


@pytest.mark.parametrize(
    "data",
    [
        b"\x00", b"\x0b\x0c", b"not a graph at all", b"\xff" * 64, field(1, 7), field(1, field(1, 5)), b"\x80" * 11,
        b"\x0a" + b"\xff" * 9 + b"\x01", field(2, b""),
    ],
)  # fmt: skip
def test_garbage_is_refused_in_one_line(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no TensorFlow graph") as caught:
        read_graph(saved(tmp_path / "graph.pb", data))
    assert caught.value.code == "E_PARSE"
    assert "\n" not in str(caught.value)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), min_size=1, max_size=6))
def test_damaged_files_are_read_or_refused_and_nothing_else(changes: list[tuple[int, int]], tmp_path: Path) -> None:
    data = bytearray(WHOLE)
    for at, value in changes:
        data[at] = value
    try:
        for found in read_graph(saved(tmp_path / "graph.pb", bytes(data))).all_nodes():
            list(found.calls())
            found.text("note")
    except ModelError as error:
        assert len(str(error)) <= 300  # noqa: PT017


def test_deep_attributes_are_refused(tmp_path: Path) -> None:
    value = call("f")
    for _ in range(40):
        value = field(10, field(1, "f") + field(2, field(1, "a") + field(2, value)))
    found = read_graph(saved(tmp_path / "graph.pb", graph([node("a", "Call", f=value)])))
    with pytest.raises(ModelError, match="nested too deep"):
        list(found.nodes[0].calls())


def test_caps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path / "graph.pb", WHOLE)
    monkeypatch.setattr(tensorflow_nodes, "MOST_NODES", 2)
    with pytest.raises(ModelError, match="over 2 nodes") as caught:
        read_graph(path)
    assert caught.value.code == "E_SIZE"
    monkeypatch.setattr(tensorflow_files, "LARGEST", 10)
    with pytest.raises(ModelError, match="2 GiB"):
        read_graph(path)


def test_files_that_are_none(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path, code in ((tmp_path / "fifo", "E_FILE"), (tmp_path, "E_FILE"), (tmp_path / "none", "E_FILE")):
        with pytest.raises(ModelError) as caught:
            read_graph(str(path))
        assert caught.value.code == code
    with pytest.raises(ModelError, match="is empty"):
        read_graph(saved(tmp_path / "empty.pb", b""))


def test_other_forms_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="SavedModel, not a frozen graph"):
        read_graph(saved(tmp_path / "saved_model.pb", saved_model(meta_graph(WHOLE))))
    saved(tmp_path / "saved_model.cpb", b"x")  # TensorFlow would load this one
    with pytest.raises(ModelError, match=r"in chunks \(saved_model.cpb\)"):
        read_saved_model(str(tmp_path))
    text_form = tmp_path / "text"
    text_form.mkdir()
    saved(text_form / "saved_model.pbtxt", b"x")
    with pytest.raises(ModelError, match=r"as text \(saved_model.pbtxt\)"):
        read_saved_model(str(text_form))


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys, pytest_onnxaccel.backends.tensorflow.safety.graph_scan;"
        "import pytest_onnxaccel.backends.tensorflow.backend as b;"
        "b.TensorflowBackend().availability();"
        "print([m for m in ('tensorflow', 'numpy', 'keras', 'h5py', 'google.protobuf') if m in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
