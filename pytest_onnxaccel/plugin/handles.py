"""What the fixtures give to a test: thin handles over the runner, holding names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NoReturn

import pytest

from pytest_onnxaccel.errors import BackendUnavailable
from pytest_onnxaccel.plugin.activate import activate
from pytest_onnxaccel.plugin.faults import one_line
from pytest_onnxaccel.plugin.fixtures import NO_MODEL
from pytest_onnxaccel.plugin.state import State
from pytest_onnxaccel.printing import breakable, printable
from pytest_onnxaccel.spec import ModelInfo, TensorSpec

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array
    from pytest_onnxaccel.runner.frozen import Frozen


class OnnxModel:
    """A model under test.

    Attributes:
        name: in reports and test ids.
        path: of the file as the user gave it; what runs is a private copy.
    """

    def __init__(self, state: State, name: str) -> None:
        self._state = state
        self.name = name
        self.path = state.spec(name).path

    def __repr__(self) -> str:
        return f"<OnnxModel {self.name}>"

    @property
    def info(self) -> ModelInfo:
        """Everything that inspection found."""
        return self._state.runner.subjects.of(self.name).info

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """The inputs to feed."""
        return self.info.inputs

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """The outputs in the declared order."""
        return self.info.outputs

    @property
    def opset(self) -> int:
        """Version of the default operator domain."""
        return self.info.opset

    @property
    def producer(self) -> str:
        """Name of the tool that wrote the file."""
        return self.info.producer

    def sample(self, seed: int = 0, batch: int | None = None) -> dict[str, Array]:
        """Legal inputs by name, the same for the same seed; at *batch*, or at the model's own batch."""
        inputs = self._state.runner.subjects.inputs(self.name)
        return _own(inputs.seeded(seed, batch))


class FrozenBatch:
    """A model frozen to one batch size, proven to give what the original gives.

    Attributes:
        name: of the model it was made from.
        path: of the file ``{stem}-batch-{n}.onnx``.
        method: how it was obtained, the cheapest one that could be proven; ``as is`` when the model has this batch.
        edited: what was changed in the model, a line each.
        proof: figures of the proof: ``samples`` distinct ones at once against the model's own runs of them, with
            ``max_abs`` and the others of a parity check; empty when the method is ``as is``.
    """

    def __init__(self, state: State, frozen: Frozen) -> None:
        self._state = state
        self._frozen = frozen
        #: Lets the file go; until then it stays, also when another model is checked meanwhile
        self._release = state.runner.subjects.of(frozen.model).hold()
        self.name = frozen.model
        self.path = frozen.path
        self.batch_size = frozen.batch_size
        self.method = frozen.method
        self.edited = frozen.edited
        self.proof = frozen.proof

    def __repr__(self) -> str:
        return f"<FrozenBatch {self.name} at {self.batch_size} ({self.method})>"

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """The inputs to feed, with the batch size in place."""
        return self._frozen.info.inputs

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """The outputs in the declared order, with the batch size in place."""
        return self._frozen.info.outputs

    def sample(self, seed: int = 0) -> dict[str, Array]:
        """Legal inputs by name at this batch size, the same for the same seed; the samples in it are distinct."""
        return _own(self._frozen.inputs.seeded(seed, self.batch_size))


def _own(feeds: Mapping[str, Array]) -> dict[str, Array]:
    """Copies that a test may change."""
    return {name: array.copy() for name, array in feeds.items()}


class BackendHandle:
    """A backend by its registered name."""

    def __init__(self, state: State, name: str) -> None:
        self._state = state
        self.name = name

    def __repr__(self) -> str:
        return f"<backend {self.name}>"

    def run(self, model: OnnxModel | FrozenBatch, inputs: Mapping[str, Array]) -> tuple[Array, ...]:
        """The outputs of *model* for *inputs*, in the declared order.

        Raises:
            ModelError: the inputs do not fit (another batch than a frozen model's, another dtype), or the run fails.
        """
        subject = self._state.runner.subjects.of(model.name)
        # What is the model itself runs in the session that is open for it already
        path = model.path if isinstance(model, FrozenBatch) and model.method != "as is" else None
        try:
            outputs = subject.session(self.name, path).run(inputs)
        except BackendUnavailable as error:
            unavailable(self._state, self.name, error)
        return tuple(outputs[spec.name] for spec in model.outputs)


def unavailable(state: State, name: str, error: BackendUnavailable) -> NoReturn:
    """Skip the test that needs backend *name*, or fail it where ``--onnx-require`` names it."""
    if name in state.settings.required:
        pytest.fail(printable(f"{name} is required: {error}"), pytrace=False)
    pytest.skip(breakable(str(error)))


def model(config: pytest.Config, name: str) -> OnnxModel:
    """The ``onnx_model`` of parameter *name*; a file that cannot be taken in fails the test with one line."""
    state = activate(config)
    if name == NO_MODEL:
        pytest.skip("no model was given: use --onnx-model PATH, or name one in onnxaccel.toml")
    made = OnnxModel(state, name)
    with one_line(config):
        _ = made.info
    return made


def backend(config: pytest.Config, name: str) -> BackendHandle:
    """The ``backend`` of parameter *name*."""
    state = activate(config)
    with one_line(config):
        found = state.availability(name)
    if not found.ok:
        unavailable(state, name, BackendUnavailable(found.reason, subject=name, remedy=found.remedy))
    return BackendHandle(state, name)


def frozen(config: pytest.Config, of: OnnxModel, size: int | None) -> FrozenBatch:
    """The ``frozen_batch`` of *of* at *size*; a batch that cannot be proven fails the test with one line."""
    state = activate(config)
    with one_line(config):
        inputs = state.runner.subjects.inputs(of.name)
        wanted = size or inputs.batch
        if wanted is None:
            pytest.skip(f"{of.name}: the inputs share no batch axis (axis 0)")
        made = state.runner.subjects.frozen(of.name, wanted)
    return FrozenBatch(state, made)


def let_go(frozen: FrozenBatch) -> None:
    """The fixture that gave *frozen* ends: its file may go with its model."""
    frozen._release()
