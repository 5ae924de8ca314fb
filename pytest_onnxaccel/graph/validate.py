"""Is the file valid: onnx's checker, and strict shape inference. Whether it runs is another question."""

from __future__ import annotations

import os
import re
from typing import Any

import onnx

from pytest_onnxaccel.core.errors import printable
from pytest_onnxaccel.graph.describe import describe, external_locations
from pytest_onnxaccel.graph.files import all_graphs, load_graph

#: protobuf cannot pass larger messages to the checker; above this the checker reads the file itself.
_IN_MEMORY = 1 << 30


def structure(path: str) -> dict[str, Any]:
    """Return ``{"checker": {"ok", "error", "code"}, "shape_inference": {...}}`` of the model at *path*."""
    model = load_graph(path)
    large = os.path.getsize(path) > _IN_MEMORY or bool(external_locations(all_graphs(model)))
    return {"checker": _checker(path, model, large), "shape_inference": _shape_inference(path, model, large)}


def _checker(path: str, model: onnx.ModelProto, large: bool) -> dict[str, Any]:
    opset, known = describe(model).opset, onnx.defs.onnx_opset_version()
    if opset > known:
        # onnx's checker takes such a model and judges it by the newest operators it has
        error = f"opset {opset} is newer than onnx {onnx.__version__} knows, which is {known}"
        return {"ok": False, "error": error, "code": "E_SCHEMA"}
    try:
        onnx.checker.check_model(path if large else model)
    except MemoryError:
        raise
    except Exception as error:
        return _problem(error, path)
    return {"ok": True, "error": "", "code": "OK"}


# Without data_prop: it computes constants to find shapes, and a model can ask for one of any size
def _shape_inference(path: str, model: onnx.ModelProto, large: bool) -> dict[str, Any]:
    try:
        if large:
            onnx.shape_inference.infer_shapes_path(path, os.devnull, check_type=True, strict_mode=True)
        else:
            onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
    except MemoryError:
        raise
    except Exception as error:
        return _problem(error, path)
    return {"ok": True, "error": "", "code": "OK"}


#: How the sentences of onnx begin that are about versions and operators, and about external data.
_SCHEMA = re.compile(
    r"No (?:Op registered|opset import|[Ss]chema)|Op registered for .* is deprecated|Unrecognized attribute|"
    r"Your model ir_version|\[TypeInferenceError\] Cannot infer type and shape for node name .* No opset import"
)
_EXTERNAL = re.compile(r"Data of TensorProto|Location of external|External data|.{0,40}(?:external data|data location)")


def _problem(error: Exception, path: str) -> dict[str, Any]:
    # Where the private copy lies is of no use to the reader
    text = printable(_short(str(error).replace(os.path.dirname(path) + os.sep, "")), 400)
    code = "E_SCHEMA" if _SCHEMA.match(text) else "E_EXTERNAL" if _EXTERNAL.match(text) else "E_GRAPH"
    return {"ok": False, "error": text, "code": code}


def _short(text: str) -> str:
    """Return the checker prints whole nodes; the sentence that names the fault is the first line with a word on it.

    Where that line ends in a colon, a node follows, and then the rest of the sentence.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    context = [line for line in lines if line.startswith("==> Context")]
    sentence = lines[: 3 if lines[0].endswith(":") else 1] if lines else ["unknown"]
    return " ".join([*(line for line in sentence if line not in context), *context[:1]])
