"""Is the file valid: onnx's checker, and strict shape inference. Whether it runs is another question."""

from __future__ import annotations

import os
from typing import Any

import onnx

from pytest_onnxaccel.errors import printable
from pytest_onnxaccel.graph.load import load_graph

#: protobuf cannot pass larger messages to the checker; above this the checker reads the file itself.
_IN_MEMORY = 1 << 30


def structure(path: str) -> dict[str, Any]:
    """``{"checker": {"ok", "error", "code"}, "shape_inference": {...}}`` of the model at *path*."""
    model = load_graph(path)
    large = os.path.getsize(path) > _IN_MEMORY or _has_external(model)
    return {"checker": _checker(path, model, large), "shape_inference": _shape_inference(path, model, large)}


def _has_external(model: onnx.ModelProto) -> bool:
    return any(t.data_location == onnx.TensorProto.EXTERNAL for t in model.graph.initializer)


def _checker(path: str, model: onnx.ModelProto, large: bool) -> dict[str, Any]:
    try:
        onnx.checker.check_model(path if large else model)
    except Exception as error:
        return _problem(error)
    return {"ok": True, "error": "", "code": "OK"}


# Without data_prop: it computes constants to find shapes, and a model can ask for one of any size
def _shape_inference(path: str, model: onnx.ModelProto, large: bool) -> dict[str, Any]:
    try:
        if large:
            onnx.shape_inference.infer_shapes_path(path, os.devnull, check_type=True, strict_mode=True)
        else:
            onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
    except Exception as error:
        return _problem(error)
    return {"ok": True, "error": "", "code": "OK"}


def _problem(error: Exception) -> dict[str, Any]:
    text = str(error)
    schema = ("No Op registered", "No opset import", "Unrecognized", "opset", "ir_version", "IR version", "No schema")
    code = "E_SCHEMA" if any(word in text for word in schema) else "E_GRAPH"
    if "external data" in text.lower() or "data location" in text.lower():
        code = "E_EXTERNAL"
    return {"ok": False, "error": printable(_short(text), 400), "code": code}


def _short(text: str) -> str:
    """The checker prints whole nodes; the sentence that names the fault is the first line with a word on it."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    context = [line for line in lines if line.startswith("==> Context")]
    return " ".join([lines[0] if lines else "unknown", *context[:1]])
