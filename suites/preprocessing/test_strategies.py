"""The public strategies: ranges, batches, and how far a failure shrinks in a test of one's own."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("hypothesis")

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import HypothesisException

from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.strategies import batches, image_programs, images

QUICK = settings(
    max_examples=60, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


@QUICK
@given(images(dtype="float32", range=(0, 1)))
def test_floats_stay_in_their_range(image) -> None:
    assert image.dtype == np.float32
    assert image.min() >= 0
    assert image.max() <= 1


@QUICK
@given(images(dtype="uint16", range=(64, 940), channels=None))
def test_ten_bits(image) -> None:
    assert image.ndim == 2
    assert 64 <= image.min() <= image.max() <= 940


@QUICK
@given(batches(images(channels=4, max_side=9), least=2, most=3))
def test_batches(stack) -> None:
    assert stack.ndim == 4
    assert 2 <= len(stack) <= 3
    assert stack.shape[-1] == 4


def test_every_pattern_is_drawn() -> None:
    seen = set()

    @settings(QUICK, max_examples=300)
    @given(image_programs())
    def collect(program) -> None:
        seen.add(program.pattern)

    collect()
    assert {"constant", "hot", "faint", "photo", "noise"} <= seen


def test_a_range_that_cannot_be() -> None:
    with pytest.raises(ConfigError, match="range is"):
        images(range=(1, 0))
    with pytest.raises(ConfigError, match="uint8 does not hold"):
        images(range=(-1, 1))


def test_the_fault_of_one_colour_shrinks_to_one_pixel() -> None:
    failed: list[np.ndarray] = []

    @settings(QUICK, max_examples=1000, phases=[Phase.generate, Phase.shrink], report_multiple_bugs=False)
    @given(images(layouts=False))
    def looks_for_green(image) -> None:
        if (image == (0, 255, 0)).all(-1).any():
            failed.append(image.copy())
            raise ValueError("green")

    with pytest.raises((ValueError, HypothesisException)):
        looks_for_green()
    assert failed[-1].tolist() == [[[0, 255, 0]]]
