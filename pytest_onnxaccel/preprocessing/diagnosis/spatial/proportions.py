"""Explanations by the size of the content: stretched where the reference keeps proportions, or another part of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.preprocessing.diagnosis.evidence import LEVELS, Evidence, Finding
from pytest_onnxaccel.preprocessing.diagnosis.spatial.placement import planes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

#: Images on which proportions show: wide and high.
SIZES = ((72, 120), (120, 72))
#: Least difference of two steps that is one of size, and in pixels of the result over the whole content: another grid
#: (aligned corners) is less.
RATIO, PIXELS = 1.03, 1.5
#: Fewest pixels of a content whose step can be told.
FEW = 6


@record(frozen=True)
class Steps:
    """How many rows and columns of the image one of the result stands for, and how many the content has."""

    steps: tuple[float, float]
    counts: tuple[int, int]

    @property
    def even(self) -> bool:
        """Proportions are kept."""
        return max(self.steps) < RATIO * min(self.steps)

    def __str__(self) -> str:
        return f"{self.steps[0]:.3g} x {self.steps[1]:.3g}"


def resized_content(evidence: Evidence) -> Finding | None:
    """Find a content that is shown in another size: gradients rise in other steps."""
    if not evidence.domain.picture or evidence.domain.step == (3, 2) or evidence.affine is None:
        return None
    told: Finding | None = None
    for size in SIZES:
        sides = [_steps(evidence, size, which) for which in (0, 1)]
        mine, theirs = sides
        if mine is None or theirs is None:
            return None
        if told is None and _apart(mine, theirs):
            told = "offset", _words(evidence, mine, theirs, evidence.size(size))
    return told


def _apart(mine: Steps, theirs: Steps) -> bool:
    for one, other, count in zip(mine.steps, theirs.steps, mine.counts, strict=True):
        more = max(one / other, other / one)
        if more > RATIO and (more - 1) * count > PIXELS:
            return True
    return False


def _words(evidence: Evidence, mine: Steps, theirs: Steps, size: tuple[int, int]) -> str:
    what = "the content has another size"
    if mine.even and not theirs.even:
        what = "the candidate stretches the image where the reference keeps its proportions"
    elif theirs.even and not mine.even:
        what = "the candidate keeps the proportions of an image that the reference stretches"
    shown = f"one pixel of its result stands for {theirs} of the image's, one of the reference's for {mine}"
    return f"{what}: on an image of {size[0]}x{size[1]} {shown}"


def _steps(evidence: Evidence, size: tuple[int, int], which: int) -> Steps | None:
    """Return the steps of one side (0 the reference); None where its result does not show the image."""
    assert evidence.affine is not None
    assert evidence.greys is not None
    affine, greys = evidence.affine[which], evidence.greys[which]
    slope, offset = float(affine.slope.flat[0]), float(affine.offset.flat[0])
    line = slope * evidence.domain.numbers(LEVELS).astype(np.float64) + offset
    # what is rounded is nearly a line; what is clipped, or a curve, says nothing of places
    if not slope or not np.abs(line - greys[:, 0]).max() <= 0.01 * np.ptp(greys[:, 0]):
        return None
    found: list[float] = []
    counts: list[int] = []
    for down in (True, False):
        table = _levels(evidence, size, which, down)
        if table is None:
            return None
        levels, content = table
        rows, columns = content.any(1), content.any(0)
        if not rows.any():
            return None
        inner = levels[rows][:, columns]
        profile = np.median(inner, axis=1 if down else 0)
        across = np.abs(inner - (profile[:, None] if down else profile[None])).max()
        profile = (profile - offset) / slope
        black, white = evidence.domain.ends
        place = (profile - black) / (white - black)
        if place.size < FEW or across > 0.02 * abs(slope) * (white - black):
            return None
        at = np.arange(place.size)
        part = slice(max(1, place.size // 8), place.size - max(1, place.size // 8))
        step, start = np.polyfit(at[part], place[part], 1)
        if np.abs(step * at[part] + start - place[part]).max() > 0.02 or step <= 0:
            return None
        length = evidence.size(size)[0 if down else 1]
        found.append(float(step) * (length - 1))
        counts.append(place.size)
    return Steps((found[0], found[1]), (counts[0], counts[1]))


def _levels(evidence: Evidence, size: tuple[int, int], which: int, down: bool) -> tuple[Array, Array] | None:
    """Return the first plane of a gradient's result, and where it changes with the image."""
    domain = evidence.domain
    height, width = evidence.size(size)
    line = domain.numbers(np.linspace(0, 255, height if down else width))  # type: ignore[arg-type]
    image = np.zeros((height, width, domain.depth), domain.dtype)
    image[...] = line[:, None, None] if down else line[None, :, None]
    back = image[::-1] if down else image[:, ::-1]
    results = []
    for one in (image, back, evidence.flat([40], size), evidence.flat([210], size)):
        given = np.ascontiguousarray(one)
        trial = evidence.run(given if domain.channels is not None or given.ndim == 2 else given[:, :, 0].copy())
        if trial is None:
            return None
        side = trial.reference if which == 0 else trial.candidate
        table = planes(side, domain.depth)
        if table is None or min(table.shape[1:]) < 2 or not np.isfinite(table).all():
            return None
        results.append(table[0])
    if len({result.shape for result in results}) > 1:
        return None
    content = np.abs(results[2] - results[3]) > 1e-4 * max(float(np.abs(results[2] - results[3]).max()), 1e-30)
    rows, columns = content.any(1), content.any(0)
    whole = bool(content.any() and content[rows][:, columns].all())
    return (results[0], content) if whole else None
