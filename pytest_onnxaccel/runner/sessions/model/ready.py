"""The backends in which a model runs, with the inputs that it runs on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.backends.checked_session import CheckedSession
from pytest_onnxaccel.checks.batch.single_runs import SingleRuns
from pytest_onnxaccel.checks.find_inputs import find_inputs
from pytest_onnxaccel.checks.inputs.resolved import ResolvedInputs
from pytest_onnxaccel.core.errors import OnnxAccelError
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.placement import figures, told

if TYPE_CHECKING:
    from pytest_onnxaccel.runner.sessions.model_session import ModelSession


@record(frozen=True)
class Ready:
    """A backend in which the model runs: an open session, and inputs with their outputs there."""

    session: CheckedSession
    resolved: ResolvedInputs
    single_runs: SingleRuns


class ReadyBackends:
    """Finds inputs on which the model runs. Faults are remembered: what killed a worker once is not tried again.

    Args:
        model_session: the model, from which sessions are opened.
        primary: backends in the order in which they are asked to find the inputs, so that all are fed the same.
        seed: of the inputs.
        root: folder below which files of inputs are named.
    """

    def __init__(self, model_session: ModelSession, primary: tuple[str, ...], seed: int, root: str) -> None:
        self._model_session = model_session
        self._primary = primary
        self._seed = seed
        self._root = root
        self._ready: dict[str, Ready] = {}
        self._faults: dict[str, OnnxAccelError] = {}
        #: Where the nodes run and with which options, by backend
        self.runs_on: dict[str, Mapping[str, Any]] = {}

    def ready(self, name: str) -> Ready:
        """Return the model running in backend *name*.

        Raises:
            OnnxAccelError: it does not; the same error each time.
        """
        model = self._model_session
        model.taken()
        if name in self._faults:
            raise self._faults[name]
        if name in self._ready and self._ready[name].session.alive:
            return self._ready[name]
        try:
            session = model.session(name)
            self.runs_on[name] = figures(told(session.info.facts, model.info.nodes), session.info.facts)
            model.placed(name, session)
            resolved = self._find_inputs(name, session)
            if model.golden.unfinite:
                resolved = replace(resolved, unfinite=model.golden.unfinite)
            single_runs = SingleRuns(session, resolved.inputs, resolved.outputs, lambda: model.candidates.joins())
            self._ready[name] = Ready(session, resolved, single_runs)
        except OnnxAccelError as error:
            error.backend = error.backend or name
            self._faults[name] = error.about(model.spec.shown)
            raise
        return self._ready[name]

    def _find_inputs(self, name: str, session: CheckedSession) -> ResolvedInputs:
        """Find inputs in the first primary backend in which the model runs."""
        for first in self._primary:
            if first == name:
                break
            try:
                inputs = self.ready(first).resolved.inputs
            except OnnxAccelError:
                continue
            return replace(self.ready(first).resolved, outputs=session.run(inputs.feeds(0)), tries=1)
        model = self._model_session
        return find_inputs(session, model.info, model.spec, self._seed, self._root, model.facts, model.golden.fed)

    def clear(self) -> None:
        """Forget the sessions, which are closed."""
        self._ready.clear()
