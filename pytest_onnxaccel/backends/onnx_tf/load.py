"""From the prepared copy to a TensorFlow graph; runs in the legacy interpreter.

onnx-tf gives a ``tf.Module``. Its own ``run`` traces that with AutoGraph (5 s for a small detector) and
captures the weights as arguments, so that TensorFlow folds nothing. What people deploy is the frozen graph in
a ``tf.Session``, and that is what runs here: the same nodes, with the weights as constants.
"""

from __future__ import annotations

import contextlib
import logging
import os
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from pytest_onnxaccel.backends.onnx_tf.device import Device
from pytest_onnxaccel.backends.onnx_tf.frameworks import frameworks
from pytest_onnxaccel.backends.onnx_tf.nodes import (
    RECURRENT,
    Trace,
    all_nodes,
    missing_operators,
    opset_of,
    recording_backend,
    specs,
)
from pytest_onnxaccel.backends.protocol import LoadOptions, SessionInfo
from pytest_onnxaccel.backends.tensorflow.session import TensorflowSession
from pytest_onnxaccel.core.errors import BackendUnavailable, ModelError, printable

_recurrent_loaded = False


def load(path: str, options: LoadOptions, device: Device | None = None) -> TensorflowSession:
    """See :meth:`pytest_onnxaccel.backends.onnx_tf.backend.OnnxTf.load`; *device* is the CPU unless it is named."""
    tf, onnx, onnx_tf = frameworks()
    device = device or Device()
    device.insist(tf)
    model = read(onnx, path)
    if options.threads:
        # Only the first model of a process can set these; graphs without variables have threads of their own
        with contextlib.suppress(RuntimeError):
            tf.config.threading.set_intra_op_parallelism_threads(options.threads)
            tf.config.threading.set_inter_op_parallelism_threads(options.threads)
    with said_meanwhile() as said:
        module, concrete, trace = trace_model(tf, onnx_tf, model)
        if module.variables or concrete.variables:
            if device.index is not None:
                raise refused(f"this graph has variables, which onnx-tf keeps on the CPU: {device} was asked for")
            call, close = _function_call(tf, module, concrete, model, options), _nothing
            way = "traced function"
        else:
            try:
                call, close = _session_call(tf, concrete, model, options, device)
            except Exception as error:
                raise refused(f"TensorFlow cannot freeze what onnx-tf made: {reason(error)}") from error
            way = "frozen graph in a tf.Session"
    info = SessionInfo(
        specs(onnx, model.graph.input),
        specs(onnx, model.graph.output),
        warnings=tuple(said),
        notes=tuple(trace.notes),
        facts={
            "provider": "TensorFlow",
            "device": str(device),
            "threads": options.threads,
            "cores": _cores(),
            "path": way,
            "opset": opset_of(model),
            "versions": {
                "tensorflow": tf.__version__,
                "onnx-tf": onnx_tf.version.version,
                "onnx": onnx.__version__,
            },
        },
    )
    return TensorflowSession(call, close, info)


def read(onnx: Any, path: str) -> Any:
    """Return the prepared copy at *path*.

    Raises:
        ModelError: ``E_PARSE``.
    """
    try:
        return onnx.load(path)
    except Exception as error:
        raise ModelError(f"the copy for onnx-tf cannot be read: {error}", code="E_PARSE") from error


def trace_model(tf: Any, onnx_tf: Any, model: Any) -> tuple[Any, Any, Trace]:
    """Return onnx-tf's module for *model*, the function traced from it, and what happened on the way.

    Raises:
        ModelError: ``E_SCHEMA``, naming the operator that stopped onnx-tf.
        BackendUnavailable: a recurrent model in a process that has had one.
    """
    recurrent = _claim_recurrent(model)
    trace = Trace()
    module, concrete = _concrete(tf, onnx_tf, model, trace, quick=not recurrent)
    found = concrete.structured_outputs
    odd = [name for name in found if not isinstance(found[name], tf.Tensor)]
    if odd:
        raise refused(f"output {odd[0]!r} of onnx-tf is not a dense tensor")
    return module, concrete, trace


def _claim_recurrent(model: Any) -> bool:
    """Return whether *model* holds a recurrent node; a process takes one such model and no second."""
    global _recurrent_loaded
    found = [node.op_type for node in all_nodes(model.graph) if node.op_type in RECURRENT]
    if found and _recurrent_loaded:
        raise BackendUnavailable(
            f"onnx-tf would compute {found[0]} with the weights of the recurrent model loaded before it",
            remedy="load it in a fresh process",
        )
    _recurrent_loaded = _recurrent_loaded or bool(found)
    return bool(found)


def _concrete(tf: Any, onnx_tf: Any, model: Any, trace: Trace, quick: bool) -> tuple[Any, Any]:
    """Return onnx-tf's module for *model*, and the function traced from it.

    Args:
        tf: the module ``tensorflow``.
        onnx_tf: the module ``onnx_tf``.
        model: the prepared model.
        trace: gets notes on what happened on the way.
        quick: try without AutoGraph first. The graph is the same, or that trace fails and AutoGraph is asked
            after all; but a failed trace of a recurrent model would leave its cell behind.

    Raises:
        ModelError: ``E_SCHEMA``, naming the operator that stopped onnx-tf.
    """
    opset = opset_of(model)
    lacking = missing_operators(onnx_tf, model)
    if lacking:
        raise refused(f"onnx-tf has no operator {', '.join(lacking)} (opset {opset})")
    for info in (*model.graph.input, *model.graph.output):
        if not info.type.tensor_type.HasField("shape"):
            raise refused(f"onnx-tf needs a dense tensor with a rank, and {info.name!r} declares none")
    try:
        rep = recording_backend(tf, onnx_tf, trace).prepare(model, logging_level="WARNING")
        module: Any = rep.tf_module
        whole: Any = type(module).__call__
        signatures = {info.name: rep.signatures[info.name] for info in model.graph.input}

        def call(**feeds: Any) -> Any:
            return whole.python_function(module, **feeds)

        if quick:
            with contextlib.suppress(Exception):
                return module, tf.function(call, autograph=False).get_concrete_function(**signatures)
        return module, module.__call__.get_concrete_function(**signatures)
    except Exception as error:
        stopped = f"{trace.operator} at opset {opset}" if trace.operator else f"this graph (opset {opset})"
        raise refused(f"onnx-tf cannot take {stopped}: {reason(error)}") from error


def refused(cause: str) -> ModelError:
    return ModelError(cause, code="E_SCHEMA", remedy="compare this model with another backend")


def _session_call(
    tf: Any, concrete: Any, model: Any, options: LoadOptions, device: Device
) -> tuple[Any, Callable[[], None]]:
    """Return a callable over a ``tf.Session`` of the frozen graph, inputs and outputs in the model's order."""
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    frozen = convert_variables_to_constants_v2(concrete)
    config = tf.compat.v1.ConfigProto()
    device.configure(config)
    if options.threads:
        config.intra_op_parallelism_threads = options.threads
        config.inter_op_parallelism_threads = options.threads
        config.use_per_session_threads = True
    if not options.optimize:
        config.graph_options.rewrite_options.disable_meta_optimizer = True
        config.graph_options.optimizer_options.opt_level = -1
    graph = tf.Graph()
    with graph.as_default(), tf.device(device.scope if device.index is not None else None):
        tf.import_graph_def(frozen.graph.as_graph_def(), name="")
    # Arguments of a traced function come in the order of their names
    order = sorted(info.name for info in model.graph.input)
    feeds = dict(zip(order, (tensor.name for tensor in frozen.inputs), strict=True))
    fetches = {name: tensor.name for name, tensor in concrete.structured_outputs.items()}
    session = tf.compat.v1.Session(graph=graph, config=config)
    call = session.make_callable(
        [graph.get_tensor_by_name(fetches[info.name]) for info in model.graph.output],
        [graph.get_tensor_by_name(feeds[info.name]) for info in model.graph.input],
    )
    return call, session.close


def _function_call(tf: Any, module: Any, concrete: Any, model: Any, options: LoadOptions) -> Any:
    """Return a callable over the traced function itself, for graphs with variables, which do not freeze.

    Raises:
        BackendUnavailable: TensorFlow's eager runtime has started with another number of threads.
    """
    threads = tf.config.threading.get_intra_op_parallelism_threads()
    if options.threads not in (None, threads):
        raise BackendUnavailable(
            f"TensorFlow runs this graph on {threads or 'all'} threads, asked for {options.threads}",
            remedy="load it in a fresh process",
        )
    names = [info.name for info in model.graph.input]
    order = [info.name for info in model.graph.output]
    # The function refers to the variables weakly; the module is what keeps them
    kept = module

    def call(*arrays: Any) -> list[Any]:
        assert kept is not None
        found = concrete(**{name: tf.constant(array) for name, array in zip(names, arrays, strict=True)})
        return [found[name].numpy() for name in order]

    return call


def _nothing() -> None:
    """Do nothing: there is nothing to close."""


def reason(error: BaseException) -> str:
    """Return the handler's own words, from under what AutoGraph wraps around them."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    kind, text = type(error).__name__, lines[-1] if lines else ""
    text = text[len(kind) + 2 :] if text.startswith(f"{kind}: ") else text
    own_words = kind in ("BackendIsNotSupposedToImplementIt", "NotImplementedError", "RuntimeError")
    return printable(text if own_words else f"{kind}: {text}", 200)


def _cores() -> int:
    """Return the cores that this process may use: TensorFlow's default number of threads."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        return os.cpu_count() or 1


@contextlib.contextmanager
def said_meanwhile() -> Iterator[list[str]]:
    """Collect what onnx-tf logs in the block, one line for each finding, and keep it off the streams."""
    lines: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            line = printable(record.getMessage(), 400)
            if line not in lines:
                lines.append(line)

    logger, listener = logging.getLogger("onnx-tf"), Listener(logging.WARNING)
    before, logger.propagate = logger.propagate, False
    handlers, logger.handlers = logger.handlers, [listener]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield lines
    finally:
        logger.handlers, logger.propagate = handlers, before
