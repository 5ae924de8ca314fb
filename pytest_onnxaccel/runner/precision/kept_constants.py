"""A conversion to a narrower type: its constants are compared with the original's, node by node."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pytest_onnxaccel.core.errors import OnnxAccelError
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.runner.sessions.comparison_sides import ComparisonSide

_AUDIT = "pytest_onnxaccel.graph.precision.kept_constants:kept_constants"
#: So many constants that are wrong are told.
_TOLD = 5


def kept(
    result: CheckResult,
    ours: ComparisonSide,
    theirs: ComparisonSide,
    look: Callable[[CheckResult], CheckResult],
    given: bool,
    in_float32: Callable[[], tuple[str, str]],
) -> CheckResult:
    """Return *result* with what is proven of the conversion's constants; it fails where they are not the original's.

    Where a tolerance is the user's, it decides. What goes wrong here is a note, and leaves the verdict as it is.

    Args:
        result: of the parity check.
        ours: the conversion.
        theirs: its original.
        look: looks into a failure by values.
        given: the user gave a tolerance, or one is locked.
        in_float32: puts the nodes that are other ones into the original: which one it is, and what it changes there;
            nothing where that cannot be told, or is rounding.
    """
    dtype = str(result.figures.get("conversion", ""))
    try:
        found = ours.model_session.graph(_AUDIT, candidate=ours.file, reference=theirs.file, dtype=dtype)
    except OnnxAccelError as error:
        result = result.with_(notes=(*result.notes, f"constants were not compared: {error.cause}"))
        return look(result) if result.verdict is Verdict.FAILED else result
    result = result.with_(figures={**result.figures, "constants": found})
    if result.verdict is Verdict.FAILED:
        return _explained(result, look(result), found)
    lines = _lines(found)
    if given or not lines or result.verdict is not Verdict.PASSED:
        return result
    if found["faults"]:
        message = (
            f"{len(found['faults'])} of {found['judged']} constants are not those of {result.reference}, rounded to "
            f"{dtype} (the outputs differ by no more than such a conversion may); origin: {found['faults'][0]['node']}"
        )
    else:
        past, node = _past_every_rounding(result), found["others"][0]["node"]
        why = f"output {past!r} is further off than every rounding of {result.reference} to {dtype}"
        message = f"{why}, and a node is another one than there; origin: {node}"
        if not past:
            node, change = in_float32()
            message = f"{change} (in {dtype} the outputs differ by no more than such a conversion may); origin: {node}"
        if not node:
            return result
    return result.with_(verdict=Verdict.FAILED, code="V_PARITY", message=message, details=(*lines, *result.details))


def _past_every_rounding(result: CheckResult) -> str:
    """Return the output that no measured variant is as far off as; empty where there is none.

    A few times that much is rounding where all nodes are the original's. Where one is another, it is not.
    """
    drift = result.figures.get("noise", {}).get("drift", {})
    outputs = result.figures["outputs"]
    return next((n for n in outputs if n in drift and outputs[n].get("needed_atol", 0.0) > drift[n] > 0), "")


def _explained(before: CheckResult, looked: CheckResult, found: Mapping[str, Any]) -> CheckResult:
    """Return a failure with the node that is proven to be another one, where what was seen names none of them."""
    proven = [*found["faults"], *found["others"]]
    if not proven:
        return looked
    details = (*_lines(found), *looked.details)
    if any(one["node"] in looked.message for one in proven):
        return looked.with_(details=details)
    return looked.with_(message=f"{before.message}; origin: {proven[0]['node']}", details=details)


def _lines(found: Mapping[str, Any]) -> tuple[str, ...]:
    told = [f"constants: {one['node']}: {one['name']!r}: {one['text']}" for one in found["faults"]]
    told += [f"nodes: {one['node']}: {one['text']}" for one in found["others"]]
    seen = (f"compared {found['judged']} constants, node by node",) if found["faults"] else ()
    return (*told[:_TOLD], *seen)
