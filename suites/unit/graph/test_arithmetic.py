"""Operators by their definition give what ONNX Runtime gives, and what the specification says where that errs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from pytest_onnxaccel.backends.onnxruntime.cpu import OrtCpu
from pytest_onnxaccel.backends.protocol import LoadOptions
from pytest_onnxaccel.backends.reference import ReferenceBackend
from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.graph.arithmetic.model import arithmetic
from pytest_onnxaccel.graph.arithmetic.table import KERNELS, PLAIN

RNG = np.random.default_rng(7)


def f(*shape: int) -> Any:
    return RNG.standard_normal(shape).astype(np.float32)


def p(*shape: int) -> Any:
    return RNG.uniform(0.5, 1.5, shape).astype(np.float32)


def u(*shape: int) -> Any:
    return RNG.integers(0, 256, shape).astype(np.uint8)


def s(*shape: int) -> Any:
    return RNG.integers(-63, 64, shape).astype(np.int8)


def i(*values: int) -> Any:
    return np.array(values, np.int64)


ONE, STEP, ZERO = np.float32(0.5), np.float32(0.02), np.uint8(120)
LENGTHS = np.array([5, 3, 4], np.int32)


def recurrent(gates: int, ways: int, *more: Any) -> list[Any]:
    return [f(5, 3, 4), f(ways, gates * 6, 4), f(ways, gates * 6, 6), f(ways, 2 * gates * 6), *more]


#: Operator, inputs (None: left out), attributes, opset, number of outputs.
CASES: list[tuple[str, Sequence[Any], Mapping[str, Any], int, int]] = [
    ("Conv", [f(2, 4, 9, 11), f(6, 2, 3, 3), f(6)],
     {"group": 2, "strides": [2, 1], "dilations": [1, 2], "pads": [1, 2, 0, 1]}, 17, 1),
    ("Conv", [f(2, 4, 9, 11), f(6, 4, 3, 3)], {"auto_pad": "SAME_LOWER", "strides": [2, 2]}, 17, 1),
    ("Conv", [f(2, 4, 9), f(6, 4, 4)], {"auto_pad": "SAME_UPPER", "strides": [2]}, 17, 1),
    ("ConvTranspose", [f(2, 4, 5, 6), f(4, 3, 3, 3), f(6)],
     {"group": 2, "strides": [2, 3], "dilations": [1, 2], "pads": [1, 0, 2, 1], "output_padding": [1, 0]}, 17, 1),
    ("ConvTranspose", [f(2, 4, 5, 6), f(4, 3, 3, 3)], {"strides": [2, 2], "auto_pad": "SAME_UPPER"}, 17, 1),
    ("ConvTranspose", [f(2, 4, 5, 6), f(4, 3, 3, 3)], {"strides": [2, 2], "output_shape": [10, 12]}, 17, 1),
    *[("AveragePool", [f(1, 2, 10, 9)],
       {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 0, 1, 1], "ceil_mode": c, "count_include_pad": n}, 17, 1)
      for c in (0, 1) for n in (0, 1)],
    ("AveragePool", [f(1, 2, 10, 9)], {"kernel_shape": [3, 2], "dilations": [2, 1], "ceil_mode": 1}, 19, 1),
    *[("MaxPool", [f(1, 2, 10, 9)], {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 0, 1, 1], "ceil_mode": c,
                                     "dilations": [1, 2]}, 17, 1) for c in (0, 1)],
    ("LpPool", [f(1, 2, 10, 9)], {"kernel_shape": [3, 3], "p": 3}, 18, 1),
    *[(op, [f(2, 3, 4, 5)], {}, 17, 1) for op in ("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool")],
    *[("BatchNormalization", [f(2, 3, 4, 4), f(3), f(3), f(3), p(3)], {}, opset, 1) for opset in (9, 15)],
    ("InstanceNormalization", [f(2, 3, 4, 4), f(3), f(3)], {}, 17, 1),
    ("LayerNormalization", [f(2, 3, 4, 4), f(4, 4), f(4, 4)], {"axis": 2}, 17, 1),
    ("GroupNormalization", [f(2, 4, 4, 4), f(2), f(2)], {"num_groups": 2}, 18, 1),
    ("GroupNormalization", [f(2, 4, 4, 4), f(4), f(4)], {"num_groups": 2}, 21, 1),
    ("RMSNormalization", [f(2, 3, 4), f(4)], {}, 23, 1),
    *[("LpNormalization", [f(2, 3, 4)], {"p": n, "axis": n - 1}, 17, 1) for n in (1, 2)],
    ("LRN", [f(2, 6, 4, 4)], {"size": 3, "alpha": 0.3, "bias": 2.0}, 17, 1),
    *[(op, [f(2, 3, 4)], given, opset, 1) for op in ("Softmax", "LogSoftmax", "Hardmax") for opset in (11, 13)
      for given in ({}, {"axis": 1})],
    ("QuantizeLinear", [f(2, 3, 4), STEP, ZERO], {}, 17, 1),
    ("QuantizeLinear", [f(2, 3, 4), p(3), s(3)], {"axis": 1}, 17, 1),
    ("DequantizeLinear", [u(2, 3, 4), STEP, ZERO], {}, 17, 1),
    ("DequantizeLinear", [s(2, 3, 4), p(4), s(4)], {"axis": -1}, 17, 1),
    ("QLinearConv", [u(1, 3, 6, 6), STEP, ZERO, s(4, 3, 3, 3), p(4), np.zeros(4, np.int8), np.float32(9), ZERO,
                     np.arange(4, dtype=np.int32) * 100], {}, 17, 1),
    ("QLinearMatMul", [u(5, 7), STEP, ZERO, u(7, 3), STEP, ZERO, ONE, ZERO], {}, 17, 1),
    ("ConvInteger", [u(1, 3, 6, 6), u(4, 3, 3, 3), ZERO, np.uint8(3)], {}, 17, 1),
    ("MatMulInteger", [u(5, 7), u(7, 3), ZERO, np.uint8(3)], {}, 17, 1),
    ("DynamicQuantizeLinear", [f(4, 5)], {}, 17, 3),
    *[case for way, n in (("forward", 1), ("reverse", 1), ("bidirectional", 2)) for case in (
        ("LSTM", recurrent(4, n, LENGTHS, f(n, 3, 6), f(n, 3, 6), f(n, 18)), {"hidden_size": 6, "direction": way}, 17,
         3),
        ("GRU", recurrent(3, n, LENGTHS, f(n, 3, 6)),
         {"hidden_size": 6, "direction": way, "linear_before_reset": 1}, 17, 2),
        ("GRU", recurrent(3, n), {"hidden_size": 6, "direction": way}, 17, 2),
        ("RNN", recurrent(1, n, LENGTHS), {"hidden_size": 6, "direction": way}, 17, 2))],
    ("Gemm", [f(3, 4), f(5, 4), f(5)], {"transB": 1, "alpha": 0.5, "beta": 2.0}, 17, 1),
    ("Div", [i(-7, 7, -8), i(2, -2, 3)], {}, 17, 1),
    ("Div", [f(3, 4), p(3, 4)], {}, 17, 1),
    ("Dropout", [f(3, 4)], {}, 17, 1),
    ("Attention", [f(1, 2, 5, 8), f(1, 2, 5, 8), f(1, 2, 5, 8)], {"is_causal": 1}, 23, 1),
    ("Attention", [f(1, 2, 5, 8), f(1, 2, 5, 8), f(1, 2, 5, 8), np.eye(5, dtype=bool) | (f(5, 5) > 0)], {}, 23, 1),
    ("RotaryEmbedding", [f(1, 2, 5, 8), f(5, 4), f(5, 4), np.arange(5)[None]], {"num_heads": 2}, 23, 1),
    *[(op, [f(3, 4)], {}, 20, 1) for op in (
        "Gelu", "HardSwish", "Mish", "Celu", "Elu", "Selu", "ThresholdedRelu", "Shrink", "LeakyRelu", "HardSigmoid",
        "Softplus", "Softsign", "Erf", "Round", "Sign")],
    ("MeanVarianceNormalization", [f(2, 3, 4, 4)], {}, 13, 1),
    ("DepthToSpace", [f(1, 8, 2, 3)], {"blocksize": 2}, 17, 1),
    ("Einsum", [f(2, 3, 4), f(2, 4, 5)], {"equation": "bij,bjk->bik"}, 17, 1),
    ("ReduceSum", [f(2, 3, 4)], {"axes": [1]}, 11, 1),
]  # fmt: skip


def written(folder: Path, case: tuple[str, Sequence[Any], Mapping[str, Any], int, int]) -> tuple[Path, dict[str, Any]]:
    """A model of one node, all of whose inputs but the first are stored."""
    op, arrays, attributes, opset, count = case
    names = [f"i{k}" for k in range(len(arrays))]
    node = helper.make_node(op, names, [f"y{k}" for k in range(count)], "n", **attributes)
    first = np.asarray(arrays[0])
    graph = helper.make_graph(
        [node], "g",
        [helper.make_tensor_value_info("i0", helper.np_dtype_to_tensor_dtype(first.dtype), first.shape)],
        [helper.make_empty_tensor_value_info(name) for name in node.output],
        [numpy_helper.from_array(np.asarray(a), n) for n, a in zip(names[1:], arrays[1:], strict=True)],
    )  # fmt: skip
    imports = [helper.make_opsetid("", opset)]
    model = helper.make_model(graph, opset_imports=imports, ir_version=10 if opset < 23 else 11)
    onnx.save(onnx.shape_inference.infer_shapes(model), folder / "model.onnx")
    return folder / "model.onnx", {"i0": first}


def computed(path: Path, feeds: Mapping[str, Any]) -> dict[str, Any]:
    told = arithmetic(str(path), str(path.with_name("wide.onnx")))
    assert told["unknown"] == []
    session = ReferenceBackend().load(str(path.with_name("wide.onnx")), LoadOptions())
    return dict(session.run({n: a.astype(np.float64) if a.dtype.kind == "f" else a for n, a in feeds.items()}))


@pytest.mark.parametrize("case", CASES, ids=[f"{c[0]}-{c[3]}-{k}" for k, c in enumerate(CASES)])
def test_by_definition_as_in_a_runtime(tmp_path: Path, case: Any) -> None:
    path, feeds = written(tmp_path, case)
    ours = computed(path, feeds)
    theirs = OrtCpu().load(str(path), LoadOptions(optimize=False)).run(feeds)
    for name, array in theirs.items():
        wide, scale = ours[name].astype(np.float64), max(1e-9, float(np.abs(array.astype(np.float64)).max()))
        assert wide.shape == array.shape
        assert np.abs(wide - array.astype(np.float64)).max() <= (1 if array.dtype.kind in "iu" else 2e-6 * scale)


def test_every_kernel_is_tried() -> None:
    assert set(KERNELS) <= {case[0] for case in CASES}
    assert not PLAIN & set(KERNELS)


def test_floats_are_computed_in_float64(tmp_path: Path) -> None:
    path, feeds = written(tmp_path, ("Conv", [f(1, 4, 6, 6), f(2, 4, 3, 3)], {}, 17, 1))
    assert computed(path, feeds)["y0"].dtype == np.float64


def test_a_batch_norm_in_training_mode_takes_the_statistics_of_the_batch(tmp_path: Path) -> None:
    x = f(4, 3, 5, 5)
    case = ("BatchNormalization", [x, np.ones(3, "f4"), np.zeros(3, "f4"), f(3), p(3)], {"training_mode": 1}, 15, 1)
    path, feeds = written(tmp_path, case)
    y = computed(path, feeds)["y0"]
    assert np.allclose(y.mean(axis=(0, 2, 3)), 0, atol=1e-9)
    assert np.allclose(y.var(axis=(0, 2, 3)), 1, atol=1e-3)


@pytest.mark.parametrize(
    ("case", "unknown"),
    [
        (("GridSample", [f(1, 1, 4, 4), f(1, 3, 3, 2)], {}, 16, 1), "GridSample 'n'"),
        (("MaxPool", [f(1, 2, 8, 8)], {"kernel_shape": [2, 2]}, 17, 2), "further results of MaxPool 'n'"),
        (("RandomNormalLike", [f(3)], {}, 17, 1), "RandomNormalLike 'n'"),
    ],
)
def test_what_has_no_definition_here_is_named(tmp_path: Path, case: Any, unknown: str) -> None:
    path, _ = written(tmp_path, case)
    assert arithmetic(str(path), str(tmp_path / "wide.onnx"))["unknown"] == [unknown]
    assert not (tmp_path / "wide.onnx").exists()


def test_a_dropout_in_training_mode_is_not_computed(tmp_path: Path) -> None:
    path, feeds = written(tmp_path, ("Dropout", [f(3, 4), ONE, np.array(True)], {}, 17, 1))
    with pytest.raises(ModelError, match="Dropout in training mode"):
        computed(path, feeds)
