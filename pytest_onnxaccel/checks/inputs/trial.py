"""One session in which inputs are tried, and how often that was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pytest_onnxaccel.backends.protocol import Session
from pytest_onnxaccel.core.dims import evaluate, is_expression
from pytest_onnxaccel.core.domains import InputFacts
from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.specs import ModelInfo
from pytest_onnxaccel.numerics.sampling.free_sizes import FreeSizes
from pytest_onnxaccel.numerics.sampling.input_sets import Inputs

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array

_ON_GOLDEN = "on golden sample"


class Trial:
    """Runs inputs and keeps count.

    Attributes:
        free: what needs a size; another one where other sizes follow from each other.
        facts: what the graph says of the inputs.
        tries: runs so far.
        whole: the sizes that were found give the batch that was fed, so that others must as well.
    """

    def __init__(self, session: Session, info: ModelInfo, free: FreeSizes, facts: InputFacts) -> None:
        self._session = session
        self._info = info
        self.free = free
        self.facts = facts
        self.tries = 0
        self.whole = False

    @property
    def dim_hints(self) -> Sequence[int]:
        """Sizes that the model's file mentions."""
        return self._info.dim_hints

    def run(self, inputs: Inputs, index: int) -> dict[str, Array]:
        """Return what sample *index* gives.

        Raises:
            ModelError: it does not run.
        """
        self.tries += 1
        try:
            return dict(self._session.run(inputs.feeds(index, turn=index)))
        except ModelError as error:
            if index < len(inputs.golden) and not error.cause.startswith(_ON_GOLDEN):
                error.cause = f"{_ON_GOLDEN} {index} the model does not run: {error.cause}"
            raise

    def scattered(self, inputs: Inputs, outputs: Mapping[str, Array]) -> str:
        """Return which output has another batch than the one that was fed, or an empty string.

        A Reshape to ``[-1, 256]`` makes one sample of another size into several, or several into one.
        """
        for spec in self._info.outputs if inputs.symbol is not None and inputs.batch is not None else ():
            shape = getattr(outputs.get(spec.name), "shape", ())
            if spec.shape is None or len(spec.shape) != len(shape) or spec.name in self.facts.value_shaped:
                continue
            for dim, size in zip(spec.shape, shape, strict=True):
                if dim == inputs.symbol and size != inputs.batch:
                    return f"output {spec.name!r} then has {size} for {dim!r}, which is {inputs.batch} in the inputs"
        return ""

    def corrected(self, inputs: Inputs, outputs: Mapping[str, Array]) -> dict[str, int] | None:
        """Return other sizes, where an output has another size than the name in its declaration.

        None where all agree.
        """
        symbols = inputs.symbols()
        for spec in self._info.outputs:
            array = outputs.get(spec.name)
            shape = getattr(array, "shape", ())
            if spec.shape is None or len(spec.shape) != len(shape):
                continue
            for dim, size in zip(spec.shape, shape, strict=True):
                if not isinstance(dim, str) or evaluate(dim, symbols) in (None, size):
                    continue
                if dim in self.free.open and not is_expression(dim) and size > 0:
                    return self.free.complete({**inputs.sizes, dim: size})
        return None
