"""The legs of a round trip: one conversion after the other, and every stop compared with the one before."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from pytest_onnxaccel.backends.checked_session import CheckedSession
from pytest_onnxaccel.backends.protocol import LoadOptions, Session
from pytest_onnxaccel.checks.conversion.pair import Noisy
from pytest_onnxaccel.checks.conversion.round_trip import Stop, round_trip_runs
from pytest_onnxaccel.checks.find_inputs import find_inputs
from pytest_onnxaccel.checks.parity.rounded_inputs import nudged
from pytest_onnxaccel.convert import formats as kinds
from pytest_onnxaccel.convert.formats import kind_called
from pytest_onnxaccel.convert.protocol import ConvertOptions
from pytest_onnxaccel.core.comparisons import Comparison
from pytest_onnxaccel.core.errors import ConfigError, OnnxAccelError
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.results import CheckResult
from pytest_onnxaccel.core.specs import InputSpec, ModelInfo, ModelSpec, SourceSpec, TensorSpec, Tolerance
from pytest_onnxaccel.isolation.engine import Engine
from pytest_onnxaccel.numerics.sampling.input_sets import Inputs
from pytest_onnxaccel.runner.conversion.pair import compared_as, noise_of_file
from pytest_onnxaccel.runner.sessions.source import backend_for, open_source
from pytest_onnxaccel.runner.sessions.workers.engines import Engines
from pytest_onnxaccel.runner.sessions.workers.source_conversions import Conversion
from pytest_onnxaccel.runner.sessions.workers.trust import trust_of

if TYPE_CHECKING:
    from pytest_onnxaccel.checks.parity.outputs.comparer import Comparer

#: Where ONNX stops run.
_RUNTIME = "ort-cpu"
_QUIET = LoadOptions(spin=False)


@record(frozen=True)
class Artefact:
    """One stop of a trip.

    Attributes:
        name: of the start, or ``leg 2: onnx -> graphdef``.
        path: of the file or folder; a copy in the run's private folder, but for the start.
        kind: of :data:`~pytest_onnxaccel.convert.formats.KINDS`.
        names: what this stop calls each input and output of the trip's first ONNX file.
        error: why the leg could not be taken; the path is empty then.
    """

    name: str
    path: str
    kind: str
    names: Mapping[str, str]
    notes: tuple[str, ...] = ()
    error: OnnxAccelError | None = None


class RoundTrip:
    """Converts leg by leg. Between two legs a caller may look at :attr:`artefacts`.

    Args:
        inputs: names, dtypes and shapes to convert the start with; empty where it declares them.
        outputs: names of its outputs; empty where it declares them.
        given: how inputs are filled.
    """

    def __init__(
        self,
        engines: Engines,
        source: SourceSpec,
        inputs: Sequence[TensorSpec] = (),
        outputs: Sequence[str] = (),
        given: Sequence[InputSpec] = (),
        seed: int = 0,
    ) -> None:
        self._engines = engines
        self._source = source
        self._asked = ConvertOptions(inputs=tuple(inputs), outputs=tuple(outputs))
        self._given = tuple(given)
        self._seed = seed
        self._info: ModelInfo | None = None
        self._open: dict[str, Engine] = {}
        name = os.path.basename(source.path.rstrip("/"))
        self.artefacts: list[Artefact] = []
        try:
            kind = engines.conversions.stage(source).kind
            self.artefacts.append(Artefact(name, source.path, kind, {}))
            if kind == kinds.ONNX:
                self._learn(engines.conversions.stage(source).path)
        except OnnxAccelError as error:
            self.artefacts.append(Artefact(name, "", "", {}, error=error.about(source.shown)))

    def leg(self, gives: str) -> Artefact:
        """Convert the last stop to *gives*; after a leg that could not be taken there is nothing to convert.

        Raises:
            ConfigError: there is no such kind, or the last leg failed.
        """
        before = self.artefacts[-1]
        wanted = kind_called(gives)
        if before.error is not None:
            raise ConfigError(f"{before.name} could not be taken, so that no leg can follow it")
        name = f"leg {len(self.artefacts)}: {before.kind} -> {wanted}"
        first = len(self.artefacts) == 1
        options = self._asked if first else self._options(before)
        source = self._source if first else SourceSpec(before.path, before.name, origin=before.name)
        try:
            return self._arrived(name, self._engines.conversions.convert(source, options, wanted))
        except OnnxAccelError as error:
            self.artefacts.append(Artefact(name, "", wanted, {}, error=error))
            return self.artefacts[-1]

    def took(self, made: Conversion) -> Artefact:
        """Take *made*, which was converted from the last stop already, for the next leg."""
        before = self.artefacts[-1]
        return self._arrived(f"leg {len(self.artefacts)}: {before.kind} -> {made.converted.kind}", made)

    def _arrived(self, name: str, made: Conversion) -> Artefact:
        kind = made.converted.kind
        if kind == kinds.ONNX and self._info is None:
            self._learn(made.path)
        tensors = made.converted.facts.get("tensors", {}) if kind == kinds.GRAPHDEF else {}
        names = {own: tensors.get(now, now) for own, now in self._names(self.artefacts[-1]).items()}
        self.artefacts.append(Artefact(name, made.path, kind, names, made.notes))
        return self.artefacts[-1]

    def judge(
        self,
        tolerance: Tolerance | None = None,
        outputs: Mapping[str, Tolerance] | None = None,
        required: bool = False,
        compare: Mapping[str, Comparison] | None = None,
    ) -> CheckResult:
        """Run every stop on the same samples, and name the first leg that changes the model.

        Args:
            tolerance: None for rounding and the noise that is measured.
            outputs: tolerance by output of the trip's first ONNX file.
            required: a leg that cannot be taken is a failure, not merely *not applicable*.
            compare: how outputs are compared, by name; ``*`` for every other one.

        Raises:
            ConfigError: no stop is an ONNX file, so that nothing says what the others shall be fed.
        """
        stops, inputs = [Stop(item.name, self._session(item), item.notes) for item in self.artefacts], None
        try:
            inputs = self._inputs(stops)
        except OnnxAccelError as error:
            stops = [Stop(stops[0].name, error), *stops[1:]]
        both = zip(stops, self.artefacts, strict=True)
        stops = [replace(stop, noise=self._noise(stop, artefact)) for stop, artefact in both]
        compared = self._compared(compare or {})
        return round_trip_runs(
            self.artefacts[0].name, stops, inputs, tolerance or Tolerance(), outputs, required, compared
        )

    def _compared(self, given: Mapping[str, Comparison]) -> Mapping[str, Comparer]:
        made = next((item for item in self.artefacts if item.error is None and item.kind == kinds.ONNX), None)
        if made is None or self._info is None:
            return {}
        return compared_as(self._engines, self._engine(_RUNTIME), self._file(made), self._info, given)

    def _noise(self, stop: Stop, artefact: Artefact) -> Noisy | None:
        """Return how the noise of *artefact* is measured; that of a framework's costs a load for each way."""
        session, info = stop.session, self._info
        if session is None or isinstance(session, OnnxAccelError) or info is None:
            return None
        if artefact.kind == kinds.ONNX:
            return noise_of_file(
                stop.name, self._engine(_RUNTIME), self._file(artefact), session, info, _renamed(artefact)
            )
        return Noisy(stop.name, session, partial(nudged, session))

    def _file(self, artefact: Artefact) -> str:
        """Return the private copy: a worker reads nothing else."""
        return self._engines.conversions.stage(self._source).path if artefact is self.artefacts[0] else artefact.path

    def close(self) -> None:
        """End the workers that ran the stops."""
        for name, engine in self._open.items():
            self._engines.release(name, engine)
        self._open.clear()

    # -- names ------------------------------------------------------------------------------------------------

    def _learn(self, path: str) -> None:
        """Take the names of the trip from its first ONNX file."""
        self._info = ModelInfo.from_json(self._engine(_RUNTIME).graph("inspect", path=path))
        own = [spec.name for spec in (*self._info.inputs, *self._info.outputs)]
        self.artefacts = [replace(item, names={name: name for name in own}) for item in self.artefacts]

    def _names(self, before: Artefact) -> Mapping[str, str]:
        if before.names or self._info is None:
            return before.names
        return {spec.name: spec.name for spec in (*self._info.inputs, *self._info.outputs)}

    def _options(self, before: Artefact) -> ConvertOptions:
        """Return the names of the stop before, so that a converter can neither lose one nor choose their order."""
        if self._info is None or before.kind == kinds.ONNX:
            return ConvertOptions()
        inputs = tuple(replace(spec, name=before.names[spec.name]) for spec in self._info.inputs)
        return ConvertOptions(inputs=inputs, outputs=tuple(before.names[spec.name] for spec in self._info.outputs))

    # -- sessions ---------------------------------------------------------------------------------------------

    def _session(self, artefact: Artefact) -> Session | OnnxAccelError | None:
        """Return a session on *artefact*, or the error; None where the trip ended before its first ONNX file."""
        if artefact.error is not None:
            return artefact.error
        if self._info is None:
            if all(item.error is None for item in self.artefacts):
                raise ConfigError("no stop of the trip is an ONNX file", remedy="go through onnx")
            return None
        try:
            return self._opened(artefact, self._info)
        except OnnxAccelError as error:
            return error

    def _opened(self, artefact: Artefact, info: ModelInfo) -> Session:
        """Return a session on *artefact* that speaks the names of the trip."""
        here = replace(
            info,
            inputs=tuple(replace(spec, name=artefact.names[spec.name]) for spec in info.inputs),
            outputs=tuple(replace(spec, name=artefact.names[spec.name]) for spec in info.outputs),
        )
        session: Session
        if artefact.kind == kinds.ONNX:
            session = self._engine(_RUNTIME).load(self._file(artefact), _QUIET)
        else:
            source = self._source if artefact is self.artefacts[0] else SourceSpec(artefact.path, artefact.name)
            name = backend_for(source, self._engines)
            session = open_source(source, name, self._engine(name, source), _QUIET, here, self._engines)
        return CheckedSession(session, info.inputs, info.outputs, _renamed(artefact))

    def _inputs(self, stops: Sequence[Stop]) -> Inputs | None:
        """Return the inputs on which the first stop runs that can be run at all."""
        if self._info is None:
            return None
        name = self.artefacts[0].name
        spec = ModelSpec(name, self._source.path, self._source.shown, inputs=self._given, origin="the round trip")
        for stop in stops:
            if stop.session is not None and not isinstance(stop.session, OnnxAccelError):
                return find_inputs(stop.session, self._info, spec, self._seed).inputs
        return None

    def _engine(self, name: str, source: SourceSpec | None = None) -> Engine:
        if name not in self._open or not self._open[name].alive:
            self._open[name] = self._engines.open(name, {}, trust=trust_of(source))
        return self._open[name]


def _renamed(artefact: Artefact) -> dict[str, str]:
    return {own: now for own, now in artefact.names.items() if own != now}
