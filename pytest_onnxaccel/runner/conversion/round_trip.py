"""A source goes through several conversions, one after another, and every stop is run next to the one before it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from pytest_onnxaccel.config.comparison_syntax import comparisons
from pytest_onnxaccel.convert.formats import kind_called
from pytest_onnxaccel.core.results import CheckResult
from pytest_onnxaccel.core.specs import InputSpec, SourceSpec, TensorSpec, Tolerance
from pytest_onnxaccel.runner import arguments
from pytest_onnxaccel.runner.conversion.legs import RoundTrip
from pytest_onnxaccel.runner.request import RunOptions
from pytest_onnxaccel.runner.sessions.workers.engines import Engines


def round_trip(  # noqa: PLR0913 - called by users, who give each by its name
    source: str | os.PathLike[str] | SourceSpec,
    through: Sequence[str] = ("onnx", "pb", "onnx"),
    *,
    inputs: Sequence[TensorSpec] = (),
    outputs: Sequence[str] = (),
    given: Sequence[InputSpec] = (),
    tolerance: Tolerance | None = None,
    output_tolerances: Mapping[str, Tolerance] | None = None,
    required: bool = False,
    options: RunOptions | None = None,
    compare: str | Mapping[str, object] | None = None,
) -> CheckResult:
    """Convert *source* leg by leg, and compare every stop with the one before it.

    Args:
        source: of any kind that can be converted.
        through: kinds to go through: ``onnx``, ``pb``, ``saved_model``.
        inputs: of the first leg, as in :class:`~pytest_onnxaccel.convert.protocol.ConvertOptions`.
        outputs: names for the outputs of the first leg.
        given: how inputs are filled.
        tolerance: that of every comparison; rounding and the noise that is measured when None.
        output_tolerances: tolerances by output, in place of *tolerance*.
        required: a leg that cannot be taken is a failure, not merely *not applicable*.
        options: settings of a run: time and memory limits, sandbox; the defaults when None.
        compare: how outputs are compared, as of the marker: ``"rows"``, or a mapping by output.

    Returns:
        The result of the check ``round-trip``: the first leg that changes the model is named.

    Raises:
        ConfigError: nothing converts to a kind of *through*.
    """
    through, outputs = arguments.texts("through", through, "kinds"), arguments.texts("outputs", outputs)
    for name, value in (("inputs", inputs), ("given", given)):
        arguments.several(name, value, "specs")
    chosen = arguments.run_options(options)
    wanted = [kind_called(name) for name in through]
    said = comparisons(compare) if compare is not None else None
    if not isinstance(source, SourceSpec):
        path = arguments.path("source", source)
        source = SourceSpec(os.path.abspath(path), path)
    engines = Engines(chosen)
    try:
        trip = RoundTrip(engines, source, inputs, outputs, given, chosen.seed)
        for kind in wanted:
            if trip.artefacts[-1].error is None:
                trip.leg(kind)
        found = trip.judge(tolerance, output_tolerances, required, said)
        trip.close()
        return found
    finally:
        engines.close()
