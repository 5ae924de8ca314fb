"""The judgement on a speed-up: never a claim of what is not there, and what is there is seen."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.results import Verdict
from pytest_onnxaccel.numerics.timing import interleave as alternation
from pytest_onnxaccel.numerics.timing.interleave import Alternation, Calls, Pairs
from pytest_onnxaccel.preprocessing import compare
from pytest_onnxaccel.preprocessing.speed import verdict as judging
from pytest_onnxaccel.preprocessing.speed.verdict import contiguous, images, judge_speed

Image = NDArray[Any]


class Clock:
    """Time that passes while somebody works or waits: what a busy neighbour does to the real one is not in it."""

    def __init__(self) -> None:
        self.now = 0
        self.worked = 0

    def perf_counter_ns(self) -> int:
        return self.now

    def perf_counter(self) -> float:
        return self.now / 1e9

    def process_time_ns(self) -> int:
        return self.worked

    def taking(self, ms: float, working: bool = True) -> Callable[[Image], Image]:
        """A function that takes *ms*, of the CPU too or waiting for something else."""

        def function(image: Image) -> Image:
            self.now += int(ms * 1e6)
            self.worked += int(ms * 1e6) * working
            return image

        return function


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(alternation, "time", made)
    monkeypatch.setattr(judging, "time", made)
    return made


def article(image: Image) -> Image:
    """The article's "do not": a mean for each channel, all alike."""
    image_mean = np.array([127, 127, 127])
    return (image - image_mean) / 128


def elegant(image: Image) -> Image:
    """The article's "do": constants."""
    return (image - 127.0) / 128.0


def test_the_articles_equal_means_pass_and_are_measured_faster() -> None:
    report = compare(article, elegant, shape=(500, 500, 3), faster=1.2)
    assert report.equivalent
    # Three times as fast in truth; a loaded machine may leave it open, and must not refute it
    assert report.verdict is not Verdict.FAILED, report
    if report.verdict is Verdict.PASSED:
        assert report.timings.ratio > 1.2


def test_the_articles_different_means_are_refuted_as_truncation() -> None:
    def different(image: Image) -> Image:
        return (image - np.array([127, 120, 107])) / 128

    def by_channel(resized: Image) -> Image:
        image = np.zeros_like(resized)
        image[:, :, 0] = (resized[:, :, 0] - 127.0) / 128.0
        image[:, :, 1] = (resized[:, :, 1] - 120.0) / 128.0
        image[:, :, 2] = (resized[:, :, 2] - 107.0) / 128.0
        return image

    report = compare(different, by_channel, shape=(100, 100, 3), faster=1.0)
    assert (report.equivalent, report.kind, report.timings) == (False, "truncation", None)
    assert report.minimal is not None
    assert report.minimal.shape == (1, 1, 3)


@pytest.mark.parametrize("factor", [1.05, 1.2, 1.5])
def test_a_function_is_not_faster_than_itself(factor: float) -> None:
    claims = sum(
        judge_speed(elegant, elegant, factor, (120, 160, 3), seed, 0.3).verdict is Verdict.PASSED for seed in range(10)
    )
    assert claims == 0


def test_a_lazy_transpose_is_billed() -> None:
    def eager(image: Image) -> Image:
        return np.ascontiguousarray(image.transpose(2, 0, 1))

    def lazy(image: Image) -> Image:
        return image.transpose(2, 0, 1)

    found = judge_speed(eager, lazy, 1.5, (240, 320, 3))
    assert found.verdict is not Verdict.PASSED
    assert found.ratio < 10  # unbilled it is hundreds


def test_a_cache_of_results_gains_nothing() -> None:
    known: dict[bytes, Image] = {}

    def cached(image: Image) -> Image:
        return known.setdefault(image.tobytes(), elegant(image))

    class Keyed:
        """Answers from a cache wherever the image was seen."""

        hits = 0

        def __call__(self, image: Image) -> Image:
            key = image.tobytes()
            self.hits += key in known
            return known[key] if key in known else cached(image)

    keyed = Keyed()
    judge_speed(elegant, keyed, 1.0, (8, 8, 3), seconds=0.05)
    assert keyed.hits == 0


def test_a_slow_pair_is_decided_by_few_samples(clock: Clock) -> None:
    found = judge_speed(clock.taking(20, False), clock.taking(2, False), 3, (4, 4, 3), seconds=0.4)
    assert found.verdict is Verdict.PASSED
    assert (found.calls, found.pairs) == (1, 16)
    hopeless = judge_speed(clock.taking(30, False), clock.taking(30, False), 1.0, (4, 4, 3), seconds=0.01)
    assert (hopeless.verdict, math.isinf(hopeless.high)) == (Verdict.INCONCLUSIVE, True)
    assert "does not decide about 1x" in hopeless.sentence


def test_the_verdict_needs_both_witnesses() -> None:
    assert judging._verdict(2.0, 2.1, 2.0, 2.2) is Verdict.PASSED
    assert judging._verdict(2.0, 1.9, 2.0, 2.2) is Verdict.INCONCLUSIVE
    assert judging._verdict(2.0, 2.1, 1.9, 2.2) is Verdict.INCONCLUSIVE
    assert judging._verdict(2.0, 1.5, 1.4, 1.9) is Verdict.FAILED
    assert judging._verdict(2.0, 2.1, 1.4, 1.9) is Verdict.INCONCLUSIVE


def test_figures_are_json_and_the_sentence_has_the_interval(clock: Clock) -> None:
    found = judge_speed(clock.taking(3), clock.taking(1), 1.2, (240, 320, 3))
    data = json.loads(json.dumps(found.to_json()))
    assert data["verdict"] == found.verdict.value == "passed"
    assert (data["reference_ms"], data["candidate_ms"]) == pytest.approx((3, 1))
    assert "3.00x (3.00 to 3.00) as fast as the reference, 1.2x asked; 3 ms to 1 ms over" in found.sentence
    assert found.cpu_ratio == pytest.approx(3)


def test_what_cannot_be_decided_ends_in_time(clock: Clock) -> None:
    """Mostly slower, and faster at its best: the two witnesses contradict each other."""
    turns, mostly, at_best = iter(range(10**6)), clock.taking(4), clock.taking(1)
    found = judge_speed(lambda image: (mostly if next(turns) % 6 else at_best)(image), clock.taking(2), 1.0, (4, 4, 3))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert judging.SECONDS <= found.seconds < 1.1 * judging.SECONDS


def test_real_functions_have_real_figures() -> None:
    found = judge_speed(article, elegant, 1.2, (240, 320, 3))
    assert found.reference_ms > 0
    assert found.candidate_ms > 0
    assert f"{found.ratio:.2f}x ({found.low:.2f} to " in found.sentence


def test_pairs_alternate_and_the_interval_holds_the_median() -> None:
    order: list[str] = []
    calls = Calls(lambda _: order.append("a"), lambda _: order.append("b"))
    order.clear()
    calls.calls = 1
    alternation = Alternation(calls, seed=1)
    alternation.take(40, 10)
    fours = ["".join(order[i : i + 4]) for i in range(0, len(order), 4)]
    assert set(fours) == {"abba", "baab"}
    assert len(alternation) == len(alternation.pairs()) == 40
    pairs = Pairs(first=[float(n) for n in range(1, 22)], second=[1.0] * 21)
    low, high = pairs.interval(0.99)
    assert low < 11 < high
    assert pairs.ratio_of_minima() == 1.0
    assert Pairs(first=[1.0], second=[1.0]).interval(0.99) == (0.0, math.inf)


def test_images_differ_from_call_to_call() -> None:
    inputs = images((5, 7, 3))
    seen = []
    call = contiguous(lambda image: seen.append(image.tobytes()) or image[::2], inputs)
    results = [call(index) for index in range(300)]
    assert len(set(seen)) == 300
    contiguous(np.negative, images((1, 1)))(3)
    assert images((2, 2, 3), dtype="float32")[0].dtype == np.float32
    assert all(isinstance(result, np.ndarray) and result.flags.c_contiguous for result in results)


def test_a_function_that_refuses_images_cannot_be_timed() -> None:
    def refuses(image: Image) -> Image:
        raise ValueError("another size, please")

    with pytest.raises(ConfigError, match=r"ValueError on a random image of shape .4, 4, 3.: another size"):
        judge_speed(elegant, refuses, 1.5, (4, 4, 3))


def test_floats_are_timed_on_floats() -> None:
    pictures = [np.full((6, 8, 3), value, np.float32) for value in (0, 1, 255)]

    def plain(image: Image) -> Image:
        assert image.dtype == np.float32
        return image * np.float32(2)

    assert compare(plain, plain, images=pictures, shape=(6, 8, 3), faster=1.5, examples=5).timings is not None
