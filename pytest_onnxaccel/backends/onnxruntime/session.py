"""What the ONNX Runtime backends share: session options and the session itself."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.backends.onnxruntime.custom_operators import register
from pytest_onnxaccel.backends.onnxruntime.errors import load_error as load_error
from pytest_onnxaccel.backends.onnxruntime.errors import run_error as run_error
from pytest_onnxaccel.backends.onnxruntime.options import ort_options
from pytest_onnxaccel.backends.onnxruntime.typed_values import caller, typed
from pytest_onnxaccel.backends.protocol import LoadOptions, SessionInfo
from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.specs import TensorSpec, Timing, TimingPlan
from pytest_onnxaccel.numerics.timing.loop import measure

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array

_TYPES = {
    "float": "float32", "double": "float64", "float16": "float16", "bfloat16": "bfloat16", "bool": "bool",
    "string": "string", "int8": "int8", "int16": "int16", "int32": "int32", "int64": "int64",
    "uint8": "uint8", "uint16": "uint16", "uint32": "uint32", "uint64": "uint64",
}  # fmt: skip

_TENSOR = re.compile(r"tensor\((\w+)\)")
_ELEMENT = re.compile(r"\((?:seq\()?tensor\((\w+)\)")


def tensor_spec(node: Any) -> TensorSpec:
    """Return ONNX Runtime's ``NodeArg`` as a :class:`TensorSpec`."""
    match = _TENSOR.fullmatch(node.type)
    if not match:
        kind = node.type.partition("(")[0].partition("_")[0]
        kind = "optional sequence" if node.type.startswith("optional(seq(") else {"seq": "sequence"}.get(kind, kind)
        element = _ELEMENT.search(node.type)
        return TensorSpec(node.name, _TYPES.get(element[1], element[1]) if element else "", None, kind)
    shape = tuple(d if isinstance(d, (int, str)) else None for d in node.shape)
    return TensorSpec(node.name, _TYPES.get(match.group(1), match.group(1)), shape)


def session_options(options: LoadOptions) -> Any:
    """Return ``SessionOptions`` for *options*; warnings go to the worker's log."""
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

        if not session.get_outputs():
            raise ModelError("declares no outputs", code="E_GRAPH", remedy="export it with its outputs")
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
        from pytest_onnxaccel.numerics.unpacked import packed, unpacked

        self._names = [spec.name for spec in self.info.outputs]
        self._stored = [value.name for value in session.get_overridable_initializers()]
        self._pack, self._unpacked = packed, unpacked
        self._binding = session.io_binding() if options.binding else None

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        try:
            values = self.timer(feeds)()
        except Exception as error:
            raise run_error(error, batch_of(feeds)) from None
        found: dict[str, Array] = {}
        for spec, value in zip(self.info.outputs, values, strict=True):
            if spec.kind == "tensor":
                found[spec.name] = value
            else:
                found |= self._unpacked(spec.name, value)
        return found

    def time(self, feeds: Mapping[str, Array], plan: TimingPlan) -> Timing:
        try:
            return measure(self.timer(feeds), plan)
        except Exception as error:
            raise run_error(error, batch_of(feeds)) from None

    def timer(self, feeds: Mapping[str, Array]) -> Callable[[], list[Any]]:
        """Return the call that :meth:`time` times: from arrays to arrays, nothing else."""
        run, names, ready = self._session.run, self._names, self._packed(feeds)
        binding = self._binding
        if typed((*self.info.inputs, *self.info.outputs)):
            return caller(self._session, self.info.inputs, self.info.outputs, feeds)
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

    def _packed(self, feeds: Mapping[str, Array]) -> dict[str, Any]:
        if all(spec.kind == "tensor" for spec in self.info.inputs):
            return dict(feeds)
        # Weights may be fed others for
        other = {name: feeds[name] for name in self._stored if name in feeds}
        return {**{spec.name: self._pack(spec.kind, spec.name, feeds) for spec in self.info.inputs}, **other}

    def close(self) -> None:
        self._session = self._binding = None


def batch_of(feeds: Mapping[str, Array]) -> int | None:
    """Return the size of the first axis of the first input; None without one."""
    shape = next((array.shape for array in feeds.values()), ())
    return int(shape[0]) if shape else None


def make_session(path: str, options: LoadOptions, providers: Sequence[Any], extra: Any = None) -> Any:
    """Return an ``InferenceSession``, its errors in our codes. *extra* may set further session options."""
    import onnxruntime as ort

    made = session_options(options)
    if extra is not None:
        extra(made)
    register(made, options.libraries, options.import_paths)
    try:
        return ort.InferenceSession(path, made, providers=list(providers))
    except Exception as error:
        found = load_error(error, path)
        if options.libraries and found.cause.endswith("is not a registered function/op"):
            found.cause += f", and not in {', '.join(options.libraries)}"
        raise found from None
