"""The original's own results, sample by sample: what every other batch is compared with."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.backends.protocol import Session
from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.printing import counted
from pytest_onnxaccel.graph.rebatch.join import Join, concat, joined
from pytest_onnxaccel.numerics.sampling.input_sets import Inputs

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array
    from pytest_onnxaccel.checks.batch.proof import Proof

Joins = Mapping[str, Mapping[str, Any]]

NO_JOINS: Joins = {}


class SingleRuns:
    """Runs of the original at its own batch, each done once, and how they combine into a larger batch.

    Args:
        first: what sample 0 gives, where that is known already.
        joins: how each output's runs become one result; asked for when it is first needed. An output that it
            does not name, or all of them without it, is taken to have the batch on axis 0, if its size fits.

    Attributes:
        seconds: the fastest run so far; 0 before any.
        proofs: what was proven of this model in this backend, so that no check proves it again.
        stable: two equal runs are known to agree.
    """

    def __init__(
        self,
        session: Session,
        inputs: Inputs,
        first: Mapping[str, Array] | None = None,
        joins: Callable[[], Joins] | None = None,
    ) -> None:
        self._session = session
        self._inputs = inputs
        self._blocks: dict[int, Mapping[str, Array]] = {} if first is None else {0: first}
        self._ask_joins = joins
        self._given: Joins | None = None
        self._joins: dict[str, Join] = {}
        self.seconds = 0.0
        self.proofs: dict[object, Proof] = {}
        self.stable = False

    @property
    def own(self) -> int:
        """Samples that one run takes."""
        return self._inputs.batch or 1

    @property
    def joins(self) -> Mapping[str, Join]:
        """How the runs of each output combine; outputs of which that is not known are missing."""
        given = self._ask_joins() if self._ask_joins is not None else NO_JOINS
        # Asked each time: a second look at the graph may know better than the first
        if given is not self._given:
            self._given = given
            self._joins = {n: self._seen(given[n], array) for n, array in self.block(0).items() if n in given}
            for name, array in self.block(0).items():
                if name not in given and array.ndim and array.shape[0] == self.own:
                    self._joins[name] = concat()
        return self._joins

    def _seen(self, how: Mapping[str, Any], array: Array) -> Join:
        """Return a guessed axis, corrected where the sizes of the results contradict it."""
        found = dict(how)
        if found.pop("guessed", False) and array.ndim and array.shape[0] != self.own:
            axes = {axis for axis in self._inputs.axes.values() if axis and axis < array.ndim}
            fitting = [axis for axis in axes if array.shape[axis] == self.own]
            found["axis"] = fitting[0] if len(fitting) == 1 else found["axis"]
        return found

    def without_batch(self) -> list[str]:
        """Return the outputs whose batch axis is unknown."""
        return [name for name in self.block(0) if name not in self.joins]

    def varying(self, count: int) -> str:
        """Return the outputs whose shape depends on the values of samples 0 to *count* - 1."""
        blocks = self._first(count)
        shapes = {name: {block[name].shape for block in blocks} for name in blocks[0]}
        return counted([f"output {name!r}" for name, found in shapes.items() if len(found) > 1])

    def outputs(self, count: int) -> dict[str, Array]:
        """Return what samples 0 to *count* - 1 must give when they are fed at once.

        Outputs that are one number for a whole batch are left out.

        Raises:
            ModelError: ``V_BATCH``: the runs do not combine, because an output has another shape for each sample,
                no known batch axis, or a result per run that *count* samples do not fill.
        """
        varying = self.varying(count)
        if varying:
            raise ModelError(f"{varying} has another shape for each sample", code="V_BATCH")
        blocks = self._first(count)
        names = [name for name in blocks[0] if name not in self._inputs.whole]
        return {name: self._joined([block[name] for block in blocks], name, count) for name in names}

    def _joined(self, parts: list[Array], name: str, count: int) -> Array:
        how = self.joins.get(name)
        if how is None:
            raise ModelError(f"axis 0 of output {name!r} is not the batch", code="V_BATCH")
        found = joined(parts, how)
        if found is None and how["join"] == "same":
            raise ModelError(f"output {name!r} depends on no input, and still two runs differ", code="V_UNSTABLE")
        if found is None:
            raise ModelError(f"the runs of output {name!r} cannot be put together", code="V_BATCH")
        fed = len(parts) * self.own
        if fed == count or how["join"] == "same":
            return found
        if how["join"] == "stack":
            raise ModelError(
                f"output {name!r} has one result for each {self.own} samples, which batch {count} does not fill",
                code="V_BATCH",
            )
        axis = int(how["axis"])
        return np.take(found, range(found.shape[axis] * count // fed), axis=axis)

    def _first(self, count: int) -> list[Mapping[str, Array]]:
        return [self.block(index) for index in range(-(-count // self.own))]

    def missing(self, count: int) -> int:
        """Return runs that :meth:`outputs` of *count* samples would still need."""
        return sum(index not in self._blocks for index in range(-(-count // self.own)))

    def block(self, index: int) -> Mapping[str, Array]:
        """Return what sample *index* gives at the model's own batch."""
        if index not in self._blocks:
            self._blocks[index] = self._run(index)
        return self._blocks[index]

    def at(self, inputs: Inputs) -> SingleRuns:
        """Return the same runs for other inputs, at other lengths."""
        return SingleRuns(self._session, inputs, None, self._ask_joins)

    def again(self) -> Mapping[str, Array]:
        """Run sample 0 once more and return what it gives."""
        return self._run(0)

    def _run(self, index: int) -> Mapping[str, Array]:
        feeds = self._inputs.feeds(index)
        start = time.perf_counter()
        found = self._session.run(feeds)
        taken = time.perf_counter() - start
        self.seconds = min(self.seconds or taken, taken)
        return found
