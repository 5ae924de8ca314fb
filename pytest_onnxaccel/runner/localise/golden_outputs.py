"""Golden outputs of the sample that is looked into: nothing else says better what is right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pytest_onnxaccel.runner.localise.failed_check import FailedCheck
from pytest_onnxaccel.runner.sessions.comparison_sides import ComparisonSide

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array


def golden_outputs(side: ComparisonSide, failed: FailedCheck) -> Mapping[str, Array] | None:
    """Return the stored outputs of the sample that is looked into, where it is one of the model's golden samples."""
    inputs, sample_number = failed.inputs, failed.sample
    if failed.request.seeds or sample_number >= len(inputs.golden):
        return None
    golden = side.model_session.golden
    fed = inputs.golden[sample_number]
    stored = next((one.outputs for one in golden.sets if golden.fits and one.inputs is fed), {})
    return {name: value for name, value in stored.items() if hasattr(value, "dtype")} or None
