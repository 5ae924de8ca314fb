"""Reports of what onnx's evaluator lacks, and of the copies at a newer opset that it runs."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper

from suites.reports.making import FLOAT, Made, model, node, report, value

ORT, ONNX = "ort-cpu", "reference"


def warped() -> onnx.ModelProto:
    grid = np.random.default_rng(1).uniform(-0.9, 0.9, (1, 4, 4, 2)).astype(np.float32)
    return model([node("GridSample", ["x", "grid"], ["y"], "warp", mode="bilinear")],
                 [value("x", FLOAT, [1, 2, 6, 6])], [value("y", FLOAT, [1, 2, 4, 4])], {"grid": grid}, 16)  # fmt: skip


@report("mode that the evaluator lacks", "GridSample of opset 16 names its modes otherwise than the evaluator does",
        verdict="not applicable", code="E_SCHEMA", backend=ONNX, says=("GridSample",))  # fmt: skip
def lacking_mode() -> Made:
    return warped(), ORT


@report("version that the evaluator lacks", "QDQ models of opset 13 to 18 failed in the evaluator",
        verdict="not applicable", code="E_SCHEMA", backend=ONNX, says=("DequantizeLinear",))  # fmt: skip
def lacking_version() -> Made:
    both = {"s": np.float32(0.02), "z": np.uint8(128)}
    made = model(
        [node("QuantizeLinear", ["x", "s", "z"], ["q"], "Q"), node("DequantizeLinear", ["q", "s", "z"], ["y"], "DQ")],
        [value("x", FLOAT, [2, 5])], [value("y", FLOAT, [2, 5])], both, 13,
    )  # fmt: skip
    return made, ORT


@report("scan that runs backwards", "the evaluator scans forwards alone; here it is turned round", verdict="passed",
        code="OK", backend=ONNX)  # fmt: skip
def backwards() -> Made:
    row = [3]
    body = helper.make_graph(
        [node("Add", ["s", "e"], ["t"]), node("Identity", ["t"], ["o"])], "body",
        [value("s", FLOAT, row), value("e", FLOAT, row)], [value("t", FLOAT, row), value("o", FLOAT, row)],
    )  # fmt: skip
    scan = node("Scan", ["s0", "x"], ["last", "y"], "scan", body=body, num_scan_inputs=1, scan_input_directions=[1])
    made = model([scan], [value("x", FLOAT, [5, 3])], [value("last", FLOAT, row), value("y", FLOAT, [5, 3])],
                 {"s0": np.zeros(3, np.float32)})  # fmt: skip
    return made, ORT


@report("upgrade that keeps an axis", "onnx's converter lets Hardmax run over one axis; the evaluator was accused",
        verdict="passed", code="OK", backend=ONNX)  # fmt: skip
def hardmax() -> Made:
    return model([node("Hardmax", ["x"], ["y"], "best", axis=1)], [value("x", FLOAT, [2, 3, 4])],
                 [value("y", FLOAT, [2, 3, 4])], {}, 11), ORT  # fmt: skip


@report("upgrade that moves pixels", "Resize of opset 10 takes other places than any Resize of opset 11",
        verdict="not applicable", code="E_SCHEMA", backend=ONNX, says=("onnx's converter changed it",))  # fmt: skip
def resized() -> Made:
    return model([node("Resize", ["x", "scales"], ["y"], "shrink", mode="nearest")], [value("x", FLOAT, [1, 2, 7, 9])],
                 [value("y", FLOAT, [1, 2, 4, 6])], {"scales": np.float32([1, 1, 0.6, 0.7])}, 10), ORT  # fmt: skip
