"""The strategies: legal, varied, cheap, and shrinking to the smallest."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("hypothesis")

from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st

from pytest_onnxaccel.core.errors import ConfigError, ModelError
from pytest_onnxaccel.core.specs import ModelInfo, TensorSpec
from pytest_onnxaccel.strategies import find_failing, image_programs, images, model_inputs
from pytest_onnxaccel.strategies.programs import LAYOUTS, PATTERNS

COMMON = settings(
    max_examples=60, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


@given(images())
@COMMON
def test_images_are_legal(image) -> None:
    assert image.dtype == np.uint8
    assert image.ndim == 3
    assert image.shape[2] == 3
    assert min(image.shape) >= 1
    assert max(image.shape) <= 64


@given(images(shapes=[(4, 6), (5, 5)], channels=None, dtype="float32", layouts=False))
@COMMON
def test_images_as_asked(image) -> None:
    assert image.shape in {(4, 6), (5, 5)}
    assert image.dtype == np.float32
    assert image.flags.c_contiguous
    assert image.flags.writeable


@given(images(shapes=st.tuples(st.just(2), st.integers(1, 3)), channels=(1, 4), dtype="uint16"))
@COMMON
def test_images_of_a_strategy_of_shapes(image) -> None:
    assert image.shape[0] == 2
    assert image.shape[2] in (1, 4)
    assert image.dtype == np.uint16


def test_images_vary() -> None:
    drawn = []
    find_failing(lambda program: bool(drawn.append(program)), image_programs(), examples=600)
    # Of a saturated image each pixel is drawn, the ends more often than the rest
    assert {program.pattern for program in drawn} == set(PATTERNS) - {"saturated"}
    assert {program.layout for program in drawn} == set(LAYOUTS)
    assert any(program.height % 2 for program in drawn)


@pytest.mark.parametrize(
    ("condition", "smallest"),
    [
        (lambda image: True, [[[0, 0, 0]]]),
        (lambda image: image.max() > 200, None),
        (lambda image: not image.flags.c_contiguous, None),
    ],
)
def test_images_shrink(condition, smallest) -> None:
    image = find(images(), condition, settings=COMMON, random=None)
    assert image.size <= 6
    if smallest is not None:
        assert image.tolist() == smallest


def test_the_same_seed_draws_the_same_images() -> None:
    def drawn(seed):
        seen = []
        find_failing(lambda program: bool(seen.append(program)), image_programs(), examples=30, seed=seed)
        return seen

    assert drawn(3) == drawn(3)
    assert drawn(3) != drawn(4)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"shapes": "some"}, "shapes is 'some'"),
        ({"shapes": []}, "at least 1 by 1"),
        ({"layouts": ["sideways"]}, "sideways"),
    ],
)
def test_images_that_cannot_be_made(arguments, words) -> None:
    with pytest.raises(ConfigError, match=words):
        images(**arguments)


def model(*inputs: TensorSpec) -> ModelInfo:
    return ModelInfo(8, {"ai.onnx": 17}, "", inputs, (), None, 1, 0)


TWO = model(
    TensorSpec("image", "float32", ("N", 3, "H", None)),
    TensorSpec("ids", "int64", ("N", 2)),
    TensorSpec("half", "float16", ("H",)),
)


@given(model_inputs(TWO, {"image": (0, 255), "ids": (5, 9)}))
@COMMON
def test_model_inputs_are_legal(feeds) -> None:
    assert list(feeds) == ["image", "ids", "half"]
    assert feeds["image"].shape[0] == feeds["ids"].shape[0]
    assert feeds["image"].shape[2] == feeds["half"].shape[0]
    assert feeds["image"].dtype == np.float32
    assert feeds["half"].dtype == np.float16
    assert feeds["image"].min() >= 0
    assert feeds["image"].max() < 255
    assert set(np.unique(feeds["ids"])) <= {5, 6, 7, 8}
    assert -1 <= feeds["half"].min() <= feeds["half"].max() < 1
    assert feeds.special == ""


@given(model_inputs(TWO, sizes={"H": 7, "?": st.integers(2, 3)}))
@COMMON
def test_model_inputs_of_given_sizes(feeds) -> None:
    assert feeds["half"].shape == (7,)
    assert feeds["image"].shape[3] in (2, 3)


def test_specials_are_tagged() -> None:
    seen = set()

    def look(feeds):
        arrays = [feeds["image"], feeds["half"]]
        odd = [a for a in arrays if not np.isfinite(a).all()]
        assert bool(odd) == (feeds.special in ("nan", "inf", "-inf"))
        seen.add(feeds.special)
        return False

    find_failing(look, model_inputs(TWO, specials=True), examples=200)
    assert seen == {"", "nan", "inf", "-inf", "denormal", "negative-zero", "largest"}


def test_model_inputs_shrink_to_zeros_of_one() -> None:
    feeds = find(model_inputs(TWO), lambda feeds: True, settings=COMMON)
    assert feeds["image"].shape == (1, 3, 1, 1)
    assert not feeds["ids"].any()


@pytest.mark.parametrize(
    ("info", "arguments", "error"),
    [
        (model(TensorSpec("x", "string", (1,))), {}, ModelError),
        (model(TensorSpec("x", "float32", None)), {}, ModelError),
        (TWO, {"ranges": {"picture": (0, 1)}}, ConfigError),
        (TWO, {"ranges": {"ids": (0.2, 0.4)}}, ConfigError),
        (TWO, {"ranges": {"image": (2, 1)}}, ConfigError),
        (TWO, {"sizes": {"W": 3}}, ConfigError),
        (3, {}, ConfigError),
    ],
)
def test_inputs_that_cannot_be_made(info, arguments, error) -> None:
    with pytest.raises(error):
        model_inputs(info, **arguments)


def test_model_inputs_of_a_file(tmp_path) -> None:
    onnx = pytest.importorskip("onnx")
    helper = onnx.helper
    values = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["N", 2]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "g", values[:1], values[1:])
    onnx.save(helper.make_model(graph), tmp_path / "m.onnx")
    feeds = find(model_inputs(tmp_path / "m.onnx"), lambda feeds: feeds["x"].shape == (2, 2), settings=COMMON)
    assert set(feeds) == {"x"}


def test_the_room_can_be_imported_without_hypothesis() -> None:
    code = (
        "import sys; sys.modules['hypothesis'] = None\n"
        "import pytest_onnxaccel.strategies, pytest_onnxaccel.strategies.programs\n"
        "try:\n from pytest_onnxaccel.strategies import images\n"
        "except ImportError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert 'pip install "pytest-onnxaccel[fuzz]"' in done.stdout


def test_what_says_nothing_is_drawn_again() -> None:
    seen: list[int] = []

    def even_only(number: int) -> bool | None:
        seen.append(number)
        return None if number % 2 else False

    assert find_failing(even_only, st.integers(0, 10**6), examples=40) == (None, 40)
    assert len(seen) > 50
    assert find_failing(lambda _: None, st.integers(0, 10**6), examples=40) == (None, 0)
