"""Is the file a valid model: onnx's checker and strict shape inference, apart from whether it runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import ModelInfo


def structure(model: str, info: ModelInfo, report: Mapping[str, Any]) -> CheckResult:
    """Check the model with onnx's checker and strict shape inference.

    Args:
        model: name of the model, as reports show it.
        info: what the model declares.
        report: what :func:`pytest_onnxaccel.graph.validate.structure` found.
    """
    parts = {"checker": report["checker"], "shape inference": report["shape_inference"]}
    wrong = {name: part for name, part in parts.items() if not part["ok"]}
    figures = {
        "checker_ok": parts["checker"]["ok"],
        "shape_inference_ok": parts["shape inference"]["ok"],
        "opset": info.opset,
        "ir_version": info.ir_version,
        "nodes": info.nodes,
        "initializers": info.initializers,
        "producer": info.producer,
    }
    if not wrong:
        message = f"valid: opset {info.opset}, IR {info.ir_version}, {info.nodes} nodes"
        return CheckResult(model, "structure", Verdict.PASSED, message=message, figures=figures)
    first = next(iter(wrong.values()))
    message, *others = (f"onnx's {name} refuses it: {part['error']}" for name, part in wrong.items())
    details = (*others, "the contract check shows whether it runs anyway")
    return CheckResult(model, "structure", Verdict.FAILED, first["code"], message, figures=figures, details=details)
