"""Which figures of a check may be compared over time, and from when on a change counts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.results import CheckResult, Json
from pytest_onnxaccel.report.comparison.changes import Change
from pytest_onnxaccel.report.run_report import mapping
from pytest_onnxaccel.report.terminal import units
from pytest_onnxaccel.report.terminal.units import number, ratio, share
from pytest_onnxaccel.report.text_format import name, safe

#: An error counts as grown from this factor on: another processor rounds otherwise.
GROWN = 4.0
#: An error that takes less of its tolerance is not told, whatever it was before.
FROM_TOLERANCE = 0.1
#: A ratio whose bounds do not overlap those of before counts as worse from this loss on.
LOST = 0.1
#: The same where a report has no bounds: what was measured in turn in one run seldom differs by so much.
LOST_WITHOUT = 1 / 3
#: A share of the weights that is reached less counts from here on.
REACHED_LESS = 0.01


def figures_changed(old: CheckResult, new: CheckResult, what: str) -> Iterator[Change]:
    """Yield what changed in the figures of one check that both runs judged."""
    yield from _errors(old.figures, new.figures, what)
    yield from _ratio(old.figures, new.figures, what)
    yield from _findings(old.figures, new.figures, what)
    yield from _coverage(old.figures, new.figures, what)


def _list(value: Json) -> list[Json]:
    return list(value) if isinstance(value, (list, tuple)) else []


def taken(figures: Mapping[str, Json]) -> float | None:
    """Return how much of its tolerance the worst element of an output takes: 1 is all of it; None where unknown."""
    candidate, reference = number(figures.get("worst_candidate")), number(figures.get("worst_reference"))
    rtol, atol = number(figures.get("rtol")), number(figures.get("atol"))
    if candidate is None or reference is None or rtol is None or atol is None:
        return None
    bound = atol + rtol * abs(reference)
    apart = abs(candidate - reference)
    if not math.isfinite(apart) or bound < 0:
        return None
    return (0.0 if apart == 0 else math.inf) if bound == 0 else apart / bound


def _errors(old: Mapping[str, Json], new: Mapping[str, Json], what: str) -> Iterator[Change]:
    before, now = mapping(old.get("outputs")), mapping(new.get("outputs"))
    for output, figures in now.items():
        # The contract check's outputs are types and shapes
        if not isinstance(figures, Mapping) or not isinstance(before.get(output), Mapping):
            continue
        was, is_ = number(before[output].get("max_abs")), number(figures.get("max_abs"))
        used = taken(figures)
        told = f"{what}: output {name(output, 60)}"
        if was is not None and is_ is not None and (used is None or used >= FROM_TOLERANCE):
            grown = not math.isfinite(is_) if math.isfinite(was) else False
            if grown or is_ > GROWN * was:
                part = "" if used is None else f", {units.taken(used)} of its tolerance"
                times = f" ({is_ / was:.3g} times)" if was > 0 and math.isfinite(is_) else ""
                text = f"{told}: max abs error was {was:.3g} and is {is_:.3g}{times}{part}"
                yield Change("error", True, what, text)
        wide = [number(side.get("atol")) for side in (before[output], figures)]
        if wide[0] is not None and wide[1] is not None and wide[1] > 2 * wide[0] > 0:
            yield Change("tolerance", False, what, f"{told}: atol was {wide[0]:.3g} and is {wide[1]:.3g}")


@record(frozen=True)
class _Timed:
    """A ratio of two sides that were timed in turn; *bounds* are None where the report has none."""

    middle: float
    bounds: tuple[float, float] | None

    def __str__(self) -> str:
        if self.bounds is None:
            return f"{ratio(self.middle)} (no bounds)"
        return f"{ratio(self.middle)} ({ratio(self.bounds[0])} to {ratio(self.bounds[1])})"


def _timed(figures: Mapping[str, Json], kind: str, shift: float) -> _Timed | None:
    """Return the ratio *kind* of a check, *shift* added; None where there is none."""
    middle = number(figures.get(kind))
    low, high = number(figures.get(f"{kind}_low")), number(figures.get(f"{kind}_high"))
    pair = figures.get(f"{kind}_bounds")
    if (low is None or high is None) and isinstance(pair, (list, tuple)) and len(pair) == 2:
        low, high = number(pair[0]), number(pair[1])
    if middle is None or not 0 < middle + shift < math.inf:
        return None
    if low is None or high is None:
        return _Timed(middle + shift, None)
    if not low <= middle <= high or low + shift <= 0 or not math.isfinite(high):
        return None
    return _Timed(middle + shift, (low + shift, high + shift))


def _further(less: _Timed, more: _Timed) -> bool:
    """Return whether *more* is past *less* by more than chance: bounds apart, or without bounds far more."""
    if less.bounds is None or more.bounds is None:
        return more.middle * (1 - LOST_WITHOUT) > less.middle
    return less.bounds[1] < more.bounds[0] and less.middle < (1 - LOST) * more.middle


def _ratio(old: Mapping[str, Json], new: Mapping[str, Json], what: str) -> Iterator[Change]:
    """Compare speed-ups, where less is worse, and slow-downs against a file of reference, where more is worse."""
    for kind, other, shift, words in (
        ("speedup", "speedup_over", 0.0, "speed-up over"),
        ("regression", "regression_from", 1.0, "time as a multiple of that of"),
    ):
        over = new.get(other)
        if over != old.get(other) or not isinstance(over, str):
            continue
        was, is_ = _timed(old, kind, shift), _timed(new, kind, shift)
        if was is None or is_ is None:
            continue
        less, more = _further(is_, was), _further(was, is_)
        if less or more:
            text = f"{what}: {words} {name(over, 40)} was {was} and is {is_}"
            yield Change("ratio", less if kind == "speedup" else more, what, text)


def _findings(old: Mapping[str, Json], new: Mapping[str, Json], what: str) -> Iterator[Change]:
    if "by_kind" not in new or "by_kind" not in old:
        return
    before, now = mapping(old["by_kind"]), mapping(new["by_kind"])
    for kind, count in now.items():
        is_, was = number(count) or 0.0, number(before.get(kind)) or 0.0
        if is_ > was:
            yield Change("hygiene", True, what, f"{what}: {safe(kind, 60)}: {was:.0f} before, {is_:.0f} now")


def _coverage(old: Mapping[str, Json], new: Mapping[str, Json], what: str) -> Iterator[Change]:
    was, is_ = (number(mapping(side.get("reach")).get("share")) for side in (old, new))
    if was is not None and is_ is not None and is_ < was - REACHED_LESS:
        text = f"{what}: the inputs reached {share(was)} of the weights and reach {share(is_)}"
        yield Change("coverage", True, what, text)
    if was is not None and is_ is None:
        yield Change(
            "coverage", True, what, f"{what}: the inputs reached {share(was)} of the weights; not measured now"
        )
    sizes = [_list(side.get("sizes")) for side in (old, new)]
    lost = [size for size in sizes[0] if isinstance(size, int) and size not in sizes[1]]
    if lost:
        yield Change("coverage", True, what, f"{what}: batch sizes no longer run: {', '.join(map(str, lost))}")
    silent = [_list(side.get("silent")) for side in (old, new)]
    more = [str(output) for output in silent[1] if output not in silent[0]]
    if more:
        told = ", ".join(name(output, 40) for output in more[:5])
        yield Change("coverage", True, what, f"{what}: outputs that are now the same for every sample: {told}")
