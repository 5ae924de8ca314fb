"""The arguments of ``compare`` and what its report holds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import pytest_onnxaccel.strategies
from pytest_onnxaccel import CheckFailure, Verdict
from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.preprocessing import assert_equivalent, compare
from pytest_onnxaccel.strategies.programs import lay_out
from suites.preprocessing.functions.equivalents import table, tiled_mean
from suites.preprocessing.functions.references import article, imagenet, unit
from suites.preprocessing.planted_faults.memory import reads_memory_order
from suites.preprocessing.planted_faults.values import article_elegant

ROOT = Path(__file__).resolve().parents[2]


def off_by(amount):
    return lambda image: unit(image) + np.float32(amount)


def test_the_article_is_refuted_in_words() -> None:
    with pytest.raises(CheckFailure) as caught:
        assert_equivalent(article, article_elegant, shape=(100, 100, 3))
    report = caught.value.report
    assert report.kind == "truncation"
    assert report.verdict is Verdict.FAILED
    assert report.minimal.shape == (1, 1, 3)
    text = str(caught.value)
    assert "truncated to uint8" in text
    assert "smallest image: 1x1x3 uint8 [[[0,0,0]]]" in text
    assert "reference -0.9921875, candidate 0" in text
    assert report.worst["per_channel"] == pytest.approx([0.992, 0.992, 0.992], abs=0.01)


def test_an_equivalent_pair_says_what_was_proven() -> None:
    report = assert_equivalent(imagenet, tiled_mean)
    assert report.equivalent
    assert report.kind is None
    assert report.minimal is None
    assert report.verdict is Verdict.PASSED
    assert "per-channel 256 values" in str(report)


def test_tolerance() -> None:
    assert compare(unit, off_by(1e-3)).kind == "precision" or compare(unit, off_by(1e-3)).kind == "scale"
    assert compare(unit, off_by(1e-3), tolerance={"atol": 2e-3}).equivalent
    assert not compare(unit, off_by(1e-3), tolerance={"rtol": 1e-4}).equivalent
    assert compare(unit, off_by(1e-6), tolerance=100).equivalent
    assert not compare(unit, off_by(1e-6), tolerance=4).equivalent


def test_integers_are_exact() -> None:
    report = compare(lambda x: x, lambda x: np.minimum(x, 254))
    assert not report.equivalent
    assert report.first_difference is not None
    assert (report.first_difference.reference, report.first_difference.candidate) == (255, 254)


def test_layout() -> None:
    def lazy(image):
        return imagenet(image).transpose(2, 0, 1)

    def eager(image):
        return np.ascontiguousarray(lazy(image))

    assert compare(eager, lazy).equivalent
    assert compare(eager, lazy, layout="C").kind == "layout"
    assert compare(eager, lazy, layout="same").kind == "layout"
    assert compare(lazy, eager, layout="C").equivalent


def test_own_images_come_first_and_give_the_dtype() -> None:
    image = np.linspace(0, 1, 4 * 6 * 3).reshape(4, 6, 3)
    report = compare(np.sqrt, lambda x: np.where(x == image[1, 1, 1], 0, np.sqrt(x)), images=[image])
    assert report.found_on == "images[0]"
    assert compare(np.sqrt, lambda x: x**0.5, images=[image]).equivalent


def test_a_strategy_of_images() -> None:
    from pytest_onnxaccel.strategies import images

    odd = images(shapes=[(9, 9)], layouts=False)
    report = compare(unit, lambda x: unit(x) * (x.shape[:2] != (9, 9)), images=odd)
    assert report.found_on.startswith("fuzzed 9x9")
    assert report.kind


def test_a_strategy_of_shapes_and_random_images() -> None:
    st = pytest.importorskip("hypothesis").strategies
    squares = st.integers(1, 12).map(lambda side: (side, side))

    def square_only(image):
        return unit(image) + np.float32(image.shape[0] != image.shape[1])

    def wrong_from_nine(image):
        return unit(image) * np.float32(image.shape[0] < 9)

    arguments = {"shape": (4, 4, 3), "shapes": squares, "derandomize": False}
    assert compare(unit, square_only, **arguments).equivalent
    report = compare(unit, wrong_from_nine, **arguments, examples=300)
    assert report.found_on.startswith("fuzzed")
    assert report.minimal is not None
    assert report.minimal.shape == (9, 9, 3)


def test_two_axes() -> None:
    assert compare(unit, lambda x: x * np.float32(1 / 255), shape=(48, 64)).equivalent
    assert compare(unit, lambda x: x.T / np.float32(255), shape=(48, 64)).kind == "axis-order"
    assert compare(unit, lambda x: x / np.float32(254), shape=(48, 64)).kind == "scale"


def test_a_corpus_is_replayed_first(tmp_path: Path) -> None:
    first = compare(unit, reads_memory_order, corpus=tmp_path)
    (saved,) = tmp_path.glob("*.npz")
    assert saved.name.startswith("input-strides-")
    again = compare(unit, reads_memory_order, corpus=tmp_path)
    assert again.found_on == f"{saved.name} of the corpus"
    assert again.kind == first.kind == "input-strides"
    good = compare(unit, unit, corpus=tmp_path)
    assert good.equivalent
    assert good.proof.replayed == 1


def test_a_broken_corpus_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.npz").write_bytes(b"no zip")
    with pytest.raises(ConfigError, match="not an image of a corpus"):
        compare(unit, unit, corpus=tmp_path)


def test_a_saved_case_shows_the_same_difference(tmp_path: Path) -> None:
    folder = compare(article, article_elegant).save(tmp_path / "case")
    assert {p.name for p in folder.iterdir()} >= {"case.npz", "image.ppm", "repro.py", "report.json", "report.txt"}
    done = subprocess.run(
        [sys.executable, str(folder / "repro.py")], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert "reference -0.9921875 candidate 0" in done.stdout
    data = json.loads((folder / "report.json").read_text())
    assert data["kind"] == "truncation"
    assert data["minimal"]["values"] == [[[0, 0, 0]]]


def test_a_saved_case_of_a_local_function_says_what_it_needs(tmp_path: Path) -> None:
    folder = compare(article, lambda x: article(x) + 1).save(tmp_path)
    command = [sys.executable, str(folder / "repro.py")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert "cannot be imported: python repro.py pkg:reference pkg:candidate" in done.stderr
    names = [
        "suites.preprocessing.functions.references:article",
        "suites.preprocessing.planted_faults.values:article_elegant",
    ]
    done = subprocess.run([*command, *names], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert "largest difference" in done.stdout


def test_a_saved_case_keeps_the_strides(tmp_path: Path) -> None:
    folder = compare(unit, reads_memory_order).save(tmp_path)
    case = np.load(folder / "case.npz")
    assert not np.ndarray(
        case["image"].shape, "u1", case["memory"].copy(), int(case["offset"]), tuple(case["strides"])
    ).flags.c_contiguous
    done = subprocess.run(
        [sys.executable, str(folder / "repro.py")], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert "largest difference 0.0 " not in done.stdout


def test_images_that_both_refuse_are_counted_apart() -> None:
    def first(image):
        return image[4:5, 4:5] / 255

    def even(image):
        if min(image.shape[:2]) < 5:
            raise ValueError("too small")
        return image[4:5, 4:5] / 255

    report = compare(even, even)
    assert report.equivalent
    assert report.proof.refused > 0
    one_sided = compare(even, first)
    assert one_sided.kind == "raises"
    assert "the reference raises ValueError: too small" in one_sided.sentence
    assert "shapes=" in one_sided.sentence
    assert compare(even, first, shapes=[(16, 16), (9, 30)]).equivalent


def test_nothing_to_compare_is_inconclusive() -> None:
    def refuses(image):
        raise TypeError("never")

    report = compare(refuses, refuses)
    assert report.verdict is Verdict.INCONCLUSIVE
    assert not report.equivalent
    assert "never" in report.sentence
    # Asked for and not judged is never green
    with pytest.raises(CheckFailure) as caught:
        assert_equivalent(refuses, refuses)
    assert str(caught.value).startswith("V_NOTJUDGED: nothing of ")
    assert caught.value.report.compared_nothing
    assert "not equivalent" not in str(caught.value)
    assert "report.save" not in str(caught.value)


def test_an_unstable_reference_is_named() -> None:
    generator = np.random.default_rng(0)
    report = compare(lambda x: unit(x) + generator.random(), unit)
    assert report.kind in ("nondeterministic", "dtype")
    report = compare(lambda x: unit(x) + np.float32(generator.random()), unit)
    assert report.kind == "nondeterministic"
    assert "the reference" in report.sentence


def test_the_input_is_given_back_unchanged() -> None:
    image = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)
    before = image.copy()

    def clears(given):
        given[...] = 0
        return unit(given)

    assert compare(clears, clears, images=[image], examples=0).kind == "input-mutation"
    assert np.array_equal(before, image)


def test_without_hypothesis_the_standard_images_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    report = compare(imagenet, table)
    assert report.equivalent
    assert report.proof.fuzzed == 0
    with pytest.raises(ImportError, match=r"pytest-onnxaccel\[fuzz\]"):
        from pytest_onnxaccel.strategies import images  # noqa: F401
    assert pytest_onnxaccel.strategies


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"shape": ()}, "shape is"),
        ({"shape": (3,), "inputs": "pil"}, "shape is"),
        ({"shapes": "all"}, "shapes is 'all'"),
        ({"shapes": [(0, 4)]}, "at least 1 by 1"),
        ({"shapes": [4]}, "is an \\(H, W\\)"),
        ({"layout": "F"}, "layout is 'F'"),
        ({"tolerance": -1}, "tolerance is -1"),
        ({"tolerance": {"ulps": 1}}, "tolerance is"),
        ({"levels": -1}, "tolerance is"),
        ({"range": (1, 0)}, "range is \\(1, 0\\)"),
        ({"range": (0, 300)}, "uint8 does not hold"),
        ({"inputs": "picture"}, "inputs is 'picture'"),
        ({"dtype": "complex64"}, "dtype is 'complex64'"),
        ({"images": []}, "images is empty"),
        ({"images": 4}, "images is int"),
        ({"images": [np.zeros((2, 2)), np.zeros((2, 2), "f4")]}, "several dtypes"),
    ],
)
def test_arguments_that_cannot_be_used(arguments, words) -> None:
    with pytest.raises(ConfigError, match=words):
        compare(unit, unit, **arguments)


def test_a_function_that_gives_no_array() -> None:
    with pytest.raises(ConfigError, match="gave object, which cannot be compared"):
        compare(unit, lambda x: object())


def test_one_sided_nan_and_infinities_differ() -> None:
    def logarithm(image):
        with np.errstate(divide="ignore"):
            return np.log(image.astype(np.float32))

    assert compare(logarithm, lambda x: logarithm(x)).equivalent
    assert not compare(logarithm, lambda x: -np.abs(np.where(x, logarithm(x), np.float32("nan")))).equivalent
    assert not compare(logarithm, lambda x: np.where(x, logarithm(x), np.float32("inf"))).equivalent


def test_every_layout_holds_the_same_values() -> None:
    from pytest_onnxaccel.strategies.programs import LAYOUTS

    image = np.arange(5 * 4 * 3, dtype=np.uint8).reshape(5, 4, 3)
    for layout in LAYOUTS:
        laid = lay_out(image, layout)
        assert np.array_equal(laid, image), layout
        assert not np.may_share_memory(laid, image)
        assert laid.flags.c_contiguous == (layout in ("C", "readonly")), layout
