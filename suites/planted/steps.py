"""Steps in time: loops, scans, recurrent kernels, lengths, caches, padding, the batch on another axis."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from suites.planted.making import BOOL, FLOAT, INT, changed, kind, model, node, random, value

_H = 4


@kind("a loop's later trips", "from the third trip on another weight counts")
def trips(damaged: bool) -> onnx.ModelProto:
    body = helper.make_graph(
        [
            node("Identity", ["c"], ["c_out"]), node("Cast", ["i"], ["f"], to=FLOAT), node("Sub", ["f", "two"], ["g"]),
            node("Relu", ["g"], ["late"]), node("Mul", ["late", "w"], ["more"]), node("Add", ["s", "more"], ["t"]),
            node("Add", ["t", "x"], ["s_out"]),
        ],
        "body", [value("i", INT, []), value("c", BOOL, []), value("s", FLOAT, [3])],
        [value("c_out", BOOL, []), value("s_out", FLOAT, [3])],
        [numpy_helper.from_array(np.float32(2), "two"), numpy_helper.from_array(np.float32(3 if damaged else 1), "w")],
    )  # fmt: skip
    return model(
        [node("Loop", ["steps", "", "x"], ["y"], "repeat", body=body)],
        [value("steps", INT, []), value("x", FLOAT, [3])], [value("y", FLOAT, [3])],
    )  # fmt: skip


def _scan(weight: Any) -> onnx.ModelProto:
    body = helper.make_graph(
        [node("MatMul", ["s", "w"], ["m"]), node("Add", ["m", "e"], ["a"]), node("Tanh", ["a"], ["s_out"]),
         node("Identity", ["s_out"], ["o"])],
        "body", [value("s", FLOAT, [1, _H]), value("e", FLOAT, [1, _H])],
        [value("s_out", FLOAT, [1, _H]), value("o", FLOAT, [1, _H])],
    )  # fmt: skip
    return model(
        [node("Scan", ["start", "x"], ["last", "y"], "scan", body=body, num_scan_inputs=1)],
        [value("x", FLOAT, ["time", 1, _H])], [value("y", FLOAT, ["time", 1, _H])],
        {"w": weight, "start": np.zeros((1, _H), np.float32)},
    )  # fmt: skip


@kind("state of a scan", "the state is zero in the first step, so its weight shows from the second on")
def scan(damaged: bool) -> onnx.ModelProto:
    weight = random(_H, _H)
    return _scan(changed(weight, 0) if damaged else weight)


def _recurrent(op: str, gates: int, place: Any = None, directions: int = 1, lengths: str = "", **more: Any) -> Any:
    kernel, recurrent = random(directions, gates * _H, 3, scale=0.5), random(directions, gates * _H, _H, scale=0.5)
    constants = {"W": kernel, "R": recurrent if place is None else changed(recurrent, place, -1.0), **more}
    inputs = [value("x", FLOAT, ["time", "batch", 3])]
    names = ["x", "W", "R"]
    if lengths:
        names += ["", lengths]
        inputs.append(value(lengths, 6, ["batch"]))
    how = {"direction": "bidirectional"} if directions == 2 else {}
    return model(
        [node(op, names, ["y"], "rnn", hidden_size=_H, **how)], inputs,
        [value("y", FLOAT, ["time", directions, "batch", _H])], constants,
    )  # fmt: skip


@kind("recurrent kernel of a GRU", "one time step hides it: the first state is zero")
def gru(damaged: bool) -> onnx.ModelProto:
    return _recurrent("GRU", 3, (0, 0) if damaged else None)


@kind("recurrent kernel of an LSTM", "one time step hides it: the first state is zero")
def lstm(damaged: bool) -> onnx.ModelProto:
    return _recurrent("LSTM", 4, (0, 1) if damaged else None)


@kind("the backward direction", "its recurrent kernel, in a layer of both directions")
def backward(damaged: bool) -> onnx.ModelProto:
    return _recurrent("LSTM", 4, (1, 1) if damaged else None, directions=2)


@kind("lengths of sequences", "steps past a sequence's length are zero; a conversion that drops lengths computes them")
def lengths(damaged: bool) -> onnx.ModelProto:
    if not damaged:
        return _recurrent("GRU", 3, lengths="lens")
    made = _recurrent("GRU", 3, lengths="lens")
    made.graph.node[0].input[4] = "all"
    made.graph.node.insert(0, node("Shape", ["x"], ["n"], start=0, end=1))
    made.graph.node.insert(1, node("Cast", ["n"], ["n32"], to=6))
    made.graph.node.insert(2, node("Shape", ["lens"], ["b"]))
    made.graph.node.insert(3, node("Expand", ["n32", "b"], ["all"]))
    return made


@kind("reversed sequences", "ReverseSequence turns what its lengths say, not the whole axis")
def turned(damaged: bool) -> onnx.ModelProto:
    nodes = [node("ReverseSequence", ["x", "lens"], ["y"], "turn", batch_axis=1, time_axis=0)]
    if damaged:
        nodes = [
            node("Shape", ["x"], ["n"], start=0, end=1), node("Shape", ["lens"], ["b"]),
            node("Expand", ["n", "b"], ["all"]),
            node("ReverseSequence", ["x", "all"], ["y"], "turn", batch_axis=1, time_axis=0),
        ]  # fmt: skip
    return model(
        nodes, [value("x", FLOAT, ["time", "batch", 3]), value("lens", INT, ["batch"])],
        [value("y", FLOAT, ["time", "batch", 3])],
    )  # fmt: skip


def _attending(bias: float = -1e4, past: list[onnx.NodeProto] | None = None) -> onnx.ModelProto:
    """Attention over a cache and the new tokens, with a mask for both."""
    nodes = [
        node("Gather", ["table", "input_ids"], ["k"], "words"),
        *(past or [node("Identity", ["past_key_values.0.key"], ["old"])]),
        node("Concat", ["old", "k"], ["present.0.key"], "extend", axis=1),
        node("Transpose", ["present.0.key"], ["kt"], perm=[0, 2, 1]), node("MatMul", ["k", "kt"], ["s"], "scores"),
        node("Cast", ["attention_mask"], ["f"], to=FLOAT), node("Sub", ["one", "f"], ["off"]),
        node("Mul", ["off", "low"], ["b"]), node("Unsqueeze", ["b", "axis"], ["b3"]), node("Add", ["s", "b3"], ["sb"]),
        node("Softmax", ["sb"], ["p"], axis=-1), node("MatMul", ["p", "present.0.key"], ["y"], "mix"),
    ]  # fmt: skip
    total = "past_sequence_length + sequence_length"
    return model(
        nodes,
        [value("input_ids", INT, ["batch_size", "sequence_length"]),
         value("attention_mask", INT, ["batch_size", total]),
         value("past_key_values.0.key", FLOAT, ["batch_size", "past_sequence_length", 6])],
        [value("y", FLOAT, ["batch_size", "sequence_length", 6]),
         value("present.0.key", FLOAT, ["batch_size", total, 6])],
        {"table": random(200, 6, scale=0.5), "one": np.float32(1), "low": np.float32(bias), "axis": np.array([1]),
         "two": np.array([2]), "zero": np.array([0]), "far": np.array([1 << 30]), "axis1": np.array([1])},
    )  # fmt: skip


@kind("padded positions", "padding is kept out of attention by a bias that is far too small")
def padded(damaged: bool) -> onnx.ModelProto:
    return _attending(-0.5 if damaged else -1e4)


@kind("positions of a cache", "what is cached is turned round: a cache of one step hides it")
def cached(damaged: bool) -> onnx.ModelProto:
    turn = [
        node("Slice", ["past_key_values.0.key", "zero", "two", "axis1"], ["late"]),
        node("Slice", ["past_key_values.0.key", "two", "far", "axis1"], ["early"]),
        node("Concat", ["early", "late"], ["old"], axis=1),
    ]  # fmt: skip
    return _attending(past=turn if damaged else None)


@kind("the batch on axis 1", "every sample gets the first one's state", checks=("parity", "batch"))
def second_sample(damaged: bool) -> onnx.ModelProto:
    kernel, recurrent = random(1, 3 * _H, 3, scale=0.5), random(1, 3 * _H, _H, scale=0.5)
    nodes = [node("Gather", ["h0", "at"], ["first"], axis=1), node("Shape", ["h0"], ["n"]),
             node("Expand", ["first", "n"], ["state"])]  # fmt: skip
    return model(
        [*(nodes if damaged else []), node("GRU", ["x", "W", "R", "", "", "state" if damaged else "h0"], ["y"], "rnn",
                                           hidden_size=_H)],
        [value("x", FLOAT, ["time", "batch", 3]), value("h0", FLOAT, [1, "batch", _H])],
        [value("y", FLOAT, ["time", 1, "batch", _H])], {"W": kernel, "R": recurrent, "at": np.array([0])},
    )  # fmt: skip


@kind("order of the best", "the last two of the best five change places, indices with them")
def best(damaged: bool) -> onnx.ModelProto:
    order = np.array([0, 1, 2, 4, 3] if damaged else [0, 1, 2, 3, 4])
    return model(
        [
            node("TopK", ["x", "k"], ["v", "i"], "best", axis=1), node("Gather", ["v", "order"], ["values"], axis=1),
            node("Gather", ["i", "order"], ["places"], axis=1),
        ],
        [value("x", FLOAT, ["batch", 9]), value("k", INT, [1])],
        [value("values", FLOAT, ["batch", 5]), value("places", INT, ["batch", 5])], {"order": order},
    )  # fmt: skip


@kind("the second output alone", "a head that few look at")
def second_output(damaged: bool) -> onnx.ModelProto:
    a, b = random(5, 3), random(5, 7)
    return model(
        [node("MatMul", ["x", "a"], ["first"]), node("MatMul", ["x", "b"], ["second"])],
        [value("x", FLOAT, ["batch", 5])], [value("first", FLOAT, ["batch", 3]), value("second", FLOAT, ["batch", 7])],
        {"a": a, "b": changed(b, (0, 6)) if damaged else b},
    )  # fmt: skip
