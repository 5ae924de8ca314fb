"""Whether a result of a conversion that is not an ONNX file does what its ONNX source does: it is loaded and run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pytest_onnxaccel.convert import formats as kinds
from pytest_onnxaccel.core.comparisons import Comparison
from pytest_onnxaccel.core.errors import ConversionError
from pytest_onnxaccel.core.results import Verdict
from pytest_onnxaccel.core.specs import InputSpec, SourceSpec, Tolerance
from pytest_onnxaccel.runner.conversion.legs import RoundTrip
from pytest_onnxaccel.runner.conversion.prove import ConversionProof
from pytest_onnxaccel.runner.sessions.source import backend_for

if TYPE_CHECKING:
    from pytest_onnxaccel.runner.sessions.workers.engines import Engines
    from pytest_onnxaccel.runner.sessions.workers.source_conversions import Conversion


def prove_result(
    conversion: Conversion,
    engines: Engines,
    tolerance: Tolerance | None = None,
    inputs: tuple[InputSpec, ...] = (),
    seed: int = 0,
    compare: Mapping[str, Comparison] | None = None,
) -> tuple[ConversionProof | None, str]:
    """Compare what was converted from an ONNX model with that, as one leg of a round trip.

    A frozen graph is run by the names of its tensors, a SavedModel by its signature.

    Returns:
        The proof; or None, and why there is none: a framework that could run one of the two is not here.

    Raises:
        ConversionError: they differ, or one of them does not run.
    """
    trip = RoundTrip(engines, conversion.source, given=inputs, seed=seed)
    try:
        leg = trip.took(conversion)
        result = trip.judge(tolerance, compare=compare)
        if result.verdict is Verdict.NOT_APPLICABLE:
            return None, f"saved without proof that it gives what {conversion.source.shown} gives: {result.message}"
        if result.verdict is not Verdict.PASSED:
            raise ConversionError(
                f"{kinds.KINDS[conversion.converted.kind]} that {conversion.converter} wrote is not its source: "
                f"{result.message}",
                subject=conversion.source.shown,
                remedy="use the ONNX file itself, or rebuild the model without what differs",
            )
        name = backend_for(SourceSpec(leg.path, leg.name), engines)
        sizes = () if result.batch is None else (result.batch,)
        return ConversionProof(name, sizes, dict(result.figures["legs"][leg.name])), ""
    finally:
        trip.close()
