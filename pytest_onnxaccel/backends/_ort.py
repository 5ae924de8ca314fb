"""What the ONNX Runtime backends share: session options, the session itself, and its errors put into our codes."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.backends._ort_options import ort_options
from pytest_onnxaccel.backends.protocol import LoadOptions, SessionInfo
from pytest_onnxaccel.errors import ModelError, printable
from pytest_onnxaccel.numerics.timing import measure
from pytest_onnxaccel.spec import TensorSpec, Timing, TimingPlan

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array

_TYPES = {
    "float": "float32", "double": "float64", "float16": "float16", "bfloat16": "bfloat16", "bool": "bool",
    "string": "string", "int8": "int8", "int16": "int16", "int32": "int32", "int64": "int64",
    "uint8": "uint8", "uint16": "uint16", "uint32": "uint32", "uint64": "uint64",
}  # fmt: skip

#: What ONNX Runtime's message says, the code it gets, and what to do; the first that matches decides.
_CAUSES = (
    (r"Unsupported model IR version|under development|opset \d+ is|Opset.*not supported|ai\.onnx.*version", "E_SCHEMA",
     "export with an opset and IR version that this onnxruntime knows"),
    (r"NOT_IMPLEMENTED|is not a registered function/op|No Op registered|No opset import", "E_SCHEMA",
     "this onnxruntime lacks the operator: change the opset or the operator"),
    (r"external data|External data|External initializer|model_path must not be empty", "E_EXTERNAL",
     "put the data file beside the model"),
    (r"INVALID_PROTOBUF|Protobuf parsing failed", "E_PARSE", "the file is truncated or no model: export it again"),
    (r"bad_alloc|Failed to allocate memory|out of memory|BFCArena", "E_MEMORY", "the model asks for too much memory"),
    (r"INVALID_GRAPH|ShapeInferenceError|TypeInferenceError|Type Error|cycle|not a graph input", "E_GRAPH",
     "the graph itself is wrong: check the export"),
)  # fmt: skip

#: As much of a message is read: the model's own texts are in it, which may be of any length.
_READ = 4000
_NODE = re.compile(r"Non-zero status code returned while running (\S+) node\. Name:'([^']*)' Status Message: ")
#: ``/folder/file.cc:12 `` with the function's name or whole signature, as ONNX Runtime puts it into its messages.
_SOURCE = re.compile(
    r"(?:/[\w./-]*/)?\w+\.(?:cc|h|cpp|hpp):\d+ "
    r"(?:[\w:<>,&*~ ]+::[\w:<>~]+\((?:[^()]|\([^()]*\))*\)(?: const)?(?: \[with [^\]]*\])? |\w+ )?"
)


def tensor_spec(node: Any) -> TensorSpec:
    """ONNX Runtime's ``NodeArg`` as a :class:`TensorSpec`."""
    match = re.fullmatch(r"tensor\((\w+)\)", node.type)
    if not match:
        kind = node.type.partition("(")[0]
        return TensorSpec(node.name, "", None, {"seq": "sequence"}.get(kind, kind))
    shape = tuple(d if isinstance(d, (int, str)) else None for d in node.shape)
    return TensorSpec(node.name, _TYPES.get(match.group(1), match.group(1)), shape)


def load_error(error: Exception, folder: str = "") -> ModelError:
    """An exception of ``InferenceSession()`` as one line with a code; *folder* is where the private copy lies."""
    text = str(error)[:_READ]
    if folder:
        text = text.replace(folder + os.sep, "").replace(folder, ".")
    for pattern, code, remedy in _CAUSES:
        if re.search(pattern, text):
            return ModelError(_clean(text), code=code, remedy=remedy)
    return ModelError(_clean(text), code="E_GRAPH", remedy="ONNX Runtime refuses this model: check the export")


def run_error(error: Exception) -> ModelError:
    """An exception of ``run()`` as one line with a code."""
    text = str(error)[:_READ]
    if re.search(r"No corresponding Numpy type|can't be converted to MLDataType", text):
        cause = f"ONNX Runtime cannot pass a type of this model to or from Python: {_clean(text)}"
        return ModelError(cause, code="E_INPUT", remedy="export it with float32 inputs and outputs")
    if re.search(r"bad_alloc|Failed to allocate memory|out of memory", text):
        return ModelError(_clean(text), code="E_MEMORY", remedy="the model asks for too much memory")
    if "INVALID_ARGUMENT" in text and re.search(r"Got invalid dimensions|Invalid rank|Unexpected input data", text):
        return ModelError(_clean(text), code="E_INPUT", remedy="feed what the model declares")
    return ModelError(_clean(text), code="E_RUN", remedy="the model does not run on these inputs")


def _clean(text: str) -> str:
    """Without ONNX Runtime's prefixes, and without its source lines with their signatures, which hide the sentence."""
    text = re.sub(r"\[ONNXRuntimeError\] : \d+ : \w+ : ", "", text)
    text = re.sub(r"^Load model from .*?\.onnx failed: ?", "", text)
    text = _NODE.sub(r"\1 node '\2': ", text)
    return printable(_SOURCE.sub("", text), 600)


def session_options(options: LoadOptions) -> Any:
    """``SessionOptions`` for *options*; warnings go to the worker's log."""
    import onnxruntime as ort

    made = ort.SessionOptions()
    made.log_severity_level = 2
    wanted = ort_options(options)
    if wanted.level:
        made.graph_optimization_level = getattr(ort.GraphOptimizationLevel, wanted.level)
    for name, value in wanted.attributes.items():
        setattr(made, name, value)
    for key, value in wanted.entries.items():
        made.add_session_config_entry(key, value)
    return made


class OrtSession:
    """A loaded ``InferenceSession``."""

    def __init__(self, session: Any, options: LoadOptions, facts: Mapping[str, Any], notes: Sequence[str] = ()) -> None:
        import onnxruntime as ort

        self._session = session
        self.info = SessionInfo(
            inputs=tuple(map(tensor_spec, session.get_inputs())),
            outputs=tuple(map(tensor_spec, session.get_outputs())),
            notes=tuple(notes),
            facts={
                "onnxruntime": ort.__version__,
                "provider": session.get_providers()[0],
                "threads": options.threads or "default",
                "spinning": options.spin and options.threads != 1,
                "optimization": "disabled" if not options.optimize else options.level or "default",
                "arena": options.arena,
                "binding": options.binding,
                "affinity": sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
                **facts,
            },
        )
        self._names = [spec.name for spec in self.info.outputs]
        self._binding = session.io_binding() if options.binding else None

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        try:
            values = self.timer(feeds)()
        except Exception as error:
            raise run_error(error) from None
        for name, value in zip(self._names, values, strict=True):
            if not hasattr(value, "dtype"):
                raise ModelError(
                    f"output {name!r} is no tensor but {type(value).__name__}",
                    code="E_INPUT",
                    remedy="only dense tensors are compared",
                )
        return {spec.name: _as_typed(value, spec) for spec, value in zip(self.info.outputs, values, strict=True)}

    def time(self, feeds: Mapping[str, Array], plan: TimingPlan) -> Timing:
        try:
            return measure(self.timer(feeds), plan)
        except Exception as error:
            raise run_error(error) from None

    def timer(self, feeds: Mapping[str, Array]) -> Callable[[], list[Any]]:
        """The call that :meth:`time` times: from arrays to arrays, nothing else."""
        run, names, ready = self._session.run, self._names, dict(feeds)
        binding = self._binding
        if binding is None:
            return partial(run, names, ready)
        for spec in self.info.outputs:
            binding.bind_output(spec.name)
        bind, bound, fetch = binding.bind_cpu_input, self._session.run_with_iobinding, binding.copy_outputs_to_cpu

        def call() -> list[Any]:
            # Bound again each time: a client's next input is another array
            for name, array in ready.items():
                bind(name, array)
            bound(binding)
            return list(fetch())

        return call

    def close(self) -> None:
        self._session = self._binding = None


def _as_typed(value: Array, spec: TensorSpec) -> Array:
    """ONNX Runtime gives the eight-bit floats as the bytes they are."""
    if not spec.dtype.startswith("float8") or value.dtype.name != "uint8":
        return value
    from onnx import TensorProto, helper

    return value.view(helper.tensor_dtype_to_np_dtype(TensorProto.DataType.Value(spec.dtype.upper())))


def make_session(path: str, options: LoadOptions, providers: Sequence[Any], extra: Any = None) -> Any:
    """An ``InferenceSession``, its errors in our codes. *extra* may set further session options."""
    import onnxruntime as ort

    made = session_options(options)
    if extra is not None:
        extra(made)
    try:
        return ort.InferenceSession(path, made, providers=list(providers))
    except Exception as error:
        raise load_error(error, os.path.dirname(path)) from None
