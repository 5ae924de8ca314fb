"""Images as samples: decoded, upright, RGB, through the user's function; each mistake is one line."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.numerics.sampling import images
from pytest_onnxaccel.numerics.sampling.images import MOST, load_images

pillow = pytest.importorskip("PIL.Image")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """``b.png`` is red and 2 x 3; ``a.png`` is blue and 4 x 5."""
    pillow.new("RGB", (3, 2), (255, 0, 0)).save(tmp_path / "b.png")
    pillow.new("RGB", (5, 4), (0, 0, 255)).save(tmp_path / "a.png")
    return tmp_path


def hide(monkeypatch: pytest.MonkeyPatch, *hidden: str) -> None:
    found: Callable[..., Any] = importlib.util.find_spec
    monkeypatch.setattr(images.importlib.util, "find_spec", lambda name: None if name in hidden else found(name))


@pytest.mark.parametrize("without", ["", "PIL"])
def test_images_come_in_the_order_of_their_names_as_rgb(
    folder: Path, monkeypatch: pytest.MonkeyPatch, without: str
) -> None:
    if without:
        pytest.importorskip("cv2")
        hide(monkeypatch, without)
    blue, red = load_images(f"{folder}/*.png", "x")
    assert (blue.shape, blue.dtype, red.shape) == ((4, 5, 3), np.uint8, (2, 3, 3))
    assert red[0, 0].tolist() == [255, 0, 0]
    assert blue[0, 0].tolist() == [0, 0, 255]


@pytest.mark.parametrize("without", ["", "PIL"])
def test_a_photo_taken_sideways_is_turned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, without: str) -> None:
    if without:
        pytest.importorskip("cv2")
        hide(monkeypatch, without)
    exif = pillow.Exif()
    exif[0x0112] = 6
    pillow.new("RGB", (8, 4)).save(tmp_path / "a.jpg", exif=exif)
    assert load_images(f"{tmp_path}/*.jpg", "x")[0].shape == (8, 4, 3)


def test_grey_images_get_three_channels(tmp_path: Path) -> None:
    pillow.new("L", (2, 2), 7).save(tmp_path / "a.png")
    assert load_images(f"{tmp_path}/a.png", "x")[0].tolist() == [[[7] * 3] * 2] * 2


def test_the_users_function_makes_the_samples(folder: Path) -> None:
    made = load_images(f"{folder}/*.png", "x", lambda image: image.transpose(2, 0, 1).astype(np.float32) / 255)
    assert [a.shape for a in made] == [(3, 4, 5), (3, 2, 3)]
    assert made[1][0, 0, 0] == 1


def test_no_more_than_a_run_can_take(tmp_path: Path) -> None:
    for number in range(MOST + 3):
        pillow.new("RGB", (1, 1), (number, 0, 0)).save(tmp_path / f"{number:02}.png")
    assert [int(a[0, 0, 0]) for a in load_images(f"{tmp_path}/*.png", "x")] == list(range(MOST))


def raising(image: Any) -> Any:
    raise KeyError("mean")


@pytest.mark.parametrize(
    ("pattern", "function", "code", "says"),
    [
        ("*.jpg", None, "E_CONFIG", "'*.jpg' matches no file"),
        ("a.png", raising, "E_CONFIG", "preprocess of input 'x' raises KeyError for a.png: 'mean'"),
        ("a.png", lambda image: image.tolist(), "E_CONFIG", "preprocess of input 'x' gives list for a.png"),
        ("a.png", lambda image: np.array([{}]), "E_CONFIG", "preprocess of input 'x' gives ndarray for a.png"),
        ("broken.png", None, "E_FILE", "image broken.png of input 'x': cannot identify image file"),
    ],
)
def test_each_mistake_is_named(folder: Path, pattern: str, function: Any, code: str, says: str) -> None:
    (folder / "broken.png").write_bytes(b"no image")
    with pytest.raises(ModelError) as caught:
        load_images(f"{folder}/{pattern}", "x", function)
    assert caught.value.code == code
    assert says in str(caught.value) or says.split("'", 1)[1] in str(caught.value)


def test_opencv_says_what_it_cannot_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("cv2")
    hide(monkeypatch, "PIL")
    (folder / "broken.png").write_bytes(b"no image")
    with pytest.raises(ModelError, match="is not an image that OpenCV reads"):
        load_images(f"{folder}/broken.png", "x")


def test_without_a_decoder_it_says_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hide(monkeypatch, "PIL", "cv2")
    with pytest.raises(ModelError) as caught:
        load_images(f"{folder}/*.png", "x")
    assert caught.value.code == "E_INPUT"
    assert "need Pillow or OpenCV, and neither is installed" in str(caught.value)
    assert "pip install pillow" in str(caught.value)
