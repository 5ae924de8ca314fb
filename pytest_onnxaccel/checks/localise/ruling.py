"""Who is wrong: engines compared with what arithmetic, or golden data, says is right. Pure: takes arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.checks.localise.odd_one_out import CLEAR
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.numerics.compare.distance import Gap, floor, gap

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array

    Outputs = Mapping[str, Array]


@record(frozen=True)
class Truth:
    """What the outputs must be.

    Attributes:
        outputs: by name.
        by: what says so, in words: ``float64``, ``exact integers``, ``golden data``.
        where: of which part of the model, in words.
        steps: integers come from a rounding: those one step apart are equal.
    """

    outputs: Outputs
    by: str
    where: str
    steps: bool = False


@record(frozen=True)
class Ruling:
    """What follows for each engine.

    Attributes:
        wrong, right: engines; one that is in neither could not be told.
        by: as :class:`Truth` has it.
        sentence: all of it in words.
        distances: by engine, from what is right.
    """

    wrong: tuple[str, ...]
    right: tuple[str, ...]
    by: str
    sentence: str
    distances: Mapping[str, Gap]

    def to_json(self) -> dict[str, Any]:
        told = [{"engine": name, "distance": far.share, "max_abs": far.max_abs} for name, far in self.distances.items()]
        return {"wrong": list(self.wrong), "right": list(self.right), "by": self.by, "from_right": told}


def rule(
    truth: Truth, outputs: Mapping[str, Outputs], sides: tuple[str, str], plain: Mapping[str, str] | None = None
) -> Ruling | None:
    """Find which engines give what is right, and which do not.

    One is right that is nearer to it than a tenth of how far the two *sides* are apart, or within rounding; one is
    wrong that is past both, and ten times as far from it as the nearest.

    Args:
        truth: what is right, and what says so.
        outputs: by engine, its outputs by name.
        sides: the two engines whose difference is to be explained.
        plain: by engine without optimizations, the same with them: where both are wrong, or right, the second is told.

    Returns:
        None where no output can be compared.
    """
    names = [name for name in truth.outputs if all(name in found for found in outputs.values())]
    if not names or any(side not in outputs for side in sides):
        return None
    far = {engine: _farthest(truth, found, names) for engine, found in outputs.items()}
    ours, theirs = (outputs[side] for side in sides)
    apart = max((_measure(gap(ours[name], theirs[name]), truth) for name in names), default=0.0)
    least = max(floor(str(ours[name].dtype)) for name in names)
    limit = max(apart / CLEAR, least) if isfinite(apart) else least
    nearest = min(_measure(one, truth) for one in far.values())
    right = tuple(engine for engine, one in far.items() if _measure(one, truth) <= limit)
    wrong = tuple(
        engine
        for engine, one in far.items()
        if _measure(one, truth) > limit and _measure(one, truth) >= CLEAR * nearest
    )
    if not right:
        wrong = () if len(wrong) < len(far) and nearest > limit and apart <= limit else wrong
    wrong, right = (tuple(e for e in one if (plain or {}).get(e) not in one) for one in (wrong, right))
    return Ruling(wrong, right, truth.by, _sentence(truth, far, wrong, right), far)


def _measure(one: Gap, truth: Truth) -> float:
    """Return how far apart the two are: for integers that were rounded, the steps beyond the first."""
    if one.share == float("inf"):
        return one.share
    return max(0.0, one.max_abs - 1.0) if truth.steps else one.share


def _farthest(truth: Truth, found: Outputs, names: Sequence[str]) -> Gap:
    gaps = []
    for name in names:
        right = truth.outputs[name]
        fits = right.shape == found[name].shape
        gaps.append(gap(found[name], right.astype(found[name].dtype) if fits else right))
    return max(gaps, key=lambda one: _measure(one, truth))


def _sentence(truth: Truth, far: Mapping[str, Gap], wrong: Sequence[str], right: Sequence[str]) -> str:
    start = f"by {truth.by}, {truth.where}"
    shown = {engine: _shown(one, truth) for engine, one in far.items()}
    if wrong:
        text = f"{start}: {listed(wrong)} {'is' if len(wrong) == 1 else 'are'} wrong, {shown[wrong[0]]} off"
        if right:
            return f"{text}; {listed(right)} {'is' if len(right) == 1 else 'are'} right, to {shown[right[0]]}"
        return text
    if right:
        return f"{start}: all are right but for rounding, {listed(right)} to {shown[right[-1]]}"
    return f"{start}: none is right: " + ", ".join(f"{engine} is {text} off" for engine, text in shown.items())


def _shown(one: Gap, truth: Truth) -> str:
    if one.why:
        return one.why
    return f"{one.max_abs:.3g} steps" if truth.steps else f"{one.share:.1e} of the scale"


def listed(names: Sequence[str]) -> str:
    """Return *names* as a list in a sentence."""
    return ", ".join(names[:-1]) + (" and " if len(names) > 1 else "") + names[-1]
