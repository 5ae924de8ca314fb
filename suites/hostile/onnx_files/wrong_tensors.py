"""Weights whose bytes, sizes and types do not belong together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from onnx import ModelProto, SparseTensorProto, TensorProto
from onnx.helper import make_node

from suites.hostile.case import OK, Case, of_bytes
from suites.hostile.onnx_files.graphs import data, network

_FLOAT, _INT64, _STRING = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING
_WRONG = ("E_GRAPH", "E_SCHEMA", "E_PARSE", "E_RUN", "E_SIZE", "E_MEMORY")


def _tensor(dims: list[int], kind: int = _FLOAT, **content: Any) -> TensorProto:
    return TensorProto(name="w", dims=dims, data_type=kind, **content)


def _added(tensor: TensorProto) -> ModelProto:
    return network(make_node("Add", ["x", "w"], ["y"]), tensors=[tensor])


def _cast(tensor: TensorProto) -> ModelProto:
    """A model in which a weight of any type is used."""
    return network(make_node("Cast", ["w"], ["v"], to=_FLOAT), make_node("Add", ["x", "v"], ["y"]), tensors=[tensor])


def _sparse(indices: list[int], values: int, dims: list[int], shape: list[int] | None = None) -> ModelProto:
    """A sparse weight of *values* ones at *indices*."""
    weight = SparseTensorProto(dims=dims)
    weight.values.CopyFrom(_tensor([values], float_data=[1.0] * values))
    weight.indices.CopyFrom(
        TensorProto(name="i", dims=[len(indices)] if shape is None else shape, data_type=_INT64, int64_data=indices)
    )
    model = network(make_node("Add", ["x", "w"], ["y"]))
    model.graph.sparse_initializer.append(weight)
    return model


def cases() -> Iterator[Case]:
    """Lengths, sizes, types and sparse indices."""
    ones = np.ones(4, "f").tobytes()
    yield of_bytes("raw", data(_added(_tensor([4], raw_data=ones))))
    yield of_bytes("as-numbers", data(_added(_tensor([1, 4], float_data=[1.0] * 4))))
    wrong = {
        "raw-too-short": _added(_tensor([4], raw_data=ones[:-1])),
        "raw-too-long": _added(_tensor([4], raw_data=ones + b"\0")),
        "raw-absent": _added(_tensor([4])),
        "numbers-too-few": _added(_tensor([4], float_data=[1.0])),
        "numbers-of-another-type": _added(_tensor([4], int64_data=[1] * 4)),
        "size-negative": _added(_tensor([-4], raw_data=ones)),
        "size-that-wraps-to-four": _added(_tensor([2**62, 4, 1], raw_data=ones)),
        "size-that-wraps-to-zero": _added(_tensor([2**32, 2**32], raw_data=b"")),
        "size-of-2-62": _added(_tensor([2**62], raw_data=ones)),
        "size-of-a-terabyte": _added(_tensor([1 << 38], float_data=[1.0])),
        "ranks-of-ten-thousand": _added(_tensor([1] * 10_000 + [4], raw_data=ones)),
        "type-none": _added(_tensor([4], 0, raw_data=ones)),
        "type-unknown": _added(_tensor([4], 9999, raw_data=ones)),
        "text-for-numbers": _added(_tensor([4], _STRING, string_data=[b"1"] * 4)),
        "text-in-a-number": _added(_tensor([4], _FLOAT, string_data=[b"1"] * 4)),
        "text-as-raw": _cast(_tensor([4], _STRING, raw_data=b"1234")),
        "text-that-is-no-number": _cast(_tensor([1, 4], _STRING, string_data=[b"\xff\xfe", b"1", b"", b"one"])),
        "halves-odd": _cast(_tensor([4], TensorProto.FLOAT16, raw_data=b"1234567")),
        "halves-out-of-range": _cast(_tensor([4], TensorProto.FLOAT16, int32_data=[1 << 20] * 4)),
        "nibbles-too-few": _cast(_tensor([4], TensorProto.INT4, raw_data=b"1")),
        "complex": _cast(_tensor([4], TensorProto.COMPLEX64, raw_data=ones * 2)),
        "sparse-index-too-large": _sparse([0, 9], 2, [4]),
        "sparse-index-negative": _sparse([-9, 1], 2, [4]),
        "sparse-index-huge": _sparse([0, 2**62], 2, [4]),
        "sparse-indices-too-few": _sparse([0], 2, [4]),
        "sparse-indices-of-rank-3": _sparse([0, 1], 2, [4], [1, 1, 2]),
        "sparse-size-negative": _sparse([0, 1], 2, [-4]),
        "sparse-of-a-terabyte": _sparse([0, 1], 2, [1 << 38]),
        "sparse-that-wraps": _sparse([0, 1], 2, [2**32, 2**32]),
    }
    for name, model in wrong.items():
        yield of_bytes(name, data(model), *_WRONG)
    # The releases of the checker and the runtime differ on these; what counts is that a result comes
    odd = {
        "raw-and-numbers": _added(_tensor([4], raw_data=ones, float_data=[2.0] * 4)),
        "truth-of-255": _cast(_tensor([4], TensorProto.BOOL, raw_data=b"\xff\x02\x00\x01")),
        "sparse": _sparse([0, 3], 2, [4]),
        "bytes-out-of-range": _cast(_tensor([4], TensorProto.UINT8, int32_data=[999, -999, 1 << 30, 0])),
        "sparse-unsorted": _sparse([3, 0], 2, [4]),
        "sparse-twice": _sparse([1, 1], 2, [4]),
        "segmented": _added(_tensor([4], raw_data=ones, segment=TensorProto.Segment(begin=5, end=2))),
    }
    for name, model in odd.items():
        yield of_bytes(name, data(model), *_WRONG, OK)
