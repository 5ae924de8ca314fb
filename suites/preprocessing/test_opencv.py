"""The pipelines that people deploy: OpenCV and Pillow, where they are installed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from pytest_onnxaccel.preprocessing import compare
from suites.preprocessing.functions.references import RGB_MEAN, RGB_STD, Function, unit

cv2 = pytest.importorskip("cv2")


def whole(image):
    """OpenCV takes no views with holes."""
    return np.ascontiguousarray(image)


def resized(how: int) -> Function:
    return lambda image: cv2.resize(whole(image), (32, 24), interpolation=how)


def network(resize: Function, mean=RGB_MEAN, std=RGB_STD) -> Function:
    return lambda image: ((resize(image).astype(np.float32) - mean) / std).transpose(2, 0, 1)[None]


def colour(code: str) -> Function:
    return lambda image: cv2.cvtColor(whole(image), getattr(cv2, code))


def blurred(border: str) -> Function:
    return lambda image: cv2.GaussianBlur(whole(image), (5, 5), 1, borderType=getattr(cv2, border))


LINEAR, AREA, NEAREST, CUBIC = (resized(getattr(cv2, f"INTER_{n}")) for n in ("LINEAR", "AREA", "NEAREST", "CUBIC"))


def letterbox(level: int) -> Function:
    def boxed(image):
        height, width = image.shape[:2]
        side = max(height, width)
        out = np.full((side, side, 3), level, np.uint8)
        top, left = (side - height) // 2, (side - width) // 2
        out[top : top + height, left : left + width] = image
        return out

    return boxed


FAULTS: dict[str, tuple[str, Function, Function]] = {
    "area_for_linear": ("resample-antialias", LINEAR, AREA),
    "linear_for_area": ("resample-antialias", AREA, LINEAR),
    "cubic_for_linear": ("resample-antialias", LINEAR, CUBIC),
    "nearest_for_linear": ("resample-grid", LINEAR, NEAREST),
    "area_then_normalised": ("resample-antialias", network(LINEAR), network(AREA)),
    "bytes_wrap_after_resize": (
        "wraparound",
        network(LINEAR),
        lambda x: ((LINEAR(x) - RGB_MEAN.astype(np.uint8)).astype(np.float32) / RGB_STD).transpose(2, 0, 1)[None],
    ),
    "mean_in_bgr_order": ("channel-stat-order", network(LINEAR), network(LINEAR, RGB_MEAN[::-1], RGB_STD[::-1])),
    "no_colour_conversion": ("channel-swap", lambda x: LINEAR(colour("COLOR_BGR2RGB")(x)), LINEAR),
    "grey_of_rgb": ("channel-swap", colour("COLOR_BGR2GRAY"), colour("COLOR_RGB2GRAY")),
    "rounded_before_scaling": ("precision", network(lambda x: LINEAR(x.astype(np.float32))), network(LINEAR)),
    "saturating_subtract": (
        "value-range",
        lambda x: x.astype(np.int16) - 127,
        lambda x: cv2.subtract(whole(x), np.full(x.shape, 127, np.uint8)).astype(np.int16),
    ),
    "blur_with_a_zero_border": ("border", blurred("BORDER_DEFAULT"), blurred("BORDER_CONSTANT")),
    "letterbox_in_black": ("pad-value", letterbox(114), letterbox(0)),
    "width_for_height": (
        "shape",
        LINEAR,
        lambda x: cv2.resize(whole(x), (24, 32)),
    ),
    "equalised": ("other", lambda x: x[..., 0], lambda x: cv2.equalizeHist(whole(x[..., 0]))),
    "moved_by_a_pixel": ("offset", unit, lambda x: np.roll(unit(x), 1, axis=1)),
    "upside_down": ("axis-order", unit, lambda x: unit(x)[::-1]),
    "product_in_bytes": ("wraparound", lambda x: x.astype(np.int32) * x, lambda x: (x * x).astype(np.int32)),
    "doubled_in_bytes": ("wraparound", unit, lambda x: (x * 2).astype(np.float32) / 510),
}


@pytest.mark.parametrize("name", FAULTS)
def test_found_with_its_kind(name: str) -> None:
    kind, reference, candidate = FAULTS[name]
    report = compare(reference, candidate)
    assert report.kind == kind, str(report)
    assert report.minimal is not None
    assert report.minimal.shape[0] * report.minimal.shape[1] <= 4


EQUIVALENTS: dict[str, tuple[Function, Function]] = {
    "lut": (unit, lambda x: cv2.LUT(whole(x), (np.arange(256) / 255).astype(np.float32))),
    "blob": (
        network(lambda x: LINEAR(x[..., ::-1]), 127, 128),
        lambda x: cv2.dnn.blobFromImage(whole(x), 1 / 128, (32, 24), (127, 127, 127), swapRB=True),
    ),
    "in_another_order": (
        network(LINEAR),
        lambda x: (LINEAR(x) * (1 / RGB_STD) - RGB_MEAN / RGB_STD).astype(np.float32).transpose(2, 0, 1)[None],
    ),
    "separable_blur": (
        lambda x: cv2.GaussianBlur(whole(x).astype(np.float32), (5, 5), 1),
        lambda x: cv2.sepFilter2D(
            whole(x).astype(np.float32), -1, cv2.getGaussianKernel(5, 1), cv2.getGaussianKernel(5, 1)
        ),
    ),
    "subtract_and_divide": (
        lambda x: (x.astype(np.float32) - 127) / 128,
        lambda x: cv2.divide(cv2.subtract(whole(x).astype(np.float32), (127.0,) * 3 + (0,)), (128.0,) * 3 + (1,)),
    ),
}


@pytest.mark.parametrize("name", EQUIVALENTS)
def test_no_false_alarm(name: str) -> None:
    reference, candidate = EQUIVALENTS[name]
    report = compare(reference, candidate)
    assert report.equivalent, str(report)


@pytest.fixture
def pillow() -> Callable[[str], Function]:
    image = pytest.importorskip("PIL.Image")
    return lambda how: lambda x: np.asarray(image.fromarray(whole(x)).resize((32, 24), getattr(image, how)))


def test_pillow_averages_and_opencv_does_not(pillow) -> None:
    report = compare(pillow("BILINEAR"), LINEAR)
    assert report.kind == "resample-antialias"
    assert "without antialias" in report.sentence
    back = compare(LINEAR, pillow("BILINEAR"))
    assert back.kind == "resample-antialias"
    assert "with antialias" in back.sentence
