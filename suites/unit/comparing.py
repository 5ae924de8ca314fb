"""What the tests of comparing two arrays share."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import ArrayLike

from pytest_onnxaccel.core.specs import Tolerance
from pytest_onnxaccel.numerics.compare.elementwise import figures

#: Nothing that NumPy would warn about happens on the way, whatever the outputs hold.
WITHOUT_WARNINGS = pytest.mark.filterwarnings("error")


def share(candidate: ArrayLike, reference: ArrayLike, tolerance: Tolerance | None = None) -> float:
    """Share of the elements past their tolerance."""
    found = figures(np.asarray(candidate), np.asarray(reference), tolerance or Tolerance())
    return float(found["bad_share"])
