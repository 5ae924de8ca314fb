"""What a check is given when it runs: one request, the model, and what the checks share."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.backends.checked_session import CheckedSession
from pytest_onnxaccel.checks.reach.sensitivity import Reach
from pytest_onnxaccel.checks.reach.telling import Telling
from pytest_onnxaccel.core.errors import BackendUnavailable, OnnxAccelError
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.results import CheckResult, Json, Verdict
from pytest_onnxaccel.core.specs import ModelInfo, ModelSpec, Tolerance
from pytest_onnxaccel.runner.faults.fault_verdict import ElsewhereFault
from pytest_onnxaccel.runner.reach import Reaching
from pytest_onnxaccel.runner.request import Request, RunOptions
from pytest_onnxaccel.runner.sessions.model.ready import Ready
from pytest_onnxaccel.runner.sessions.model_session import ModelSession
from pytest_onnxaccel.runner.sessions.model_sessions import ModelSessions
from pytest_onnxaccel.runner.sessions.workers.engines import Engines

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array


@record(frozen=True)
class RunState:
    """What all checks of a run share.

    Attributes:
        backends: of each model, in the order in which they resolve inputs.
        advice: what was advised in this run, by what it was asked of.
    """

    options: RunOptions
    engines: Engines
    model_sessions: ModelSessions
    backends: Mapping[str, tuple[str, ...]]
    reaching: Reaching
    advice: dict[tuple[object, ...], dict[str, Any]]


class CheckRun:
    """One request of one check while it runs.

    Checks of other distributions see the part that :class:`~pytest_onnxaccel.checks.protocol.CheckContext` names.

    Attributes:
        request: what is asked.
        state: what all checks of the run share.
        model_session: the model, open.
    """

    def __init__(self, request: Request, state: RunState) -> None:
        self.request = request
        self.state = state
        self.started = time.perf_counter()
        self.model_session: ModelSession = state.model_sessions.of(request.model)

    # -- the model --------------------------------------------------------------------------------------------

    @property
    def model(self) -> str:
        """Name of the model."""
        return self.request.model

    @property
    def backend(self) -> str:
        """Name of the backend that is judged; empty in a check of the scope ``model``."""
        return self.request.backend

    @property
    def batch(self) -> int | None:
        """Batch size that is asked for; None for the model's own."""
        return self.request.batch

    @property
    def spec(self) -> ModelSpec:
        """What the user declared of the model."""
        return self.model_session.spec

    @property
    def options(self) -> RunOptions:
        """What holds for the whole run."""
        return self.state.options

    @property
    def info(self) -> ModelInfo:
        """What the model declares; a file that cannot be read is the structure check's to report.

        Raises:
            OnnxAccelError: it cannot be read.
        """
        try:
            return self.model_session.info
        except OnnxAccelError as error:
            if ("structure", "") in self.request.reported:
                raise ElsewhereFault(error, "structure") from None
            raise

    @property
    def path(self) -> str:
        """The model's private copy: workers may read it. This process parses no model.

        Raises:
            OnnxAccelError: as :attr:`info`.
        """
        _ = self.info
        return self.model_session.path

    @property
    def settings(self) -> Mapping[str, Any]:
        """What the manifest says of this check for the model."""
        return self.spec.settings.get(self.request.check, {})

    @property
    def tolerance(self) -> Tolerance:
        """The request's, or else the model's own."""
        return self.request.tolerance or self.spec.tolerance

    @property
    def output_tolerances(self) -> Mapping[str, Tolerance]:
        """Tolerances by output; none where the request has one for all."""
        return {} if self.request.tolerance else self.spec.output_tolerances

    # -- what runs it -----------------------------------------------------------------------------------------

    def in_worker(self, function: Callable[..., Any], **arguments: Json) -> Any:
        """Call ``function(path, **arguments)`` in a confined worker, with the path of the model's copy.

        Args:
            function: of a module that can be imported; it may parse the model.
            arguments: what JSON can hold, as is what the function returns.

        Raises:
            OnnxAccelError: it fails, or takes too long or too much memory.
        """
        name = f"{function.__module__}:{function.__qualname__}"
        return self.model_session.graph(name, path=self.path, **arguments)

    def session(self, backend: str = "") -> CheckedSession:
        """Return the model running in *backend*, by default the judged one: ``run(feeds)`` gives outputs by name.

        Raises:
            OnnxAccelError: it does not run there.
        """
        return self.ready(backend).session

    def feeds(self, index: int = 0) -> dict[str, Array]:
        """Sample number *index*: legal arrays by input name, as all other checks feed them."""
        return self.ready().resolved.inputs.feeds(index)

    def ready(self, backend: str = "") -> Ready:
        """Return the model running in *backend*; a model that does not run is the contract check's to report.

        Raises:
            OnnxAccelError: it does not run there.
        """
        name, _ = backend or self.backend, self.info
        try:
            return self.model_session.ready(name)
        except OnnxAccelError as error:
            # A backend that is merely not here is said by each check, unless it must be: then it is one failure
            absent = isinstance(error, BackendUnavailable) and name not in self.options.required
            if ("contract", name) in self.request.reported and not absent:
                raise ElsewhereFault(error, f"contract[{name}]") from None
            raise

    @cached_property
    def file(self) -> str | None:
        """File of the model at the requested batch; None when it runs there as it is."""
        batch, inputs = self.request.batch, self.ready().resolved.inputs
        if batch is None or inputs.dynamic or inputs.batch == batch:
            return None
        try:
            return self.state.model_sessions.frozen(self.model, batch).path
        except OnnxAccelError as error:
            if ("batch", self.backend) in self.request.reported:
                raise ElsewhereFault(error, f"batch[{self.backend}]") from None
            raise

    @property
    def backends(self) -> tuple[str, ...]:
        """Backends of the model in this run."""
        return tuple(self.state.backends.get(self.model, ()))

    @property
    def other(self) -> ModelSession | None:
        """The other ``.onnx`` file that the model is compared with; None where it is compared with something else."""
        reference = self.request.reference
        if self.request.source is not None or not reference.endswith(".onnx"):
            return None
        return self.state.model_sessions.other(reference)

    def telling(self, own: bool = False) -> Telling:
        """Return how telling the inputs are, measured in the ONNX file of the reference, or else in its own.

        Args:
            own: in its own in any case: the other file takes inputs of other types.
        """
        inputs = self.ready().resolved.inputs

        def ask() -> Reach:
            where = (self.other if self.request.check == "parity" and not own else None) or self.model_session
            spent = time.perf_counter() - self.started
            return self.state.reaching.of(where, inputs, (self.backend, *self.backends), spent)

        return Telling(self.model, inputs, ask, self.spec.reach, bool(self.request.seeds))

    # -- results ----------------------------------------------------------------------------------------------

    def result(self, verdict: Verdict, code: str, message: str, **more: Any) -> CheckResult:
        """Return a result of this request; *more* are fields of :class:`~pytest_onnxaccel.core.results.CheckResult`."""
        request = self.request
        shown = os.path.basename(request.reference)
        return CheckResult(
            request.model, request.check, verdict, code, message, request.backend, shown, request.batch, **more
        )

    def passed(self, message: str, **more: Any) -> CheckResult:
        """Return the model holds: *message* says what was found."""
        return self.result(Verdict.PASSED, "OK", message, **more)

    def failed(self, code: str, message: str, **more: Any) -> CheckResult:
        """Return a failure: *message* says what was asked, what is, what to do; *code* begins with ``V_``."""
        return self.result(Verdict.FAILED, code, message, **more)

    def inconclusive(self, code: str, message: str, **more: Any) -> CheckResult:
        """Return that the measurement cannot decide."""
        return self.result(Verdict.INCONCLUSIVE, code, message, **more)

    def not_applicable(self, code: str, message: str, **more: Any) -> CheckResult:
        """Return that the check does not apply to this model, for the reason in *message*."""
        return self.result(Verdict.NOT_APPLICABLE, code, message, **more)
