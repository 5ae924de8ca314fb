"""A TensorFlow Lite file as a source: looked through, then run by TensorFlow's interpreter for them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.backends.tensorflow import tensor_names as names
from pytest_onnxaccel.backends.tensorflow.imports import reason, tensorflow
from pytest_onnxaccel.backends.tensorflow.lite.files import LiteModel, LiteTensor, read_lite
from pytest_onnxaccel.core.errors import ConfigError, ModelError, printable
from pytest_onnxaccel.core.specs import TensorSpec

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import LoadOptions

_DEFAULT = "serving_default"


class LiteSource:
    """A file in ``tf.lite.Interpreter``, without delegates; see :class:`~.tensorflow_graph.GraphSource`.

    Inputs and outputs have the keys of the signature where there is one, else the names of the tensors.
    """

    way = "TensorFlow Lite interpreter"

    def __init__(self, interpreter: Any, remembers: bool, found: Sequence[Mapping[str, LiteTensor]]) -> None:
        self._interpreter = interpreter
        self._remembers = remembers
        self._inputs, self._outputs = found
        self._ready = False
        self.notes: list[str] = []

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        return tuple(replace(tensor.spec, name=name) for name, tensor in self._inputs.items())

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        return tuple(replace(tensor.spec, name=name) for name, tensor in self._outputs.items())

    @property
    def tensors(self) -> dict[str, str]:
        return {name: tensor.name for name, tensor in (*self._inputs.items(), *self._outputs.items())}

    def callable(self) -> Callable[..., list[Any]]:
        """Run one array per input in their order and return one per output; free sizes become those that are fed."""
        interpreter = self._interpreter
        fed = [tensor.index for tensor in self._inputs.values()]
        given = [tensor.index for tensor in self._outputs.values()]
        shapes = {item["index"]: tuple(item["shape"].tolist()) for item in interpreter.get_input_details()}

        def call(*arrays: Any) -> list[Any]:
            for index, array in zip(fed, arrays, strict=True):
                if shapes[index] != array.shape:
                    interpreter.resize_tensor_input(index, array.shape)
                    shapes[index], self._ready = array.shape, False
            if not self._ready:
                interpreter.allocate_tensors()
                self._ready = True
            elif self._remembers:
                interpreter.reset_all_variables()
            for index, array in zip(fed, arrays, strict=True):
                interpreter.set_tensor(index, array)
            interpreter.invoke()
            return [interpreter.get_tensor(index) for index in given]

        return call

    def frozen(self) -> Any:
        """Return None: it is not a graph of TensorFlow; tf2onnx reads the file itself."""
        return None

    def close(self) -> None:
        """Free the interpreter's memory."""
        self._interpreter = None


def open_lite(
    path: str,
    signature: str = "",
    inputs: Sequence[str] = (),
    outputs: Sequence[str] = (),
    options: LoadOptions | None = None,
) -> LiteSource:
    """Open the TensorFlow Lite file at *path*.

    Raises:
        ModelError: ``E_UNSAFE``, before TensorFlow is imported, for operators that are not TensorFlow Lite's own;
            ``E_PARSE``, ``E_SCHEMA``; ``V_CONTRACT``: names that it lacks, or that the model does.
        ConfigError: there is no such signature.
    """
    declared = read_lite(path)
    found = _sides(declared, signature)
    if inputs or outputs:
        chosen = [
            names.choose(wanted, side, what) if wanted else side
            for wanted, side, what in zip((inputs, outputs), found, ("input", "output"), strict=True)
        ]
        for here, taken, verb in zip(found, chosen, ("takes the input", "gives the output"), strict=True):
            left = {tensor.index: name for name, tensor in here.items()}
            for tensor in taken.values():
                left.pop(tensor.index, None)
            if left:
                raise ModelError(f"the source {verb} {min(left.values())!r}, which the model lacks", code="V_CONTRACT")
        found = chosen
    tf = tensorflow()
    resolvers = tf.lite.experimental.OpResolverType
    plain = options is not None and not options.optimize
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            interpreter = tf.lite.Interpreter(
                model_path=path,
                num_threads=(options.threads if options is not None else 0) or None,
                experimental_op_resolver_type=(
                    resolvers.BUILTIN_REF if plain else resolvers.BUILTIN_WITHOUT_DEFAULT_DELEGATES
                ),
            )
    except Exception as error:
        raise ModelError(
            f"TensorFlow Lite cannot load it: {reason(error)}", code="E_PARSE", remedy="convert the model again"
        ) from error
    return LiteSource(interpreter, declared.remembers, found)


def _sides(model: LiteModel, signature: str) -> list[Mapping[str, LiteTensor]]:
    """Return the inputs and outputs by name."""
    known = model.signatures
    name = signature or (_DEFAULT if _DEFAULT in known else next(iter(known)) if len(known) == 1 else "")
    if signature and signature not in known:
        if signature in model.others:
            cause = f"signature {signature!r} is not part of the main graph, which alone is run"
            raise ConfigError(cause, remedy="convert it into a file of its own")
        listed = ", ".join(printable(item, 60) for item in sorted({*known, *model.others})) or "none"
        raise ConfigError(f"it has no signature {signature!r}, only {listed}", remedy="name one of these")
    if name:
        return [known[name].inputs, known[name].outputs]
    found: list[Mapping[str, LiteTensor]] = []
    for side, what in ((model.inputs, "inputs"), (model.outputs, "outputs")):
        by_name = {tensor.name: tensor for tensor in side}
        if len(by_name) < len(side):
            raise ModelError(f"several {what} have one name", code="E_SCHEMA", remedy="convert it with a signature")
        found.append(by_name)
    return found
