"""Is the deployed preprocessing still the one of the training? ``assert_equivalent(reference, candidate)``."""

from __future__ import annotations

from pytest_onnxaccel.preprocessing.compare import assert_equivalent, compare
from pytest_onnxaccel.preprocessing.postprocessing import postprocessing_parity
from pytest_onnxaccel.preprocessing.report import Report
from pytest_onnxaccel.preprocessing.results.difference_kinds import KINDS

__all__ = ["KINDS", "Report", "assert_equivalent", "compare", "postprocessing_parity"]
