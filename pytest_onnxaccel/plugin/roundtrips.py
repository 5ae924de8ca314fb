"""The fixture ``round_trip``: a source goes through several conversions and back, checked leg by leg."""

from __future__ import annotations

import os
from collections.abc import Sequence

import pytest

from pytest_onnxaccel.convert.kinds import kind_called
from pytest_onnxaccel.errors import BackendUnavailable
from pytest_onnxaccel.plugin.activate import activate
from pytest_onnxaccel.plugin.faults import one_line
from pytest_onnxaccel.plugin.handles import unavailable
from pytest_onnxaccel.plugin.settings import completed
from pytest_onnxaccel.printing import breakable
from pytest_onnxaccel.report.failures import failure_lines
from pytest_onnxaccel.results import CheckResult, Verdict
from pytest_onnxaccel.runner.converting import input_spec
from pytest_onnxaccel.runner.roundtrip import RoundTrip
from pytest_onnxaccel.spec import SourceSpec, TensorSpec, Tolerance


class RoundTrips:
    """Round trips of one run."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def __call__(
        self,
        source: str | os.PathLike[str],
        through: Sequence[str] = ("onnx", "pb", "onnx"),
        loader: str | None = None,
        inputs: Sequence[str | TensorSpec] = (),
        outputs: Sequence[str] = (),
        rtol: float | None = None,
        atol: float | None = None,
        required: bool = False,
    ) -> CheckResult:
        """The result, when no leg changes the model; else the test ends with the leg that does."""
        __tracebackhide__ = True
        state = activate(self._config)
        shown = os.fspath(source)
        path = os.path.abspath(self._config.rootpath / os.path.expanduser(shown))
        spec = completed(SourceSpec(path, shown, loader, origin="round_trip"), state.settings)
        declared = [one if isinstance(one, TensorSpec) else input_spec(one) for one in inputs]
        try:
            with one_line(self._config):
                wanted = [kind_called(name) for name in through]
                trip = RoundTrip(state.runner.engines, spec, declared, tuple(outputs), seed=state.settings.seed)
                try:
                    for kind in wanted:
                        if trip.artefacts[-1].error is None:
                            trip.leg(kind)
                    result = trip.judge(Tolerance(rtol, atol, "round_trip()"), required=required)
                finally:
                    trip.close()
        except BackendUnavailable as error:
            unavailable(state, error.backend, error)
        if result.verdict is Verdict.FAILED:
            pytest.fail("\n".join(failure_lines(result)), pytrace=False)
        if result.verdict is Verdict.NOT_APPLICABLE:
            pytest.skip(breakable(f"{result.code} {result.message}"))
        return result
