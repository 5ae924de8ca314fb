"""ONNX Runtime's exceptions put into our codes: what is at fault comes first, and what to do about just that."""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from pytest_onnxaccel.core.errors import ModelError, printable


class _Rule(NamedTuple):
    """What a message says, its code and what to do; *cause* takes the place of the message, groups of *says* in it."""

    says: str
    code: str
    remedy: str
    cause: str = ""


_LIBRARY = (
    "name the library that has it: --onnx-ort-library=PATH, or a function that gives the path, such as "
    "onnxruntime_extensions:get_library_path"
)

#: Memory that ran out, in words of this machine's and of accelerators' libraries.
_MEMORY = (
    r"bad_alloc|Failed to allocate memory|[Oo]ut of memory|BFCArena|CUDA failure 2\b|CUDA_ERROR_OUT_OF_MEMORY|"
    r"(?:CUBLAS|CUDNN)\w*_ALLOC_FAILED|hipErrorOutOfMemory|CL_OUT_OF_\w+|E_OUTOFMEMORY"
)

#: The first that matches decides.
_RULES = (
    _Rule(r"Opset (\d+) is under development", "E_SCHEMA", "export with an opset that this onnxruntime knows",
          r"Opset \1 is under development: this onnxruntime does not know it"),
    _Rule(r"Unsupported model IR version|opset \d+ is|Opset.*not supported|ai\.onnx.*version", "E_SCHEMA",
          "export with an opset and IR version that this onnxruntime knows"),
    _Rule(r"Failed to construct locale with name: ?(\S+?):", "E_BACKEND",
          r"install it (Debian: locale-gen), or export StringNormalizer with one that is there, such as C.UTF-8",
          r"this system lacks the locale '\1', which StringNormalizer of the model asks for"),
    _Rule(r"MLDataType for: tensor\((\w+)\) is not currently registered", "E_SCHEMA",
          "run it on another backend, or export it with a type that ONNX Runtime has",
          r"ONNX Runtime does not have the type \1"),
    _Rule(r"Fatal error: (.*)\(-?\d+\) is not a registered function/op", "E_SCHEMA",
          _LIBRARY,
          r"\1 is not a registered function/op"),
    _Rule(r"No opset import", "E_SCHEMA", "the file names no version of this domain: export it again"),
    _Rule(r"is deprecated in domain_version", "E_SCHEMA", "this opset no longer has it: export with its replacement"),
    _Rule(r"NOT_IMPLEMENTED|is not a registered function/op|No Op registered", "E_SCHEMA",
          "this onnxruntime lacks the operator: change the opset or the operator"),
    _Rule(r"xternal.*(?:size mismatch|out of bounds|can not be read)", "E_EXTERNAL",
          "the data file does not fit the model: save both again"),
    _Rule(r"external data|External data|External initializer|model_path must not be empty", "E_EXTERNAL",
          "put the data file next to the model"),
    _Rule(r"INVALID_PROTOBUF|Protobuf parsing failed", "E_PARSE",
          "the file is truncated or not a model: export it again"),
    _Rule(_MEMORY, "E_MEMORY",
          "the model asks for too much memory"),
    _Rule(r"Type 'tensor\(\w+\)' of (?:input|output) parameter .* is invalid", "E_GRAPH",
          "the operator does not take this type at this opset: export another type, or a newer opset"),
    _Rule(r"INVALID_GRAPH|ShapeInferenceError|TypeInferenceError|Type Error|cycle|not a graph input|"
          r"^This is an invalid model|invalid model\.|raw_data size", "E_GRAPH",
          "the graph itself is wrong: check the export"),
)  # fmt: skip

_UNKNOWN = "compare with another backend: that shows whether the export or ONNX Runtime is at fault"

#: As much of a message is read, its long names shortened: the model's own texts are in it, which may be of any length.
_READ = 4000
_KERNEL = re.compile(r"Could not find an implementation for (.+?)\((\d+)\) node with name '([^']*)'")
_RUNNING = re.compile(r"Non-zero status code returned while running (\S+) node\. Name:'([^']*)' Status Message: ")
_IN_NODE = re.compile(r'^This is an invalid model\. In Node, \("([^"]*)", ([^,]+), "[^"]*", -?\d+\) : .*? , Error ')
#: ``/folder/file.cc:12 `` with the function's name or whole signature, as ONNX Runtime puts it into its messages.
_SOURCE = re.compile(
    r"(?:/[\w./-]*/)?\w+\.(?:cc|h|cpp|hpp):\d+ "
    r"(?:[\w:<>,&*~ ]+::(?:[\w:<>~]+|operator\(\))\((?:[^()]|\([^()]*\))*\)(?: const)?(?: \[with [^\]]*\])? |\w+ )?"
)


def load_error(error: Exception, path: str = "") -> ModelError:
    """Convert an exception of ``InferenceSession()`` to an error with a code; *path* is the loaded copy."""
    text = _read(error)
    if folder := os.path.dirname(path):
        text = text.replace(folder + os.sep, "").replace(folder, ".")
    if kernel := _KERNEL.search(text):
        return _no_kernel(kernel[1], kernel[2], kernel[3], path)
    for rule in _RULES:
        if found := re.search(rule.says, text):
            cause = found.expand(rule.cause) if rule.cause else _clean(text)
            return ModelError(printable(cause, 600), code=rule.code, remedy=rule.remedy)
    return ModelError(_clean(text), code="E_GRAPH", remedy=_UNKNOWN)


def run_error(error: Exception, batch: int | None = None) -> ModelError:
    """Convert an exception of ``run()`` to an error with a code; *batch* was fed."""
    text = _read(error)
    if re.search(r"No corresponding Numpy type|can't be converted to MLDataType", text):
        cause = f"ONNX Runtime cannot pass a type of this model to or from Python: {_clean(text)}"
        return ModelError(cause, code="E_INPUT", remedy="export it with float32 inputs and outputs")
    if re.search(_MEMORY, text):
        fed = "" if batch is None else f"memory ran out at batch {batch}: "
        remedy = "the model asks for too much memory" if batch in (None, 1) else "a smaller batch may fit"
        return ModelError(f"{fed}{_clean(text)}", code="E_MEMORY", remedy=remedy)
    if "INVALID_ARGUMENT" in text and re.search(r"Got invalid dimensions|Invalid rank|Unexpected input data", text):
        return ModelError(_clean(text), code="E_INPUT", remedy="feed what the model declares")
    return ModelError(_clean(text), code="E_RUN", remedy="the model does not run on these inputs")


def _read(error: Exception) -> str:
    return printable(str(error), _READ)


def _clean(text: str) -> str:
    """Strip ONNX Runtime's prefixes and its source lines with signatures, which hide the sentence."""
    text = re.sub(r"\[ONNXRuntimeError\] : \d+ : \w+ : ", "", text)
    text = re.sub(r"^Load model from \S*\.onnx failed: ?", "", text)
    text = _RUNNING.sub(r"\1 node '\2': ", text)
    text = re.sub(r"^Exception during (?:initialization|loading): ", "", _SOURCE.sub("", text))
    return printable(_IN_NODE.sub(r"\2 node '\1': ", text).replace(" node '': ", " node: "), 600)


def _no_kernel(operator: str, version: str, node: str, path: str) -> ModelError:
    """Return the error for an operator that ONNX Runtime has, but not for these types."""
    types = _types(path, operator, node)
    called = f" (node {node!r})" if node else ""
    if types is None:
        what = f"{operator}({version}), a part of an operator of this model, with its types"
    else:
        what = f"{operator}({version}) with {', '.join(types) or 'its types'}"
    return ModelError(
        f"ONNX Runtime has no kernel for {what}{called}",
        code="E_SCHEMA",
        remedy="the export is not at fault: run it on another backend, or export it with another type",
    )


def _types(path: str, operator: str, node: str) -> list[str] | None:
    """Return the types that the node takes, each once; empty when unknown, None without such a node."""
    import onnx

    from pytest_onnxaccel.graph.describe import dtype_name

    try:
        model = onnx.load(path, load_external_data=False)
        known = onnx.shape_inference.infer_shapes(model).graph
    except Exception:  # whatever is wrong with the file, this is only for the message
        return []
    values = (*known.input, *known.value_info, *known.output)
    types = {value.name: value.type.tensor_type.elem_type for value in values}
    types |= {tensor.name: tensor.data_type for tensor in known.initializer}
    for found in known.node:
        if found.op_type == operator and node in ("", found.name):
            return list(dict.fromkeys(filter(None, (dtype_name(types.get(name, 0)) for name in found.input))))
    return None
