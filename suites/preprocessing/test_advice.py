"""Advice: what is affine is found, its found run as shown, hold, and are ranked by what they take."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pytest_onnxaccel.preprocessing import compare
from pytest_onnxaccel.preprocessing.diagnosis.affine_fit import Affine, detect, rounded
from pytest_onnxaccel.preprocessing.speed.rewrites import rewrites
from pytest_onnxaccel.preprocessing.suggestions import advise

Image = NDArray[Any]
SHAPE = (24, 36, 3)
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)


def article(image: Image) -> Image:
    return (image - np.array([127, 127, 127])) / 128


def means(image: Image) -> Image:
    return (image - np.array([127, 120, 107])) / 128


def imagenet(image: Image) -> Image:
    scaled = (image[..., ::-1].astype(np.float32) / 255 - MEAN) / STD
    return np.ascontiguousarray(scaled.transpose(2, 0, 1))[None]


def rotated(image: Image) -> Image:
    return image[..., [1, 2, 0]].transpose(2, 0, 1) / np.float32(255)


def unit(image: Image) -> Image:
    return (image / np.float32(255))[None]


AFFINE = {
    article: Affine((127.0,) * 3, (128.0,) * 3, (0, 1, 2), "HWC", "float64"),
    means: Affine((127.0, 120.0, 107.0), (128.0,) * 3, (0, 1, 2), "HWC", "float64"),
    imagenet: Affine((123.675, 116.28, 103.53), (58.395, 57.12, 57.375), (2, 1, 0), "NCHW", "float32"),
    rotated: Affine((0.0,) * 3, (255.0,) * 3, (1, 2, 0), "CHW", "float32"),
    unit: Affine((0.0,) * 3, (255.0,) * 3, (0, 1, 2), "NHWC", "float32"),
}


@pytest.mark.parametrize("function", AFFINE)
def test_what_is_affine_is_found(function: Callable[[Image], Image]) -> None:
    assert detect(function, SHAPE) == AFFINE[function]


@pytest.mark.parametrize("function", AFFINE)
def test_every_rewrite_holds_on_images_of_any_size(function: Callable[[Image], Image]) -> None:
    def single(image: Image) -> Image:
        return function(image).astype(np.float32)

    found = list(rewrites(AFFINE[function]))
    assert len(found) >= 5
    for rewrite in found:
        if "cv2" in rewrite.needs:
            pytest.importorskip("cv2")
        # The plainest rung leaves the layout to NumPy, which keeps that of a Fortran-ordered image
        layout = "any" if rewrite.name == "scalar constants" else "C"
        report = compare(single, rewrite.function(), shape=SHAPE, examples=20, layout=layout)
        assert report.equivalent, f"{rewrite.name}: {report}\n{rewrite.source}"


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda image: (image / 255.0) ** 2.2, "of the range away from the straight line"),
        (lambda image: image - image.mean(), "channel 0 of the result is made of 3 channels"),
        (lambda image: image, "the result is uint8, not float32 or float64"),
        (lambda image: image[::2] / 255, "the result has shape"),
        (lambda image: np.zeros(image.shape), "made of 0 channels"),
        (lambda image: image[..., 3] / 255, "raises IndexError"),
        (lambda image: np.clip(image / 128 - 1, -0.5, 0.5), "away from the straight line"),
    ],
)
def test_what_is_not_affine_says_why(function: Callable[[Image], Image], said: str) -> None:
    advice = advise(function, SHAPE)
    assert advice.affine is None
    assert said in advice.reason
    assert str(advice) == f"no affine normalisation: {advice.reason}; no rewrite is known for it"
    assert advice.best is None


def test_the_ladder_of_the_article() -> None:
    advice = advise(article, (240, 320, 3), seconds=0.3)
    names = {rung.name for rung in advice.rungs}
    assert {"scalar constants", "float32 with out=", "table of 256", "cv2.LUT", "in the graph"} <= names
    assert advice.best is not None
    assert advice.best.speedup is not None
    assert advice.best.speedup > 1.5
    run = [rung for rung in advice.rungs if rung.ms is not None]
    assert all(rung.equivalent for rung in run), advice
    assert [rung.ms for rung in run] == sorted(rung.ms for rung in run if rung.ms is not None)
    assert all((rung.over_limit or 0) > 0 for rung in run)
    assert "the time includes its conversion" in str(advice)
    assert json.loads(json.dumps(advice.to_json()))["affine"]["mean"] == [127.0] * 3


def test_the_source_shown_is_complete() -> None:
    """As text in a file of its own: what it needs, it imports."""
    best = next(rung for rung in advise(means, SHAPE, seconds=0.05).rungs if rung.name == "tiled mean")
    space: dict[str, Any] = {}
    exec(best.source, space)
    image = np.random.default_rng(0).integers(0, 256, SHAPE, np.uint8)
    np.testing.assert_allclose(space["preprocess"](image), means(image), rtol=0, atol=1e-6)


def test_a_module_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from pytest_onnxaccel.preprocessing import suggestions as module

    monkeypatch.setattr(module, "find_spec", lambda name: None)
    found = {rung.name: rung for rung in advise(article, SHAPE, seconds=0.05).rungs}
    assert (found["cv2.LUT"].ms, found["cv2.LUT"].remark) == (None, "cv2 is not installed")
    assert (found["in the graph"].ms, found["in the graph"].remark) == (None, "onnxruntime is not installed")
    assert not found["cv2.LUT"].equivalent


def test_numbers_are_rounded_to_what_was_meant() -> None:
    assert rounded(127.00000211) == 127
    assert rounded(58.39500043) == 58.395
    assert rounded(0.0) == 0
    assert rounded(1 / 3) == pytest.approx(1 / 3, rel=1e-6)
