"""Windows, sizes and sequences that onnx's evaluator computes wrongly: put right, or not loaded; both proven here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import helper
from onnx.reference import ReferenceEvaluator

from pytest_onnxaccel.backends.protocol import LoadOptions
from pytest_onnxaccel.backends.reference import ReferenceBackend
from pytest_onnxaccel.core.errors import ModelError

Floats = NDArray[np.float32]
RANDOM = np.random.default_rng(5)


def drawn(*shape: int, scale: float = 1.0) -> Floats:
    return (RANDOM.standard_normal(shape) * scale).astype(np.float32)


def single(operator: str, inputs: dict[str, Any], names: list[str], outputs: list[str], **attributes: Any) -> Any:
    """A model of one node, whose inputs are *names*, empty for one that is left out."""
    node = helper.make_node(operator, names, outputs, name="it", **attributes)
    given = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
        for name, array in inputs.items()
    ]
    graph = helper.make_graph([node], "g", given, [helper.make_empty_tensor_value_info(name) for name in outputs])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    return onnx.shape_inference.infer_shapes(made)


def ours(model: onnx.ModelProto, inputs: dict[str, Any], folder: Path) -> dict[str, Any]:
    onnx.save(model, folder / "m.onnx")
    return dict(ReferenceBackend().load(str(folder / "m.onnx"), LoadOptions()).run(inputs))


def as_it_is(model: onnx.ModelProto, inputs: dict[str, Any]) -> Any:
    return ReferenceEvaluator(model).run(None, inputs)[0]


@pytest.mark.parametrize("size", [2, 3, 5])
def test_lrn_goes_over_all_channels(size: int, tmp_path: Path) -> None:
    x = drawn(1, 7, 2, 2)
    model = single("LRN", {"x": x}, ["x"], ["y"], size=size, alpha=0.3)
    right = np.empty(x.shape)
    for c in range(7):
        window = x[:, max(0, c - (size - 1) // 2) : c + size // 2 + 1].astype(np.float64)
        right[:, c] = x[:, c] / (1 + 0.3 / size * np.square(window).sum(1)) ** 0.75
    assert np.abs(ours(model, {"x": x}, tmp_path)["y"] - right).max() < 1e-6
    assert np.abs(as_it_is(model, {"x": x}) - right).max() > 1e-3


@pytest.mark.parametrize("group", [1, 2, 4])
def test_groups_of_a_transposed_convolution(group: int, tmp_path: Path) -> None:
    inputs = {"x": drawn(2, 4, 3, 3), "w": drawn(4, 2, 2, 2), "b": drawn(2 * group)}
    model = single("ConvTranspose", inputs, [*inputs], ["y"], group=group, strides=[2, 2])
    x, w, b = (array.astype(np.float64) for array in inputs.values())
    right = np.zeros((2, 2 * group, 6, 6)) + b[:, None, None]
    for c in range(4):
        out = slice(2 * (c // (4 // group)), 2 * (c // (4 // group)) + 2)
        for i, j in np.ndindex(3, 3):  # a stride as wide as the kernel: windows do not overlap
            right[:, out, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2] += x[:, c, i, j][:, None, None, None] * w[c]
    assert np.abs(ours(model, inputs, tmp_path)["y"] - right).max() < 1e-5
    if group > 1:
        with pytest.raises(ValueError, match=r"could not broadcast|cannot reshape"):
            as_it_is(model, inputs)


def corners(scale: float) -> tuple[onnx.ModelProto, dict[str, np.ndarray]]:
    inputs = {"x": np.array([[[0, 10, 20]]], np.float32), "s": np.array([1, 1, scale], np.float32)}
    how = {"mode": "linear", "coordinate_transformation_mode": "align_corners"}
    return single("Resize", inputs, ["x", "", "s"], ["y"], **how), inputs


def test_corners_are_aligned_to_those_of_a_result_of_whole_size(tmp_path: Path) -> None:
    model, inputs = corners(4 / 3)
    assert np.allclose(ours(model, inputs, tmp_path)["y"], [[[0, 20 / 3, 40 / 3, 20]]], atol=1e-5)


def test_corners_of_a_size_that_is_a_fraction_are_not_judged(tmp_path: Path) -> None:
    model, inputs = corners(1.5)
    why = r"align_corners to 1, 1, 4\.5: of sizes with a fraction the specification's text says"
    with pytest.raises(ModelError, match=why) as caught:
        ours(model, inputs, tmp_path)
    assert caught.value.code == "E_SCHEMA"
    assert not np.allclose(as_it_is(model, inputs), [[[0, 20 / 3, 40 / 3, 20]]], atol=1e-1), "as the text has it"


GATES = {"GRU": 3, "LSTM": 4, "RNN": 1}


def recurrent(operator: str, ways: int = 1, **more: Any) -> dict[str, Any]:
    gates = GATES[operator]
    shapes = {"x": (5, 2, 3), "w": (ways, gates * 4, 3), "r": (ways, gates * 4, 4)}
    return {name: drawn(*shape, scale=0.5) for name, shape in shapes.items()} | more


@pytest.mark.parametrize("layout", [0, 1])
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("operator", GATES)
def test_each_sequence_ends_where_its_length_says(operator: str, direction: str, layout: int, tmp_path: Path) -> None:
    lengths = np.array([3, 5], np.int32)
    inputs = recurrent(operator, 2 if direction == "bidirectional" else 1)
    inputs["x"] = inputs["x"].swapaxes(0, 1).copy() if layout else inputs["x"]
    more = {"hidden_size": 4, "direction": direction, "layout": layout}
    whole = {**inputs, "n": lengths}
    found = ours(single(operator, whole, ["x", "w", "r", "", "n"], ["y", "h"], **more), whole, tmp_path)
    batch = 0 if layout else 1
    for sample, length in enumerate(lengths):  # the right form: each sequence alone, at its length
        cut = np.take(np.take(inputs["x"], [sample], batch), range(length), 1 - batch)
        alone = {**inputs, "x": cut}
        model = single(operator, alone, ["x", "w", "r"], ["y", "h"], **more)
        y, h = ReferenceEvaluator(model).run(None, alone)
        own = np.take(found["y"], [sample], 0 if layout else 2)
        assert np.array_equal(np.take(own, range(length), 1 - batch), y)
        assert not np.take(own, range(length, 5), 1 - batch).any()
        assert np.array_equal(np.take(found["h"], [sample], batch), h)


@pytest.mark.parametrize("operator", GATES)
def test_full_lengths_are_no_lengths(operator: str, tmp_path: Path) -> None:
    inputs = recurrent(operator)
    plain = single(operator, inputs, ["x", "w", "r"], ["y"], hidden_size=4)
    full = {**inputs, "n": np.array([5, 5], np.int32)}
    found = ours(single(operator, full, ["x", "w", "r", "", "n"], ["y"], hidden_size=4), full, tmp_path)["y"]
    assert np.array_equal(found, as_it_is(plain, inputs))


def loud(operator: str, bias: list[float] | None = None, steps: int = 1) -> dict[str, Any]:
    """One number of 9 into every gate, or of 0 beside a *bias*."""
    gates = GATES[operator]
    size = np.full((steps, 1, 1), 0.0 if bias else 9.0, np.float32)
    found = {"x": size, "w": np.ones((1, gates, 1), np.float32), "r": np.zeros((1, gates, 1), np.float32)}
    return found | ({"b": np.array([bias + [0.0] * gates], np.float32)} if bias else {})


SHARE, SMALL = 1 / (1 + np.exp(-0.01)), np.tanh(0.01)
FULL = 1 / (1 + np.exp(-9.0))
ONES = {"x": np.ones((1, 1, 4, 4), np.float32)}
POINT = {"x": np.arange(6, dtype=np.float32).reshape(1, 1, 1, 6), "g": np.array([[[[-1.2, 0]]]], np.float32)}
WHOLE = {"x": np.ones((1, 1, 2, 2), np.float32), "w": np.ones((1, 1, 2, 2), np.float32)}
#: Operator, inputs, attributes, what is right for the last number, and attributes with which the evaluator is right.
ROWS: dict[str, tuple[str, dict[str, Any], dict[str, Any], float, dict[str, Any]]] = {
    "RNN clip": ("RNN", loud("RNN"), {"hidden_size": 1, "clip": 0.01}, SMALL, {"hidden_size": 1}),
    "GRU clip": ("GRU", loud("GRU"), {"hidden_size": 1, "clip": 0.01}, (1 - SHARE) * SMALL, {"hidden_size": 1}),
    "LSTM clip": (
        "LSTM", loud("LSTM"), {"hidden_size": 1, "clip": 0.01}, SHARE * np.tanh(SHARE * SMALL), {"hidden_size": 1}
    ),
    "GRU activations": (
        "GRU", loud("GRU"), {"hidden_size": 1, "activations": ["Sigmoid", "Relu"]}, (1 - FULL) * 9,
        {"hidden_size": 1, "activations": ["Sigmoid", "Tanh"]},
    ),
    "LSTM activations": (
        "LSTM", loud("LSTM"), {"hidden_size": 1, "activations": ["Sigmoid", "Relu", "Relu"]}, FULL * FULL * 9,
        {"hidden_size": 1, "activations": ["Sigmoid", "Tanh", "Tanh"]},
    ),
    "LSTM coupled": (  # the input gate of 0.5 leaves half of the cell: after two steps three quarters of tanh(1)
        "LSTM", loud("LSTM", [0.0, 50.0, 9.0, 1.0], 2), {"hidden_size": 1, "input_forget": 1},
        np.tanh(0.75 * np.tanh(1)), {"hidden_size": 1},
    ),
    "LpPool": (  # the last window holds 4 of 9 ones
        "LpPool", ONES, {"kernel_shape": [3, 3], "strides": [2, 2], "p": 1, "ceil_mode": 1}, 4.0,
        {"kernel_shape": [3, 3], "strides": [2, 2], "p": 1},
    ),
    "GridSample": (  # half a pixel before the first: as PyTorch, the weights of cubic interpolation at 0.5
        "GridSample", POINT, {"mode": "cubic", "padding_mode": "border", "align_corners": 1}, -0.09375,
        {"mode": "linear", "padding_mode": "border", "align_corners": 1},
    ),
}  # fmt: skip


def made(operator: str, inputs: dict[str, Any], attributes: dict[str, Any]) -> onnx.ModelProto:
    return single(operator, inputs, [*inputs], ["y"], **attributes)


@pytest.mark.parametrize("name", ROWS)
def test_what_it_computes_wrongly_is_not_loaded(name: str, tmp_path: Path) -> None:
    operator, inputs, attributes, right, usual = ROWS[name]
    model = made(operator, inputs, attributes)
    assert abs(float(np.ravel(as_it_is(model, inputs))[-1]) - right) > 0.2 * abs(right)
    with pytest.raises(ModelError, match=f"computes {operator} 'it' wrongly"):
        ours(model, inputs, tmp_path)
    assert np.isfinite(ours(made(operator, inputs, usual), inputs, tmp_path)["y"]).all()


@pytest.mark.parametrize("name", [name for name in ROWS if name != "GridSample"])
def test_there_the_runtime_is_right(name: str) -> None:
    operator, inputs, attributes, right, _ = ROWS[name]
    model = made(operator, inputs, attributes).SerializeToString()
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    assert float(np.ravel(session.run(None, inputs)[0])[-1]) == pytest.approx(right, rel=1e-3)


def test_the_size_of_same_lower_is_rounded_up(tmp_path: Path) -> None:
    x = drawn(1, 1, 7, 7)
    attributes = {"kernel_shape": [2, 2], "strides": [2, 2]}
    model = made("MaxPool", {"x": x}, {**attributes, "auto_pad": "SAME_LOWER"})
    assert as_it_is(model, {"x": x}).shape != (1, 1, 4, 4)
    with pytest.raises(ModelError, match="SAME_LOWER down"):
        ours(model, {"x": x}, tmp_path)
    upper = made("MaxPool", {"x": x}, {**attributes, "auto_pad": "SAME_UPPER"})
    assert ours(upper, {"x": x}, tmp_path)["y"].shape == (1, 1, 4, 4)


def test_the_size_of_a_transposed_convolution_needs_auto_pad(tmp_path: Path) -> None:
    model = made("ConvTranspose", WHOLE, {"strides": [2, 2], "output_shape": [3, 3]})
    with pytest.raises(ValueError, match="output_shape"):
        as_it_is(model, WHOLE)
    with pytest.raises(ModelError, match="output_shape"):
        ours(model, WHOLE, tmp_path)
    padded = made("ConvTranspose", WHOLE, {"strides": [2, 2], "output_shape": [4, 4], "auto_pad": "SAME_UPPER"})
    assert ours(padded, WHOLE, tmp_path)["y"].shape == (1, 1, 4, 4)


def test_the_one_other_activation_that_it_knows_is_loaded(tmp_path: Path) -> None:
    attributes = {"hidden_size": 1, "activations": ["Affine"], "activation_alpha": [2.0], "activation_beta": [0.0]}
    assert ours(made("RNN", loud("RNN"), attributes), loud("RNN"), tmp_path)["y"].item() == 18
    with pytest.raises(ModelError, match="activations"):
        ours(made("RNN", loud("RNN"), {"hidden_size": 1, "activations": ["Relu"]}), loud("RNN"), tmp_path)


@pytest.mark.parametrize("shape", [(), (2,), (2, 3)])
def test_what_a_loop_collects_has_an_axis_of_its_own(shape: tuple[int, ...], tmp_path: Path) -> None:
    kind, whole, truth = (helper.np_dtype_to_tensor_dtype(np.dtype(name)) for name in ("float32", "int64", "bool"))
    body = helper.make_graph(
        [
            helper.make_node("Cast", ["i"], ["number"], to=kind),
            helper.make_node("Add", ["x", "number"], ["each"]),
            helper.make_node("Add", ["sum", "number"], ["more"]),
            helper.make_node("Identity", ["go"], ["on"]),
        ],
        "body",
        [helper.make_tensor_value_info(name, of, []) for name, of in (("i", whole), ("go", truth), ("sum", kind))],
        [
            helper.make_tensor_value_info(name, of, size)
            for name, of, size in (("on", truth, []), ("more", kind, []), ("each", kind, shape))
        ],
    )
    inputs = {"n": np.array(4), "zero": np.zeros((), np.float32), "x": np.ones(shape, np.float32)}
    model = single("Loop", inputs, ["n", "", "zero"], ["last", "y"], body=body)
    found = ours(model, inputs, tmp_path)
    assert found["last"] == 6
    assert np.array_equal(found["y"], np.stack([np.ones(shape) + i for i in range(4)]))
    with pytest.raises(ValueError, match="at least one array"):
        as_it_is(model, inputs)  # without a condition it does not begin
    if len(shape) != 1:
        endless = {**inputs, "yes": np.array(True)}
        model = single("Loop", endless, ["n", "yes", "zero"], ["last", "y"], body=body)
        assert ReferenceEvaluator(model).run(None, endless)[1].shape != (4, *shape)
