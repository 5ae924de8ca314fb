"""Results as people have them, part by part; what was never done; nothing compared is never a pass."""

from __future__ import annotations

import io
from collections import OrderedDict, namedtuple
from dataclasses import dataclass

import numpy as np
import pytest

from pytest_onnxaccel import CheckFailure, Verdict
from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.preprocessing import assert_equivalent, compare
from pytest_onnxaccel.preprocessing.pictures import pictures
from pytest_onnxaccel.preprocessing.results.differences import Bound
from pytest_onnxaccel.preprocessing.results.leaves import leaves_of
from pytest_onnxaccel.preprocessing.speed import verdict as speed

F = np.float32


@dataclass
class Pair:
    left: object
    right: object


def test_paths_of_every_structure() -> None:
    place = namedtuple("place", "x y")
    value = {"a": [np.zeros(2), (1, "t")], "b": place(1.5, None), "c": Pair(b"ab", [[1, 2], [3, 4]])}
    found = leaves_of(value)
    assert list(found.arrays) == [
        '["a"][0]',
        '["a"][1][0]',
        '["a"][1][1]',
        '["b"].x',
        '["b"].y',
        '["c"].left',
        '["c"].right',
    ]
    assert found.arrays['["c"].right'].shape == (2, 2)
    assert '["a"][0]' not in found.weak
    with pytest.raises(ConfigError, match="gave generator"):
        leaves_of(one for one in ())
    circle: list[object] = []
    circle.append(circle)
    with pytest.raises(ConfigError, match="nested deeper"):
        leaves_of(circle)


def test_tensors_and_arrays_are_equal() -> None:
    torch = pytest.importorskip("torch")
    found = leaves_of({"x": torch.ones(2, 3, requires_grad=True), "y": torch.ones(2, dtype=torch.bfloat16)})
    assert found.arrays['["x"]'].shape == (2, 3)
    assert_equivalent(
        lambda im: {"x": torch.from_numpy(im.astype(F)), "n": 3},
        lambda im: OrderedDict(x=im.astype(F), n=3),
        examples=5,
    )
    report = compare(
        lambda im: [im.astype(F), im.astype(F)], lambda im: (im.astype(F), im[..., ::-1].astype(F)), examples=5
    )
    assert report.path == "[1]"
    assert report.kind == "channel-swap"
    assert "in: result[1]" in str(report)


def test_pictures_of_pil() -> None:
    image = pytest.importorskip("PIL.Image")
    report = compare(
        lambda picture: picture.convert("L"), lambda picture: np.asarray(picture)[..., 0], inputs="pil", examples=5
    )
    assert report.kind == "grey-weights", str(report)
    target = io.BytesIO()
    image.new("RGB", (5, 4), (9, 8, 7)).save(target, "PNG")
    files = compare(
        lambda data: np.asarray(image.open(io.BytesIO(data)).convert("RGB")),
        lambda data: np.asarray(image.open(io.BytesIO(data)).convert("RGB"))[::-1],
        images=[target.getvalue()], examples=3,
    )  # fmt: skip
    assert files.kind == "axis-order", str(files)


def test_rows_in_any_order() -> None:
    rows = np.random.default_rng(0).random((9, 4))
    arguments = {"images": [("x",)], "inputs": "array"}

    def turned(word):
        return {"boxes": rows[::-1], "scores": rows[::-1, 0]}

    def straight(word):
        return {"boxes": rows, "scores": rows[:, 0]}

    assert compare(straight, turned, unordered=True, **arguments).equivalent
    assert not compare(straight, turned, **arguments).equivalent
    assert not compare(straight, turned, unordered=['["boxes"]'], **arguments).equivalent
    mixed = compare(straight, lambda w: {"boxes": rows[::-1], "scores": rows[:, 0]}, unordered=True, **arguments)
    assert not mixed.equivalent, "a score must stay with its box"


def test_what_was_never_done_is_said() -> None:
    def small(image):
        return np.resize(image, (100, 100, 3)).astype(F)

    assert compare(small, small, examples=0).proof.never == ()
    report = compare(small, small, shapes=[(h, w) for h in (5, 6, 7) for w in (8, 9)], shape=(4, 9, 3), examples=0)
    assert report.proof.never == ("nothing was made smaller",)
    assert "nothing was made smaller" in str(report)


def test_the_worst_difference_is_named_not_the_first() -> None:
    def noisy(image):
        out = image.astype(F) / 255 * F(1 + 3e-6)
        return out[..., ::-1].copy() if image.shape[0] > 40 else out

    report = compare(lambda image: image.astype(F) / 255, noisy)
    assert report.kind != "precision"
    assert report.worst["max_abs"] > 0.1


def test_tolerances_by_name() -> None:
    assert str(Bound.of(4)) == "4 scaled ULP, integers exact"
    assert str(Bound.of(4, levels=1)) == "4 scaled ULP, integers 1 level"
    assert Bound.of({"atol": 1e-3}) == Bound.of(4, atol=1e-3)
    assert Bound.of(8) == Bound.of(4, ulp=8)
    up = lambda image: np.where(image < 255, image + 1, image).astype(np.uint8)  # noqa: E731
    assert compare(lambda image: image.copy(), up, levels=1).equivalent
    assert not compare(lambda image: image.copy(), up, levels=0).equivalent


def test_a_speed_up_that_is_not_decided_is_no_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "_verdict", lambda *_: Verdict.INCONCLUSIVE)
    with pytest.raises(CheckFailure) as caught:
        assert_equivalent(lambda im: im.astype(F), lambda im: im.astype(F), shape=(20, 20, 3), faster=1.0, examples=0)
    assert caught.value.report.verdict is Verdict.INCONCLUSIVE
    assert "does not decide" in str(caught.value)


def test_no_sample_at_all_is_no_pass() -> None:
    with pytest.raises(CheckFailure, match="V_NOTJUDGED"):
        assert_equivalent(lambda text: text.x, lambda text: text.x, images=["a", "b"])


def test_the_smallest_sample_as_code() -> None:
    report = compare(lambda image: image.astype(F), lambda image: image.astype(F) + 1)
    assert eval(report.code, {"np": np}).tolist() == report.minimal.tolist()
    assert compare(lambda s: len(s), lambda s: len(s) + 1, images=["abc"]).code == "'abc'"


def test_a_saved_text_case(tmp_path) -> None:
    folder = compare(lambda s: len(s), lambda s: len(s) + 1, images=["a\nbc"]).save(tmp_path)
    assert (folder / "sample.txt").read_text().strip() == "'a\\nbc'"


def test_an_exception_of_several_lines_is_one_line() -> None:
    def raises(image):
        raise ValueError("first\nsecond")

    report = compare(lambda image: image.astype(F), raises, examples=0)
    assert report.kind == "raises"
    assert "ValueError: first second" in report.sentence


@pytest.mark.parametrize(
    ("words", "arguments"),
    [
        ("standard signals", {"inputs": "signal", "shape": (500,)}),
        ("standard tables", {"inputs": "table", "shape": (20, 3)}),
        ("standard batches", {"inputs": "batch", "shape": (2, 8, 8, 3)}),
        ("2 samples", {"images": [({"a": 1},), ({"a": 2},)], "inputs": "array"}),
        ("standard images", {"shape": (12, 12, 3)}),
    ],
)
def test_what_was_compared_is_called_by_its_name(words, arguments) -> None:
    report = compare(lambda x: x, lambda x: x, examples=0, **arguments)
    assert words in str(report)
    assert f" {words.split()[-1]}" in report.sentence


@pytest.mark.parametrize(("shape", "count"), [((5, 8, 8, 3), 5), ((1, 8, 8, 3), 4), ((1, 8, 8, 4), 3)])
def test_a_batch_has_the_asked_number_of_images(shape, count) -> None:
    seen = set()

    def look(x):
        seen.add(len(x))
        return x

    compare(look, look, inputs="batch", shape=shape, examples=3)
    assert seen == {count}


def test_large_results_are_thinned_and_keep_the_largest_difference() -> None:
    def one(x):
        return np.zeros((3, 101, 64), F)

    def other(x):
        out = np.zeros((3, 101, 64), F)
        out[1, 50, 33] = 1
        return out

    kept = pictures(compare(one, other, shape=(8, 8, 3), examples=0))["pictures"]
    assert kept["reference"]["of"] == [3, 101, 64]
    assert kept["candidate"]["every"] == 3
    assert max(kept["candidate"]["values"]) == 1
    assert len(kept["candidate"]["values"]) == np.prod(kept["candidate"]["shape"]) <= 3072
    small = pictures(compare(lambda x: x, lambda x: x + 1, shape=(8, 8, 3), examples=0))["pictures"]
    assert "of" not in small["reference"]
    signal = pictures(compare(lambda x: np.zeros(9000, F), lambda x: np.ones(9000, F), inputs="signal", shape=(99,)))
    assert signal["pictures"]["candidate"]["shape"] == [3000]
