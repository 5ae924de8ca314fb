"""The latency check: measure, compare where the budget asks for it, and confirm a failure in fresh processes."""

from __future__ import annotations

from collections.abc import Callable

from pytest_onnxaccel.backends.protocol import LoadOptions
from pytest_onnxaccel.checks.latency import relative_budget as ratios
from pytest_onnxaccel.checks.latency.check import latency, measure
from pytest_onnxaccel.checks.latency.paired_ratio import Arm, compare
from pytest_onnxaccel.checks.latency.relative_budget import Compared
from pytest_onnxaccel.core.errors import BackendUnavailable, NoBaseline
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import LatencyBudget
from pytest_onnxaccel.numerics.sampling.input_sets import Inputs
from pytest_onnxaccel.runner.latency.regression import baseline
from pytest_onnxaccel.runner.latency.timing_sessions import Bench

__all__ = ["Course", "NoBaseline", "attempt", "baseline", "check", "confirmed"]


@record(frozen=True)
class Course:
    """What is timed, and against what.

    Attributes:
        path: file of the model at the batch; None for the model's own file.
        batch: samples of one call; None for the model's own batch.
        baseline: name and file of what ``regression`` compares with.
        notes: facts that qualify the result.
        required: backends whose absence is a failure.
    """

    model: str
    backend: str
    path: str | None
    inputs: Inputs
    batch: int | None
    budget: LatencyBudget
    baseline: tuple[str, str] = ("", "")
    notes: tuple[str, ...] = ()
    required: frozenset[str] = frozenset()
    seed: int = 0

    @property
    def alternating(self) -> LoadOptions:
        """Sessions that take turns do not spin between them: they would spin against each other."""
        return LoadOptions(threads=self.budget.threads, spin=False)


def check(course: Course, bench: Callable[[bool], Bench]) -> CheckResult:
    """Time *course*; what fails is timed again in fresh processes, and fails only when it fails there too.

    Args:
        course: what is timed: session, inputs and budget.
        bench: gives one, with fresh processes or not.
    """
    with bench(False) as here:
        first = attempt(course, here)
    if first.verdict is not Verdict.FAILED:
        return first
    with bench(True) as apart:
        second = attempt(course, apart)
    return confirmed(first, second)


def confirmed(first: CheckResult, second: CheckResult) -> CheckResult:
    """Return a failure that a fresh process confirms; never a pass, whatever the second try says."""
    figures = {**second.figures, "confirmed": second.verdict is Verdict.FAILED}
    if second.verdict is Verdict.FAILED:
        details = (*second.details, f"confirmed in a fresh process; at first: {first.message}")
        return second.with_(figures=figures, details=details)
    return second.with_(
        verdict=Verdict.INCONCLUSIVE,
        code=first.code,
        figures=figures,
        message=f"failed, and not again in a fresh process: at first {first.message}; then {second.message}",
    )


def attempt(course: Course, bench: Bench) -> CheckResult:
    """Time *course* once in the sessions of *bench*.

    Raises:
        OnnxAccelError: the model does not run, or what it is compared with does not.
    """
    budget = course.budget
    session = bench.session(course.backend, course.path, LoadOptions(threads=budget.threads))
    measured = measure(session, course.inputs, budget, course.batch)
    compared = []
    if budget.speedup_over is not None:
        compared.append(_speedup(course, bench, *budget.speedup_over))
    if budget.regression is not None:
        compared.append(_regression(course, bench, budget.regression[0]))
    batch = course.batch or course.inputs.batch
    result = latency(course.model, course.backend, session, measured, budget, compared, batch)
    return result.with_(notes=(*result.notes, *course.notes))


def _arm(course: Course, bench: Bench, label: str, backend: str, path: str | None) -> Arm:
    session = bench.session(backend, path, course.alternating)
    return Arm(label, session, course.inputs.feeds(0, course.batch))


def _speedup(course: Course, bench: Bench, name: str, factor: float) -> Compared:
    try:
        other = _arm(course, bench, name, name, course.path)
    except BackendUnavailable:
        if name in course.required:
            raise
        return ratios.speedup(None, name, factor)
    mine, twin = (_arm(course, bench, course.model, course.backend, course.path) for _ in range(2))
    return ratios.speedup(compare(other, mine, twin, against=factor, seed=course.seed), name, factor)


def _regression(course: Course, bench: Bench, share: float) -> Compared:
    name, path = course.baseline
    mine = _arm(course, bench, course.model, course.backend, course.path)
    other, twin = (_arm(course, bench, name, course.backend, path) for _ in range(2))
    return ratios.regression(compare(mine, other, twin, against=1 + share, seed=course.seed), name, share)
