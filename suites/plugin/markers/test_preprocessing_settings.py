"""Everything that ``compare`` takes, by marker and by manifest; hypothesis's own options and decorators."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_onnxaccel.config.manifest import read_preprocessing
from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.plugin.markers import requests as markers

pytest_plugins = ("pytester",)

STEPS = """
import numpy as np

def unit(image, scale=255):
    return image.astype(np.float32) / scale

def swapped(image):
    return image[..., ::-1].astype(np.float32) / 255

def nearly(image):
    return np.clip(image.astype(np.int16) + 1, 0, 255).astype(np.uint8)

def same(image):
    return image.copy()

def opened(picture):
    return np.asarray(picture.convert("RGB"))

def picture_of(image):
    return image, image.shape[:2]

def of_two(image, size):
    return image[: size[0]].astype(np.float32)

def three_images():
    return [np.full((4, 4, 3), level, np.uint8) for level in (1, 2, 3)]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with functions, and where it is written down what is compared."""
    (tmp_path / "steps.py").write_text(STEPS)
    (tmp_path / "pytest.ini").write_text("[pytest]\npythonpath = .\n")
    return tmp_path


def test_callables_arguments_ranges_and_levels(project: Path, gate: Callable[..., object]) -> None:
    (project / "test_it.py").write_text(
        "import numpy as np, pytest, steps\n"
        "P = pytest.mark.preprocessing_parity\n"
        "@P(reference=steps.unit, candidate=lambda image: image / np.float32(255))\n"
        "def test_functions(): ...\n"
        '@P(reference="steps:unit", candidate="steps:unit", reference_arguments={"scale": 255}, range=(0, 1), '
        'dtype="float32")\n'
        "def test_range(): ...\n"
        "@P(reference=steps.same, candidate=steps.nearly, levels=1)\n"
        "def test_levels(): ...\n"
        "@P(reference=steps.same, candidate=steps.nearly)\n"
        "def test_exact(): ...\n"
        "@P(reference=steps.of_two, candidate=steps.of_two, inputs=steps.picture_of, images=steps.three_images())\n"
        "def test_two_arguments(): ...\n"
    )
    run = gate()
    verdicts = {row["model"]: row["verdict"] for row in run.rows}
    assert verdicts == {
        "test_functions": "passed", "test_range": "passed", "test_levels": "passed", "test_exact": "failed",
        "test_two_arguments": "passed",
    }, run.out  # fmt: skip


def test_the_manifest_says_the_same(project: Path, gate: Callable[..., object]) -> None:
    pytest.importorskip("PIL")
    (project / "onnxaccel.toml").write_text(
        '[preprocessing.a]\nreference = "steps:unit"\ncandidate = "steps:unit"\nreference_arguments = {scale = 256}\n'
        "atol = 0.01\nshape = [60, 80, 3]\n"
        '[preprocessing.b]\nreference = "steps:opened"\ncandidate = "steps:opened"\ninputs = "pil"\n'
        '[preprocessing.c]\nreference = "steps:same"\ncandidate = "steps:nearly"\ntolerance = {levels = 1}\n'
        'images = "steps:three_images"\n'
        '[preprocessing.d]\nreference = "steps:same"\ncandidate = "steps:same"\nimages = "missing/*.png"\n'
    )
    run = gate()
    verdicts = {row["model"]: row["verdict"] for row in run.rows}
    assert verdicts == {"a": "passed", "b": "passed", "c": "passed", "d": "failed"}, run.out
    assert "'missing/*.png' matches no file" in run.out


def test_hypothesis_options_and_examples_reach_the_fuzzing(project: Path, gate: Callable[..., object]) -> None:
    pytest.importorskip("hypothesis")
    (project / "test_it.py").write_text(
        "import numpy as np, pytest, steps\n"
        "from hypothesis import example, given\n"
        "from pytest_onnxaccel.strategies import images\n"
        "def odd(image):\n"
        "    return steps.unit(image) + np.float32(image.shape == (2, 2, 3) and (image == 7).all())\n"
        "@pytest.mark.preprocessing_parity(reference=steps.unit, candidate=odd)\n"
        "@given(images(max_side=3))\n"
        "@example(np.full((2, 2, 3), 7, np.uint8))\n"
        "def test_it(image):\n"
        "    assert image.ndim == 3\n"
        "@pytest.mark.preprocessing_parity(reference=steps.unit, candidate=steps.unit)\n"
        "def test_right(): ...\n"
    )
    run = gate("--hypothesis-show-statistics", "--hypothesis-seed=3")
    assert run.row("preprocessing", model="test_it")["figures"]["found_on"] == "images[0]", run.out
    assert "Hypothesis Statistics" in run.out
    assert "steps:unit steps:unit" in run.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"range": (1, 0)}, "(range=): (1, 0) is not a range"),
        ({"dtype": "float8"}, "(dtype=): 'float8' is not an element type"),
        ({"inputs": "picture"}, "(inputs=): 'picture' is not a kind of input"),
        ({"arguments": [1]}, "(arguments=): [1] are not arguments"),
        ({"tolerance": {"ulps": 1}}, "is not a tolerance"),
        ({"unordered": "boxes"}, "(unordered=): 'boxes' names no parts"),
        ({"images": 4}, "(images=): int names no samples"),
    ],
)
def test_arguments_that_are_refused(arguments: dict[str, object], said: str) -> None:
    mark = pytest.mark.preprocessing_parity.with_args(reference="a:f", candidate="b:g", **arguments).mark
    with pytest.raises(ConfigError) as caught:
        markers.parse(mark)
    assert said in str(caught.value)


def test_the_manifest_refuses_the_same(tmp_path: Path) -> None:
    path = tmp_path / "onnxaccel.toml"
    path.write_text('[preprocessing.p]\nreference = "a:f"\ncandidate = "b:g"\nrange = [1, 0]\n')
    with pytest.raises(ConfigError, match=r"onnxaccel.toml:4: range in .preprocessing.p.: \[1, 0\] is not a range"):
        read_preprocessing(path)
