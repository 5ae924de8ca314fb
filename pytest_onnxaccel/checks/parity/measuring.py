"""When measuring noise could decide, and on which samples it is measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_onnxaccel.backends.protocol import Session
from pytest_onnxaccel.checks.inputs.finite import is_finite
from pytest_onnxaccel.checks.parity.case import SAMPLES, ParityCase
from pytest_onnxaccel.checks.parity.comparison import Agreement
from pytest_onnxaccel.checks.parity.tolerances import Limits
from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.specs import Tolerance
from pytest_onnxaccel.numerics.sampling.sample_numbers import WIDENED

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array
    from pytest_onnxaccel.checks.parity.decisions import Decisions


def of_large_inputs(limits: Limits) -> Limits:
    """Return tolerances of a sample whose inputs are drawn wider: what it needs is tolerated of it alone.

    What is locked was measured on other samples, and an absolute tolerance was given for outputs of their size.
    """

    def wider(given: Tolerance) -> Tolerance:
        return given if given.atol is None else replace(given, atol=given.atol * WIDENED)

    outputs = {name: wider(given) for name, given in limits.outputs.items()}
    return replace(limits, given=wider(limits.given), outputs=outputs, locked={}, floors=dict(limits.floors))


def both_runs(
    candidate: Session, reference: Session, feeds: Mapping[str, Array]
) -> tuple[Mapping[str, Array], Mapping[str, Array]] | None:
    """Return what both give; None where one of them refuses an extra sample, or overflows in it."""
    try:
        theirs = reference.run(feeds)
        return (candidate.run(feeds), theirs) if is_finite(theirs) else None
    except ModelError as error:
        if error.code not in ("E_RUN", "E_INPUT"):
            raise
        return None


def worth_measuring(agreement: Agreement, limits: Limits, decisions: Decisions | None) -> bool:
    """Return whether a measured drift could explain what is past rounding; so a plain pass costs nothing."""
    bad = agreement.bad()
    if bad and not all(
        name in agreement.hardest and limits.may_help(name, agreement.needed[name], agreement.hardest[name][2])
        for name in bad
    ):
        return False  # it fails in any case
    flips = decisions.flips() if decisions is not None else []
    return bool(bad) or bool(flips and all(change.margin < float("inf") for _, _, change in flips))


def telling_samples(case: ParityCase, agreement: Agreement) -> list[Mapping[str, Array]]:
    """Return at most :data:`SAMPLES` of the samples to measure on, those that need the widest tolerances among them."""
    first = dict.fromkeys(sample for sample, _, _ in agreement.hardest.values())
    count = sum(1 for _ in case.samples())
    chosen = list(dict.fromkeys([*first, *range(count)]))[: max(SAMPLES, len(first))]
    # One of a second look comes after those that are compared at first
    return [case.sample(index) for index in sorted(chosen)]
