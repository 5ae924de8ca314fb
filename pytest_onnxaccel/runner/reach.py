"""Measures what the inputs of a model reach, in a worker: once for a model and its inputs, for all checks."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.backends.protocol import LoadOptions, Session
from pytest_onnxaccel.checks.parity.check import SAMPLES, sample
from pytest_onnxaccel.checks.reach.sensitivity import Reach, reach_of
from pytest_onnxaccel.core.errors import OnnxAccelError
from pytest_onnxaccel.core.printing import cut
from pytest_onnxaccel.core.unexpected import as_error
from pytest_onnxaccel.numerics.reach.coverage import Coverage
from pytest_onnxaccel.numerics.reach.sensitivity import Effort
from pytest_onnxaccel.numerics.sampling.input_sets import Inputs
from pytest_onnxaccel.numerics.sampling.sample_numbers import ABSENT, LONG, WIDE
from pytest_onnxaccel.runner.sessions.comparison_sides import derived
from pytest_onnxaccel.runner.sessions.model_session import ModelSession
from pytest_onnxaccel.runner.sessions.workers.engines import Engines

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array

#: Weights of more bytes are moved in fewer groups; models past the second are not copied.
_LARGE, _LARGEST = 200 << 20, 1 << 30
#: Below this many bytes a run costs next to nothing.
_SMALL = 512 << 10
#: Samples that are drawn beyond the usual ones while they reach more.
FURTHER = 12
#: And so many of wide floats.
WIDER, WIDER_FOR_CHANNELS = 6, 2
#: Tried after the check's own backend and those of the model: which can be fed other weights.
_ELSE = ("ort-cpu", "reference")


class Reaching:
    """Measures reach, and keeps it with the model that it is of.

    Args:
        engines: of the run.
    """

    def __init__(self, engines: Engines) -> None:
        self._engines = engines

    def of(self, model_session: ModelSession, inputs: Inputs, backends: Sequence[str], own: float = 0.0) -> Reach:
        """Return what *inputs* reach in *model_session*.

        Args:
            model_session: the model.
            inputs: those of the check.
            backends: to run it in, best first; one that cannot be fed other weights is passed over.
            own: seconds that the check took so far.
        """
        known = model_session.reached.get(id(inputs))
        if known is None:
            # The inputs are kept too, so that no others get their number
            known = model_session.reached[id(inputs)] = (inputs, self._measured(model_session, inputs, backends, own))
        return known[1]

    def _measured(self, model_session: ModelSession, inputs: Inputs, backends: Sequence[str], own: float) -> Reach:
        shown = model_session.spec.name
        backend = next(self._able([*backends, *_ELSE]), "")
        if not backend:
            return Reach(shown, why="no backend is here that can be fed other weights")
        size = os.path.getsize(model_session.path)
        if size > _LARGEST:
            return Reach(shown, why=f"a copy of {size >> 20} MB is too large")
        target = derived(model_session, "reach")
        try:
            told = model_session.graph("movable", source=model_session.path, target=target)
            if not told["weights"] and not told["probes"]:
                return reach_of(shown, told, None, Coverage(), ())
            options = model_session.with_libraries(LoadOptions(optimize=False, spin=False))
            session = model_session.engine(backend).load(target, options)
            try:
                large = size > _LARGE
                effort = Effort(most=4) if large else Effort(own=own)
                return _looked(model_session, inputs, (session, target), told, effort)
            finally:
                session.close()
        except OnnxAccelError as error:
            return Reach(shown, why=cut(error.cause, 120))
        except Exception as error:  # of ours or not: what is not measured is said, and decides nothing
            return Reach(shown, why=cut(as_error(error).cause, 120))
        finally:
            with contextlib.suppress(OSError):
                os.unlink(target)

    def _able(self, names: Sequence[str]) -> Iterator[str]:
        for name in dict.fromkeys(names):
            with contextlib.suppress(OnnxAccelError):
                backend = self._engines.backend(name)
                if getattr(backend, "overrides", False) and self._engines.availability(name).ok:
                    yield name


def _looked(
    model_session: ModelSession, inputs: Inputs, opened: tuple[Session, str], told: Mapping[str, Any], effort: Effort
) -> Reach:
    session, path = opened
    wanted = {
        "weights": told["weights"], "outputs": told["outputs"], "probes": told["probes"],
        "effort": asdict(effort),
    }  # fmt: skip
    feeds = [sample(inputs, (), None, index) for index in (*range(SAMPLES), *([ABSENT] if inputs.absent else ()))]
    found = _look(session, feeds, path, wanted)
    coverage = Coverage()
    for one in found["coverage"]:
        coverage = coverage | Coverage.from_json(one) if one is not None else coverage
    further: list[int] = []
    if not coverage.whole and not inputs.files:
        # A silent channel is what large numbers reach, and there are some in most networks: fewer runs for those
        numbers = [] if coverage.only_channels else [*range(SAMPLES, SAMPLES + FURTHER)]
        wide = WIDER if numbers or os.path.getsize(model_session.path) < _SMALL else WIDER_FOR_CHANNELS
        numbers += range(WIDE, WIDE + wide) if _free_floats(inputs) else ()
        numbers += [LONG] if inputs.long is not None else []
        more = _look(session, [sample(inputs, (), None, i) for i in numbers], path, {**wanted, "weights": []})
        for number, one in zip(numbers, more["coverage"], strict=True):
            reached = Coverage.from_json(one) if one is not None else Coverage()
            if number < WIDE or number == LONG:  # one channel more or less is not worth another run
                reached = replace(reached, channels={})
            if reached.more_than(coverage):
                coverage = coverage | reached
                further.append(number)
    return reach_of(model_session.spec.name, told, found["shown"], coverage, tuple(further))


def _free_floats(inputs: Inputs) -> bool:
    """Return whether floats of which nobody says what is legal: what small ones do not reach, large ones may."""
    return any("float" in s.dtype and s.name not in inputs.domains and inputs.made_up(s.name) for s in inputs.specs)


def _look(session: Session, feeds: Sequence[Mapping[str, Array]], path: str, wanted: Mapping[str, Any]) -> Any:
    hosted = getattr(session, "look", None)
    if hosted is not None:
        return hosted(feeds, path, wanted)
    from pytest_onnxaccel.isolation.child.look import look

    return look(session, feeds, path, wanted)
