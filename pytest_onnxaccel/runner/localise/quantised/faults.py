"""A quantised model without a limit: what is proven wrong fails, and what its nodes lose is told in any case."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pytest_onnxaccel.core.errors import OnnxAccelError
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import ModelInfo
from pytest_onnxaccel.runner.localise.describe import Finding
from pytest_onnxaccel.runner.localise.failed_check import FailedCheck
from pytest_onnxaccel.runner.localise.known_cause import training_mode
from pytest_onnxaccel.runner.localise.quantised.loss import audited, faults_of
from pytest_onnxaccel.runner.localise.quantised.most_lost import finding
from pytest_onnxaccel.runner.sessions.comparison_sides import ComparisonSide

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array

#: What the names of operators begin with that compute in few whole numbers.
_QUANTISING = ("Quantize", "DynamicQuantize", "QLinear", "QGemm", "ConvInteger", "MatMulInteger")
#: So many of the constants that are wrong are told.
_TOLD = 5


def quantises(info: ModelInfo) -> bool:
    """Return whether a graph holds operators that turn floats into few whole numbers, or compute in those."""
    return any(name.rpartition(".")[2].startswith(_QUANTISING) for name in info.operators)


def proven(passed: FailedCheck, sides: tuple[ComparisonSide, ComparisonSide]) -> CheckResult:
    """Return a pass whose outputs are indices or sorted rows as failed where the model does not hold what it should.

    Little of that changes which rows are best; what is wrong shows on the next input.

    Args:
        passed: the check, with its request, result and inputs.
        sides: candidate and reference.
    """
    result = passed.result
    agreed = "(the outputs, which hold no values, agree on these samples)"
    try:
        report = audited(*sides)
        faults = faults_of(report)
        told = None if faults else finding(*sides, passed.feeds(), passed.drawn)
    except OnnxAccelError as error:
        return result.with_(notes=(*result.notes, f"constants were not compared: {error.cause}"))
    if faults:
        what = f"{len(faults)} of {report['judged']} constants are not those of {result.reference} {agreed}"
        message = f"{what}; origin: {report['faults'][0]['node']}"
        return result.with_(verdict=Verdict.FAILED, code="V_PARITY", message=message, details=faults[:_TOLD])
    if told is None or not told.figures.get("proven"):
        return result
    message = f"not all of it computes what {result.reference} does {agreed}{told.clause}"
    figures = {**result.figures, "localisation": told.figures}
    return result.with_(
        verdict=Verdict.FAILED, code="V_PARITY", message=message, details=told.details, figures=figures
    )  # fmt: skip


def _trains(sides: tuple[ComparisonSide, ComparisonSide], feeds: Mapping[str, Array]) -> Finding | None:
    """Return nodes of one side alone that are in training mode, where that is most of the difference."""
    ours, theirs = (side.session().run(feeds) for side in sides)
    names = [name for name in theirs if name in ours and ours[name].shape == theirs[name].shape]
    floats = [name for name in names if theirs[name].dtype.kind == "f"]
    return training_mode(sides, feeds, floats, (ours, theirs), quantised=True)


def weighed(failed: FailedCheck, sides: tuple[ComparisonSide, ComparisonSide]) -> CheckResult:
    """Return an inconclusive result as failed where constants are not those of the original, else with the losses.

    What goes wrong here is a note, and leaves the verdict as it is.

    Args:
        failed: the inconclusive check, with its request, result and inputs.
        sides: candidate and reference.
    """
    result = failed.result
    try:
        faults = faults_of(audited(*sides))
        if faults:
            what = result.message.partition("; ")[0]
            return result.with_(verdict=Verdict.FAILED, code="V_PARITY", message=what, details=faults[:_TOLD])
        feeds = failed.feeds()
        told = _trains(sides, feeds) or finding(*sides, feeds, failed.drawn)
        trains = "side" in told.figures.get("origin", {})
        if trains or told.figures.get("exchanged") or told.figures.get("proven"):  # it is looked into, as any failure
            what = result.message.partition("; ")[0]
            return result.with_(verdict=Verdict.FAILED, code="V_PARITY", message=what)
    except OnnxAccelError as error:
        return result.with_(notes=(*result.notes, f"losses were not measured: {error.cause}"))
    figures = {**result.figures, "localisation": told.figures}
    what, _, remedy = result.message.partition("; ")
    message = f"{what}{told.clause}; {remedy}"
    return result.with_(message=message, details=(*told.details, *result.details, told.seen), figures=figures)
