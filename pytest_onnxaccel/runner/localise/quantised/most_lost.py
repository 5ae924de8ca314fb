"""Which part of a quantised model to look at first."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.checks.localise.exchanged import exchanged_in_few_bits
from pytest_onnxaccel.checks.localise.exchanged import told as told_names
from pytest_onnxaccel.checks.precision.ranges import Range, share_past
from pytest_onnxaccel.runner.localise.describe import Finding
from pytest_onnxaccel.runner.localise.quantised.loss import Loss, audited, faults_of, losses
from pytest_onnxaccel.runner.sessions.comparison_sides import ComparisonSide

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array

#: So many nodes are named.
_NAMED = 5
#: Rounding of weights and of what is read costs so much beside that of the result, in dB.
_USUAL = 6.0
#: A node that loses so much more than it must, in dB, and more than the one that loses most, is named before that one.
_CLEAR = 3.0
#: An input's range is in question where so large a share of the others is too narrow, and settled where so few are.
_MOST_PAST, _FEW_PAST = 0.5, 0.1
#: By how much it may be too wide, and by how much more than that with which so few are too narrow.
_NARROWER, _FURTHER = (4, 8, 16, 32, 64), 2


def finding(
    ours: ComparisonSide, theirs: ComparisonSide, feeds: Mapping[str, Array], drawn: Collection[str] = ()
) -> Finding:
    """Return the part of a quantised model to look at first, and what the others lose.

    Args:
        ours: the quantised model.
        theirs: its original.
        feeds: a sample.
        drawn: inputs whose values nobody gave: they reach as far as what the model holds them in.

    Raises:
        OnnxAccelError: a side cannot be run.
    """
    report = audited(ours, theirs)
    faults = faults_of(report)
    swapped = {} if faults else exchanged_in_few_bits(*(side.session().run(feeds) for side in (ours, theirs)))
    if swapped:
        line = f"origin: outputs under other names: {told_names(swapped)}"
        clause = f"; outputs exchanged: {told_names(swapped)}"
        return Finding(clause, (line,), "compared the outputs alone", {"exchanged": swapped})
    ranges = {name: Range(*known) for name, known in report["ranges"].items()}
    lost = losses(ours, theirs, feeds, ranges)
    figures: dict[str, Any] = {"faults": list(report["faults"])}
    lines = [f"origin: {fault}" for fault in faults[:_NAMED]]
    clause = ""
    if faults:
        clause = f"; origin: {faults[0]}"
        figures["origin"] = {"node": report["faults"][0]["node"], "value": report["faults"][0]["name"]}
    elif lost:
        wide = _too_wide((ours, theirs), feeds, lost, {name: ranges[name] for name in drawn if name in ranges})
        lost, also = wide or (lost, ())
        lines += also
        off = _off(lost)
        if off:
            first, texts = off
            clause, figures["proven"] = f"; origin: {texts[0]}", list(texts)
            figures["origin"] = {"node": first.node, "value": first.value, "confirmed": True}
            lines += [f"origin: {text}" for text in texts[:_NAMED]]
    if lost and not clause:
        worst, why = _worst(lost)
        clause = f"; most is lost at {worst}{why}"
        node = worst.misfit.node if worst.misfit.text else worst.node
        figures["origin"] = {"node": node, "value": worst.value}
    figures["loss"] = [loss.to_json() for loss in lost]
    lines += [
        f"{loss.node}: by definition it keeps {_db(loss.defined)}: the kernel of {ours.backend} gives something else"
        for loss in lost
        if loss.defined is not None
    ]
    lines += [f"loss alone, {place}. of {len(lost)}: {loss}" for place, loss in enumerate(lost[:_NAMED], 1)]
    seen = f"{len(lost)} nodes were fed what the original computes there, {report['judged']} constants were compared"
    return Finding(clause, tuple(lines), seen, figures)


def _off(lost: Sequence[Loss]) -> tuple[Loss, list[str]] | None:
    """Return the part that is furthest off what its numbers explain, and each such part in words."""
    found = sorted((loss for loss in lost if loss.unexplained), key=lambda loss: -loss.unexplained)
    texts = [
        f"{loss.node}: {loss.value!r}: fed what the original computes there, it keeps {_db(loss.sqnr)}; the original's "
        f"{loss.original} keeps {_db(loss.same)} in the same numbers"
        for loss in found
    ]
    return (found[0], texts) if found else None


def _db(left: float | None) -> str:
    return f"{left:.1f} dB" if left is not None and math.isfinite(left) else "all"


def _worst(lost: Sequence[Loss]) -> tuple[Loss, str]:
    """Return the one of *lost* to look at first, and why, where it is not that of which least is left."""
    worst = max(lost, key=lambda loss: loss.excess)
    if worst.excess > max(_USUAL, lost[0].excess + _CLEAR):
        return worst, f", {worst.excess:.0f} dB more than its numbers must"
    return lost[0], ""


def _too_wide(
    sides: tuple[ComparisonSide, ComparisonSide],
    feeds: Mapping[str, Array],
    lost: Sequence[Loss],
    drawn: Mapping[str, Range],
) -> tuple[list[Loss], tuple[str, ...]] | None:
    """Return the losses on inputs that the other ranges fit, where that of an input is the one that does not.

    Inputs that nobody gave were drawn as far as their range goes. One that is too wide makes what follows too large for
    most ranges behind it, which are right.

    Args:
        sides: candidate and reference.
        feeds: that *lost* was measured on.
        lost: by each part.
        drawn: ranges of such inputs.
    """
    if not drawn or share_past(loss.misfit for loss in lost if loss.value not in feeds) <= _MOST_PAST:
        return None
    ranges = {loss.value: loss.range for loss in lost if loss.range is not None} | dict(drawn)
    fitted = 0
    for times in _NARROWER:
        narrow = {name: feeds[name].clip(held.low / times, held.high / times) for name, held in drawn.items()}
        found = losses(*sides, {**feeds, **narrow}, ranges)
        if share_past(loss.misfit for loss in found if loss.value not in feeds) > _FEW_PAST:
            continue
        fitted = fitted or times
        worst = _worst(found)[0] if found else None
        if worst is None or times > _FURTHER * fitted:
            return None
        if worst.value not in drawn:
            continue
        line = (
            f"most ranges hold what inputs up to {times} times as small as {worst.misfit.node} can hold need: the "
            "losses are those on such inputs"
        )
        return found, (line,)
    return None
