"""The models of one run: opened one at a time, with the files that they are compared with and their frozen batches."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from pytest_onnxaccel.core.errors import BackendUnavailable, OnnxAccelError
from pytest_onnxaccel.core.printing import identifier
from pytest_onnxaccel.core.specs import GoldenSpec, ModelSpec
from pytest_onnxaccel.numerics.sampling.input_sets import Inputs
from pytest_onnxaccel.runner.sessions.batch_files import AUTO
from pytest_onnxaccel.runner.sessions.frozen_batch import Frozen, freeze
from pytest_onnxaccel.runner.sessions.model.ready import Ready
from pytest_onnxaccel.runner.sessions.model_session import ModelSession
from pytest_onnxaccel.runner.sessions.workers.engines import Engines
from pytest_onnxaccel.runner.sessions.workers.prefetch import Prefetch


class ModelSessions:
    """Opens models. Sessions of one model, and of what it is compared with, are open at a time.

    Args:
        specs: the models, by which they are named.
        backends: backends of the run by model, in the order in which they find inputs.
        prefetch: what was begun in advance for the first model.
    """

    def __init__(
        self,
        specs: Sequence[ModelSpec],
        backends: Mapping[str, tuple[str, ...]],
        engines: Engines,
        seed: int,
        prefetch: Prefetch | None = None,
    ) -> None:
        self._specs = {spec.name: spec for spec in specs}
        self._numbers = {spec.name: i for i, spec in enumerate(specs)}
        self._backends = backends
        self._engines = engines
        self._seed = seed
        self._prefetch = prefetch
        self._open: ModelSession | None = None
        self._others: dict[str, ModelSession] = {}
        self._kept: frozenset[str] = frozenset()
        #: Open beside the one in use, each with what it is compared with
        self._parked: dict[str, tuple[ModelSession, dict[str, ModelSession]]] = {}
        self._frozen: dict[tuple[str, int, str], Frozen] = {}

    def keep(self, models: Collection[str]) -> None:
        """Leave *models*, by name, open side by side; what was left open for others is closed."""
        self._kept = frozenset(models)
        for name in [name for name in self._parked if name not in self._kept]:
            self._close(*self._parked.pop(name))

    def of(self, model: str) -> ModelSession:
        """Return the model named *model*; what was open for another one is closed, unless that is kept."""
        if self._open is None or self._open.spec.name != model:
            if self._open is not None and self._open.spec.name in self._kept:
                self._parked[self._open.spec.name] = (self._open, self._others)
                self._open, self._others = None, {}
            self._leave()
            if model in self._parked:
                self._open, self._others = self._parked.pop(model)
            else:
                self._open = self._make(self._specs[model], self._numbers[model])
        return self._open

    def opened(self, model: str) -> ModelSession | None:
        """Return the model named *model* where it is open now."""
        return self._open if self._open is not None and self._open.spec.name == model else None

    def add(self, spec: ModelSpec) -> None:
        """One more model."""
        self._specs[spec.name] = spec
        self._numbers[spec.name] = len(self._numbers)

    def spec(self, model: str) -> ModelSpec | None:
        """Return what the user declared of the model named *model*."""
        return self._specs.get(model)

    def done(self, model: str) -> None:
        """Close *model*, which is not needed for now, and remove its private copies."""
        if self._open is not None and self._open.spec.name == model:
            self._leave()

    def awaits(self, model: str) -> bool:
        """Return whether nothing was begun in advance, and *model* is not open."""
        opened = {*self._parked, *([self._open.spec.name] if self._open is not None else ())}
        return self._prefetch is None and model not in opened

    def expect(self, prefetch: Prefetch | None) -> None:
        """Take what was begun in advance for the model that is next."""
        self._prefetch = prefetch

    def _make(self, spec: ModelSpec, number: int) -> ModelSession:
        prefetch, self._prefetch = self._prefetch, None
        if prefetch is not None and prefetch.model != spec.name:
            prefetch.drop()
            prefetch = None
        return ModelSession(spec, self._engines, number, self._backends.get(spec.name, ()), self._seed, prefetch)

    def other(self, path: str) -> ModelSession:
        """Return the model at *path*, which the open one is compared with; it closes with that."""
        if path not in self._others:
            name = identifier(path.rpartition("/")[2])
            assert self._open is not None
            spec = ModelSpec(
                name, path, path, origin="reference", golden=GoldenSpec("", ""), libraries=self._open.spec.libraries
            )
            backends = self._backends.get(self._open.spec.name, ())
            self._others[path] = ModelSession(
                spec, self._engines, 900 + len(self._others), backends, self._seed, beside=True
            )
        return self._others[path]

    def inputs(self, model: str) -> Inputs:
        """Find inputs of *model* on the first backend in which it runs.

        Raises:
            OnnxAccelError: it runs in none.
        """
        return self._first_ready(self.of(model))[1].resolved.inputs

    def frozen(self, model: str, size: int, method: str = AUTO) -> Frozen:
        """Return the model as a file frozen to batch *size*, proven on the first backend in which it runs.

        Args:
            model: its name.
            size: samples that the file takes.
            method: instead of the cheapest one that can be proven.

        Raises:
            ModelError: ``V_BATCH``: no way to that batch could be proven; the nodes that hold it are named.
        """
        model_session = self.of(model)
        key = (model, size, method)
        if key not in self._frozen:
            name, ready = self._first_ready(model_session)
            self._frozen[key] = freeze(model_session, name, ready, size, method)
        return self._frozen[key]

    def _first_ready(self, model_session: ModelSession) -> tuple[str, Ready]:
        error: OnnxAccelError | None = None
        for name in self._backends.get(model_session.spec.name, ()):
            try:
                return name, model_session.ready(name)
            except OnnxAccelError as caught:
                error = error or caught
        raise error or BackendUnavailable("no backend was chosen")

    def _leave(self) -> None:
        if self._open is not None:
            self._close(self._open, self._others)
        self._open, self._others = None, {}

    def _close(self, model_session: ModelSession, others: Mapping[str, ModelSession]) -> None:
        for one in (*others.values(), model_session):
            one.close()
        name = model_session.spec.name
        self._frozen = {key: made for key, made in self._frozen.items() if key[0] != name}

    def close(self) -> None:
        """Close what is open, and what was begun in advance for a model that nobody asked for."""
        if self._prefetch is not None:
            self._prefetch.drop()
            self._prefetch = None
        self.keep(())
        self._leave()
