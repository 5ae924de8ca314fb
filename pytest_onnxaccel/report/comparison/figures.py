"""Which figures of a check may be compared over time, and from when on a change counts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from pytest_onnxaccel.core.results import CheckResult, Json
from pytest_onnxaccel.report.comparison.changes import Change
from pytest_onnxaccel.report.terminal.units import number, ratio, share
from pytest_onnxaccel.report.text_format import name, safe

#: An error counts as grown from this factor on: another processor rounds otherwise.
GROWN = 4.0
#: An error that takes less of its tolerance is not told, whatever it was before.
FROM_TOLERANCE = 0.1
#: A ratio whose bounds do not overlap those of before counts as worse from this loss on.
LOST = 0.1
#: A share of the weights that is reached less counts from here on.
REACHED_LESS = 0.01


def figures_changed(old: CheckResult, new: CheckResult, what: str) -> Iterator[Change]:
    """Yield what changed in the figures of one check that both runs judged."""
    yield from _errors(old.figures, new.figures, what)
    yield from _ratio(old.figures, new.figures, what)
    yield from _findings(old.figures, new.figures, what)
    yield from _coverage(old.figures, new.figures, what)


def _mapping(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, Mapping) else {}


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
    before, now = _mapping(old.get("outputs")), _mapping(new.get("outputs"))
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
                part = "" if used is None else f", {share(used)} of its tolerance"
                times = f" ({is_ / was:.3g} times)" if was > 0 and math.isfinite(is_) else ""
                text = f"{told}: max abs error was {was:.3g} and is {is_:.3g}{times}{part}"
                yield Change("error", True, what, text)
        wide = [number(side.get("atol")) for side in (before[output], figures)]
        if wide[0] is not None and wide[1] is not None and wide[1] > 2 * wide[0] > 0:
            yield Change("tolerance", False, what, f"{told}: atol was {wide[0]:.3g} and is {wide[1]:.3g}")


def _bounds(figures: Mapping[str, Json]) -> tuple[float, float, float] | None:
    """Return a ratio of two sides that were timed in turn, with its bounds; None where it has none."""
    middle = number(figures.get("speedup"))
    low, high = number(figures.get("speedup_low")), number(figures.get("speedup_high"))
    pair = figures.get("speedup_bounds")
    if (low is None or high is None) and isinstance(pair, (list, tuple)) and len(pair) == 2:
        low, high = number(pair[0]), number(pair[1])
    if middle is None or low is None or high is None or not low <= middle <= high:
        return None
    return (low, middle, high) if low > 0 and math.isfinite(high) else None


def _ratio(old: Mapping[str, Json], new: Mapping[str, Json], what: str) -> Iterator[Change]:
    over = new.get("speedup_over")
    if over != old.get("speedup_over") or not isinstance(over, str):
        return
    was, is_ = _bounds(old), _bounds(new)
    if was is None or is_ is None:
        return
    lost = is_[2] < was[0] and is_[1] < (1 - LOST) * was[1]
    won = is_[0] > was[2] and is_[1] > (1 + LOST) * was[1]
    if lost or won:
        texts = [f"{ratio(middle)} ({ratio(low)} to {ratio(high)})" for low, middle, high in (was, is_)]
        text = f"{what}: speed-up over {name(over, 40)} was {texts[0]} and is {texts[1]}"
        yield Change("ratio", lost, what, text)


def _findings(old: Mapping[str, Json], new: Mapping[str, Json], what: str) -> Iterator[Change]:
    if "by_kind" not in new or "by_kind" not in old:
        return
    before, now = _mapping(old["by_kind"]), _mapping(new["by_kind"])
    for kind, count in now.items():
        is_, was = number(count) or 0.0, number(before.get(kind)) or 0.0
        if is_ > was:
            yield Change("hygiene", True, what, f"{what}: {safe(kind, 60)}: {was:.0f} before, {is_:.0f} now")


def _coverage(old: Mapping[str, Json], new: Mapping[str, Json], what: str) -> Iterator[Change]:
    was, is_ = (number(_mapping(side.get("reach")).get("share")) for side in (old, new))
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
