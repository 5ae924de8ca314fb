"""A Keras file as a source: looked through, then run by Keras itself."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import cached_property
from typing import Any

from pytest_onnxaccel.backends.tensorflow import tensor_names as names
from pytest_onnxaccel.backends.tensorflow.imports import reason, tensorflow
from pytest_onnxaccel.backends.tensorflow.keras.scan import refuse_keras
from pytest_onnxaccel.core.errors import BackendUnavailable, ModelError
from pytest_onnxaccel.core.specs import TensorSpec


class KerasSource:
    """A Keras model, called with ``training=False``; see :class:`~.tensorflow_graph.GraphSource`.

    Inputs have the names of the input layers. Outputs have the keys of the model's dictionary, else the names of the
    layers that give them.
    """

    way = "Keras model"

    def __init__(self, tf: Any, model: Any, inputs: Sequence[str], outputs: Sequence[str]) -> None:
        self._tf = tf
        # A Sequential declares its structure only within
        self._model = model = getattr(model, "_functional", None) or model
        self.notes: list[str] = []
        found = {tensor.name: tensor for tensor in model.inputs}
        given = _output_names(model)
        self._all = list(found)
        places = {name: at for at, name in enumerate(given)}
        chosen_inputs = names.choose(inputs, {name: _Named(name) for name in found}, "input") if inputs else found
        chosen = names.choose(outputs, {name: _Named(name) for name in given}, "output") if outputs else places
        self._inputs = {name: getattr(item, "name", name) for name, item in chosen_inputs.items()}
        self._outputs = {name: places[getattr(item, "name", name)] for name, item in chosen.items()}
        for verb, there, taken in (
            ("takes the input", set(found), set(self._inputs.values())),
            ("gives the output", set(given), {given[at] for at in self._outputs.values()}),
        ):
            if there - taken:
                raise ModelError(f"the source {verb} {min(there - taken)!r}, which the model lacks", code="V_CONTRACT")
        self._specs = {
            name: tf.TensorSpec(tensor.shape, tensor.dtype, name=names.plain(name)) for name, tensor in found.items()
        }
        self._concrete = tf.function(self._call, autograph=False).get_concrete_function(*self._specs.values())

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        return tuple(names.spec_of(name, self._specs[own]) for name, own in self._inputs.items())

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        return tuple(names.spec_of(name, self._concrete.outputs[at]) for name, at in self._outputs.items())

    @property
    def tensors(self) -> dict[str, str]:
        """Names in what :meth:`frozen` gives."""
        frozen = self._frozen
        fed = dict(zip(self._all, (tensor.name for tensor in frozen.inputs), strict=True))
        found = {name: fed[own] for name, own in self._inputs.items()}
        return found | {name: frozen.outputs[at].name for name, at in self._outputs.items()}

    def callable(self) -> Callable[..., list[Any]]:
        """Run one array per input in their order and return one per output."""
        order = [list(self._inputs.values()).index(name) for name in self._all]
        places = list(self._outputs.values())

        def call(*arrays: Any) -> list[Any]:
            found = self._concrete(*(self._tf.constant(arrays[at]) for at in order))
            return [found[at].numpy() for at in places]

        return call

    def frozen(self) -> Any:
        """Freeze the model to a ``GraphDef`` with the weights as constants."""
        return self._frozen.graph.as_graph_def(add_shapes=True)

    def close(self) -> None:
        """Do nothing: nothing is held beyond the model itself."""

    @cached_property
    def _frozen(self) -> Any:
        from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

        try:
            return convert_variables_to_constants_v2(self._concrete, lower_control_flow=False, aggressive_inlining=True)
        except Exception as error:
            raise ModelError(f"TensorFlow cannot freeze it: {reason(error)}", code="E_SCHEMA") from error

    def _call(self, *tensors: Any) -> list[Any]:
        nest = self._tf.nest
        packed = nest.pack_sequence_as(self._model.input, list(tensors))
        return list(nest.flatten(self._model(packed, training=False)))


class _Named:
    """What :func:`~.tensorflow_names.choose` chooses from."""

    def __init__(self, name: str) -> None:
        self.name = name


def _output_names(model: Any) -> list[str]:
    structure = getattr(model, "output", None)
    if isinstance(structure, dict):
        # In the order in which TensorFlow flattens it
        return sorted(structure)
    found: list[str] = []
    for tensor in model.outputs:
        name = tensor._keras_history.operation.name
        count = found.count(name)
        found.append(f"{name}_{count}" if count else name)
    return found


def open_keras(
    path: str, inputs: Sequence[str] = (), outputs: Sequence[str] = (), trusted: Collection[str] = ()
) -> KerasSource:
    """Open the Keras file at *path*, ``.keras`` or HDF5; *trusted* as for :func:`.scan.refuse_keras`.

    Raises:
        ModelError: ``E_UNSAFE``, before TensorFlow is imported, for code in the file; ``E_PARSE``; ``V_CONTRACT``.
        BackendUnavailable: TensorFlow here has no Keras 3.
    """
    refuse_keras(path, trusted)
    tf = tensorflow()
    try:
        import keras
    except ImportError as error:
        raise BackendUnavailable(f"Keras cannot be imported: {reason(error)}", remedy="pip install keras") from error
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:
        raise ModelError(
            f"Keras cannot load it: {reason(error)}", code="E_PARSE", remedy="save it again with this Keras"
        ) from error
    if not getattr(model, "inputs", None) or not getattr(model, "outputs", None):
        raise ModelError(
            "its inputs are not declared", code="E_SCHEMA", remedy="build the model before it is saved, or export it"
        )
    return KerasSource(tf, model, inputs, outputs)
