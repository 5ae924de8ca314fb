"""Advice on resizes, letterboxes and conversions: calls of OpenCV that are proven to be the same."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_onnxaccel.preprocessing.suggestions import advise

cv2 = pytest.importorskip("cv2")
SHAPE = (120, 160, 3)


def linear(image):
    return cv2.resize(np.ascontiguousarray(image), (64, 48))


def grey(image):
    return cv2.cvtColor(np.ascontiguousarray(image)[..., ::-1].copy(), cv2.COLOR_BGR2GRAY)


def boxed(image):
    height, width = image.shape[:2]
    ratio = min(64 / height, 64 / width)
    new = max(1, round(width * ratio)), max(1, round(height * ratio))
    top, left = (64 - new[1]) // 2, (64 - new[0]) // 2
    small = cv2.resize(np.ascontiguousarray(image), new)
    sides = top, 64 - new[1] - top, left, 64 - new[0] - left
    return cv2.copyMakeBorder(small, *sides, cv2.BORDER_CONSTANT, value=(114,) * 3)


@pytest.mark.parametrize(
    ("function", "name"),
    [(linear, "cv2 INTER_LINEAR"), (grey, "cv2.RGB2GRAY"), (boxed, "cv2 letterbox, INTER_LINEAR")],
)
def test_the_same_call_is_found_and_no_other(function, name) -> None:
    advice = advise(function, SHAPE, seconds=0.05)
    assert [rung.name for rung in advice.rungs] == [name]
    assert advice.best is not None
    assert "def preprocess(image)" in advice.best.source
    assert "calls of OpenCV" in str(advice)


def test_what_no_call_is_says_so() -> None:
    advice = advise(lambda image: np.sort(image, axis=0), SHAPE, seconds=0.05)
    assert advice.rungs == ()
    assert "no rewrite is known" in str(advice)
