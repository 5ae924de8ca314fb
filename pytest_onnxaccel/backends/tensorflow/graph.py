"""A TensorFlow graph in a session: frozen graph, SavedModel and checkpoint, after they have been looked through."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.backends.tensorflow import tensor_names as names
from pytest_onnxaccel.backends.tensorflow.graph_files import MetaGraph, read_graph, read_meta_graph, read_saved_model
from pytest_onnxaccel.backends.tensorflow.imports import reason, tensorflow
from pytest_onnxaccel.backends.tensorflow.safety.graph_scan import refuse_graph, refuse_meta_graphs, refuse_strays
from pytest_onnxaccel.backends.tensorflow.saving import ends
from pytest_onnxaccel.core.errors import ConfigError, ModelError
from pytest_onnxaccel.core.specs import TensorSpec

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import LoadOptions


class GraphSource:
    """A source open in a ``tf.Session`` on the CPU.

    Attributes:
        inputs, outputs: under the names that were asked for, else under the source's own: signature keys of a
            SavedModel, tensor names of a graph.
        tensors: name of the tensor behind each of them.
        notes: facts that qualify results.
        way: how it runs, for reports.
    """

    def __init__(self, tf: Any, options: LoadOptions | None = None) -> None:
        self._tf = tf
        self._graph = tf.Graph()
        self._session = tf.compat.v1.Session(graph=self._graph, config=_config(tf, options))
        self._feeds: dict[str, Any] = {}
        self._fetches: dict[str, Any] = {}
        self._shapes: dict[str, Any] = {}
        self.notes: list[str] = []
        self.way = ""

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        return tuple(names.spec_of(name, found, self._shapes.get(found.name)) for name, found in self._feeds.items())

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        return tuple(names.spec_of(name, found, self._shapes.get(found.name)) for name, found in self._fetches.items())

    @property
    def tensors(self) -> dict[str, str]:
        return {name: tensor.name for name, tensor in (*self._feeds.items(), *self._fetches.items())}

    def callable(self) -> Callable[..., list[Any]]:
        """Run one array per input in their order and return one per output."""
        call: Callable[..., list[Any]] = self._session.make_callable(
            list(self._fetches.values()), list(self._feeds.values())
        )
        return call

    def frozen(self) -> Any:
        """Freeze what the outputs need to a ``GraphDef``, variables as constants; tensors keep their names.

        Raises:
            ModelError: ``E_SCHEMA``: TensorFlow cannot freeze it.
        """
        nodes = [tensor.op.name for tensor in (*self._fetches.values(), *self._feeds.values())]
        graph_def = self._graph.as_graph_def(add_shapes=True)
        for node in graph_def.node:
            node.device = ""
        try:
            with self._graph.as_default():
                frozen = self._tf.compat.v1.graph_util.convert_variables_to_constants(
                    self._session, graph_def, list(dict.fromkeys(nodes))
                )
            _drop_unused_functions(frozen)
            return frozen
        except Exception as error:
            raise ModelError(f"TensorFlow cannot freeze it: {reason(error)}", code="E_SCHEMA") from error

    def close(self) -> None:
        self._session.close()

    # -- the kinds --------------------------------------------------------------------------------------------

    def load_frozen(self, path: str, inputs: Sequence[str], outputs: Sequence[str]) -> None:
        """Take a frozen graph in; what it was looked through as is what is loaded."""
        with open(path, "rb") as file:
            graph_def = self._tf.compat.v1.GraphDef.FromString(file.read())
        with self._graph.as_default():
            self._tf.import_graph_def(graph_def, name="")
        self.way = "frozen graph in a tf.Session"
        self._choose(inputs, outputs)

    def load_checkpoint(self, path: str, meta: MetaGraph, inputs: Sequence[str], outputs: Sequence[str]) -> None:
        """Take a ``.meta`` in, which was read as *meta*, and restore the variables that are next to it."""
        prefix = path.removesuffix(".meta")
        with self._graph.as_default():
            saver = self._tf.compat.v1.train.import_meta_graph(path, clear_devices=True)
            if saver is not None:
                if not os.path.exists(f"{prefix}.index") and not os.path.exists(prefix):
                    raise ModelError(
                        f"its variables are missing: no {os.path.basename(prefix)}.index is next to it",
                        code="E_FILE",
                        remedy="put the whole checkpoint into one folder",
                    )
                saver.restore(self._session, prefix)
        self.way = "restored checkpoint in a tf.Session"
        self._choose(inputs, outputs)
        # It has no signatures: only now is it known what will be run
        refuse_strays(meta, [tensor.name for tensor in (*self._fetches.values(), *self._feeds.values())])

    def load_saved_model(
        self, folder: str, meta: MetaGraph, signature: str, inputs: Sequence[str], outputs: Sequence[str]
    ) -> None:
        """Take a SavedModel in, as a server of TensorFlow would: by its signature."""
        v1 = self._tf.compat.v1
        with self._graph.as_default():
            loaded = v1.saved_model.loader.load(self._session, list(meta.tags), folder)
        definition = loaded.signature_def[signature]
        found: list[dict[str, Any]] = []
        for side in (definition.inputs, definition.outputs):
            tensors = {}
            for key in sorted(side):
                if not side[key].name:
                    raise ModelError(f"{key!r} of signature {signature!r} is not a dense tensor", code="E_SCHEMA")
                tensors[key] = self._graph.get_tensor_by_name(side[key].name)
                self._shapes[tensors[key].name] = self._tf.TensorShape(side[key].tensor_shape)
            found.append(tensors)
        self.way = f"SavedModel by its signature {signature} in a tf.Session"
        self._feeds, self._fetches = found
        if inputs or outputs:
            self._feeds = names.choose(inputs, found[0], "input") if inputs else found[0]
            self._fetches = names.choose(outputs, found[1], "output") if outputs else found[1]
            _complete(found[0], self._feeds, "takes the input")
            _complete(found[1], self._fetches, "gives the output")

    def _choose(self, inputs: Sequence[str], outputs: Sequence[str]) -> None:
        """Choose inputs and outputs of a graph without a signature: those named, else placeholders and ends."""
        if not outputs and names.is_training(self._graph):
            raise names.ask_for_outputs(self._graph)
        fetched = [names.named_tensor(self._graph, name, "output") for name in outputs] or names.ends(self._graph)
        if not fetched:
            raise ConfigError("the graph has no end that could be its output", remedy="name its outputs")
        fed = [names.named_tensor(self._graph, name, "input") for name in inputs]
        needed = names.placeholders(fetched, fed)
        if inputs and needed:
            listed = ", ".join(tensor.name for tensor in needed)
            raise ModelError(f"the source takes the input {listed}, which is not among the inputs", code="V_CONTRACT")
        fed = fed or needed
        if not fed:
            raise ConfigError("its outputs depend on no placeholder", remedy="name its inputs")
        left = [tensor.name for tensor in names.ends(self._graph) if tensor.name not in {f.name for f in fetched}]
        if outputs and left and not names.is_training(self._graph):
            self.notes.append(f"ends of the source that are not outputs here: {', '.join(left[:5])}")
        self._feeds = dict(zip(inputs or [tensor.name for tensor in fed], fed, strict=True))
        self._fetches = dict(zip(outputs or [tensor.name for tensor in fetched], fetched, strict=True))


def _complete(found: dict[str, Any], chosen: dict[str, Any], verb: str) -> None:
    taken = {tensor.name for tensor in chosen.values()}
    for key, tensor in found.items():
        if tensor.name not in taken:
            raise ModelError(f"the source {verb} {key!r}, which the model lacks", code="V_CONTRACT")


def _drop_unused_functions(graph_def: Any) -> None:
    """Drop what freezing leaves: what saves variables, and functions that call replaced ones."""
    functions = {function.signature.name: function for function in graph_def.library.function}
    used: set[str] = set()
    waiting = list(graph_def.node)
    while waiting:
        node = waiting.pop()
        called = {node.op} | {value.func.name for value in node.attr.values()}
        called |= {item.name for value in node.attr.values() for item in value.list.func}
        for name in (called & functions.keys()) - used:
            used.add(name)
            waiting += functions[name].node_def
    kept = [function for name, function in functions.items() if name in used]
    del graph_def.library.function[:]
    graph_def.library.function.extend(kept)
    del graph_def.library.gradient[:]


def open_frozen(
    path: str,
    inputs: Sequence[str] = (),
    outputs: Sequence[str] = (),
    options: LoadOptions | None = None,
    trusted: Collection[str] = (),
) -> GraphSource:
    """Open the frozen graph at *path*; *trusted* as for :func:`.safety.graph_scan.refuse_graph`.

    Raises:
        ModelError: ``E_UNSAFE``, before TensorFlow is imported; ``E_PARSE``; ``V_CONTRACT``: a name means nothing.
        ConfigError: inputs or outputs cannot be found and must be named.
    """
    refuse_graph(read_graph(path), trusted)
    return _opened(options, lambda source: source.load_frozen(path, inputs, outputs))


def open_checkpoint(
    path: str,
    inputs: Sequence[str] = (),
    outputs: Sequence[str] = (),
    options: LoadOptions | None = None,
    trusted: Collection[str] = (),
) -> GraphSource:
    """Open the checkpoint whose graph is the ``.meta`` at *path*; arguments and errors as :func:`open_frozen`."""
    meta = read_meta_graph(path)
    refuse_meta_graphs([meta], trusted, [*inputs, *(outputs or ends(meta.graph))])
    return _opened(options, lambda source: source.load_checkpoint(path, meta, inputs, outputs))


def open_saved_model(
    folder: str,
    signature: str = "",
    inputs: Sequence[str] = (),
    outputs: Sequence[str] = (),
    options: LoadOptions | None = None,
    trusted: Collection[str] = (),
) -> GraphSource:
    """Open the SavedModel in *folder* by *signature*; arguments and errors as :func:`open_frozen`."""
    graphs = read_saved_model(folder)
    refuse_meta_graphs(graphs, trusted)
    meta, chosen = _signature(graphs, signature)
    return _opened(options, lambda source: source.load_saved_model(folder, meta, chosen, inputs, outputs))


def _signature(graphs: Sequence[MetaGraph], wanted: str) -> tuple[MetaGraph, str]:
    """Return the graph for serving, with the signature called *wanted*, else its default one or its only one."""
    meta = next((graph for graph in graphs if graph.tags == ("serve",)), graphs[0])
    keys = [key for key in meta.signatures if not key.startswith("__saved_model")]
    if wanted:
        if wanted not in keys:
            raise ConfigError(f"the SavedModel has no signature {wanted!r}", remedy=f"it has: {', '.join(keys)}")
        return meta, wanted
    if "serving_default" in keys or len(keys) == 1:
        return meta, "serving_default" if "serving_default" in keys else keys[0]
    if not keys:
        raise ModelError("is a SavedModel without a signature", code="E_SCHEMA", remedy="save it with signatures=...")
    raise ConfigError("the SavedModel has several signatures", remedy=f"name one of {', '.join(keys)}")


def _opened(options: LoadOptions | None, load: Callable[[GraphSource], None]) -> GraphSource:
    source = GraphSource(tensorflow(), options)
    try:
        load(source)
    except (ModelError, ConfigError):
        source.close()
        raise
    except Exception as error:
        source.close()
        raise ModelError(
            f"TensorFlow cannot load it: {reason(error)}", code="E_PARSE", remedy="save the model again"
        ) from error
    return source


def _config(tf: Any, options: LoadOptions | None) -> Any:
    config = tf.compat.v1.ConfigProto(device_count={"GPU": 0})
    if options is None:
        return config
    if options.threads:
        config.intra_op_parallelism_threads = options.threads
        config.inter_op_parallelism_threads = options.threads
        config.use_per_session_threads = True
    if not options.optimize:
        config.graph_options.rewrite_options.disable_meta_optimizer = True
        config.graph_options.optimizer_options.opt_level = -1
    return config
