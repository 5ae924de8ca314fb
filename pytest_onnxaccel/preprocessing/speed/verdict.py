"""Is a candidate faster than its reference by the factor that was asked: passed, failed, or inconclusive.

Judged after equivalence. The output is made contiguous inside the timed region, because a lazy transpose only moves
the bill to the session; images differ from call to call, because the same image rewards a cache.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.core.errors import ConfigError, printable
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.results import Verdict

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Image = NDArray[Any]

#: What is judged: an image of uint8 to an array.
Function = Callable[[Any], Any]

#: Time after which no further pairs are taken, seconds.
SECONDS = 1.0
#: Slow functions may take so many times as long to reach the fewest pairs that can decide.
STRETCH = 4
#: Numbers of pairs at which the figures are looked at; each look may err, so they share :data:`ERROR`.
LOOKS = (16, 48, 144, 432)
#: Chance of a bound on the wrong side of the truth, over all looks.
ERROR = 0.005
#: Distinct images that take turns.
IMAGES = 6


@record(frozen=True)
class SpeedVerdict:
    """How a speed-up was judged.

    Attributes:
        factor: what was asked: the candidate at least so many times as fast.
        ratio: reference over candidate, by the fastest sample of each.
        low, high: bounds of the median ratio within a pair; outside them with a chance of :data:`ERROR` each.
        cpu_ratio: the same ratio in CPU time; far from *ratio*, one side uses several cores.
        reference_ms, candidate_ms: median wall time of a call.
        pairs: samples taken of each side, *calls* calls each.
        seconds: what the judgement took.
    """

    verdict: Verdict
    factor: float
    ratio: float
    low: float
    high: float
    cpu_ratio: float
    reference_ms: float
    candidate_ms: float
    pairs: int
    calls: int
    seconds: float

    @property
    def sentence(self) -> str:
        """What was asked and what is, in one line."""
        from pytest_onnxaccel.numerics.timing.interleave import bounds_text

        measured = f"{self.ratio:.2f}x ({bounds_text(self.low, self.high, '.2f')})"
        times = f"{self.reference_ms:.3g} ms to {self.candidate_ms:.3g} ms over {self.pairs} pairs"
        if self.verdict is Verdict.PASSED:
            return f"{measured} as fast as the reference, {self.factor:g}x asked; {times}"
        if self.verdict is Verdict.FAILED:
            return f"only {measured} as fast as the reference, {self.factor:g}x asked; {times}"
        return f"{measured} as fast as the reference does not decide about {self.factor:g}x; {times}"

    def to_json(self) -> dict[str, Any]:
        """Return it in builtins only."""
        return {**asdict(self), "verdict": self.verdict.value}


def judge_speed(  # noqa: PLR0913 - called by users, who give each by its name
    reference: Function,
    candidate: Function,
    factor: float,
    shape: tuple[int, ...] = (240, 320, 3),
    seed: int = 0,
    seconds: float = SECONDS,
    dtype: str = "uint8",
    *,
    span: tuple[float, float] | None = None,
) -> SpeedVerdict:
    """Time both functions in alternation until the bounds decide about *factor*, or *seconds* have gone.

    *Passed* and *failed* both need two witnesses: the bounds of the paired ratio and the ratio of the minima.

    Raises:
        ConfigError: ``E_INPUT``: one of them raises on a random image.
    """
    from pytest_onnxaccel.numerics.timing.interleave import Alternation, Calls

    start = time.perf_counter()
    inputs = images(shape, seed, dtype=dtype, span=span)
    try:
        calls = Calls(contiguous(reference, inputs), contiguous(candidate, inputs))
    except Exception as error:
        cause = (
            f"nothing to time: {type(error).__name__} on a random image of shape {shape}: {printable(str(error), 100)}"
        )
        raise ConfigError(cause, code="E_INPUT", remedy="give the deployed shape as shape=") from None
    alternation = Alternation(calls, seed=seed)
    pairs, confidence = alternation.pairs(), 1 - ERROR / len(LOOKS)
    verdict, low, high = Verdict.INCONCLUSIVE, 0.0, math.inf
    for look in LOOKS:
        limit = seconds * (STRETCH if len(pairs) < LOOKS[0] else 1)
        alternation.take(look, max(0.0, start + limit - time.perf_counter()))
        if not len(pairs):
            alternation.take(1, math.inf)
        low, high = pairs.interval(confidence)
        verdict = _verdict(factor, pairs.ratio_of_minima(), low, high)
        if verdict is not Verdict.INCONCLUSIVE or len(pairs) < look:
            break
    first, second = pairs.medians_ns()
    return SpeedVerdict(
        verdict,
        factor,
        pairs.ratio_of_minima(),
        low,
        high,
        pairs.cpu_ratio(),
        first / 1e6,
        second / 1e6,
        len(pairs),
        calls.calls,
        time.perf_counter() - start,
    )


def _verdict(factor: float, ratio: float, low: float, high: float) -> Verdict:
    if low >= factor and ratio >= factor:
        return Verdict.PASSED
    return Verdict.FAILED if high < factor and ratio < factor else Verdict.INCONCLUSIVE


def images(
    shape: tuple[int, ...],
    seed: int = 0,
    count: int = IMAGES,
    dtype: str = "uint8",
    span: tuple[float, float] | None = None,
) -> list[Image]:
    """Return distinct random images of *shape*, with values that a byte can have whatever the *dtype*, or of *span*."""
    import numpy as np

    random = np.random.default_rng(seed)
    if span is not None:
        low, high = span
        return [(low + random.random(shape) * (high - low)).astype(dtype) for _ in range(count)]
    return [random.integers(0, 128 if dtype == "int8" else 256, shape).astype(dtype) for _ in range(count)]


def contiguous(function: Function, inputs: Sequence[Image]) -> Callable[[int], object]:
    """Return a call that takes the next image and pays for a contiguous result.

    Each call gets an image that none of the 16 thousand calls before had: two of its elements hold the count.
    """
    import numpy as np

    make, spread = np.ascontiguousarray, len(inputs)
    flat = [image.reshape(-1) for image in inputs]
    if inputs[0].dtype.kind == "f" and max(float(np.abs(image).max()) for image in inputs) < 128:
        # a count of whole numbers would be illegal here: each image is scaled a little differently instead
        def scaled(index: int) -> object:
            image = inputs[index % spread]
            flat[index % spread][0] = image.flat[1 % image.size] * (1 - (index % 997) / 1e6)
            return make(function(image))

        return scaled

    def call(index: int) -> object:
        turn = index % spread
        marked = flat[turn]
        marked[0], marked[-1] = index & 127, index >> 7 & 127
        return make(function(inputs[turn]))

    return call
