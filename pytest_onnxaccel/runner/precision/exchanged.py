"""A conversion to a narrower type that has another node: what that node changes is told in float32.

The noise of few digits hides what a small change of an operator does. It is none of their doing: put into the original,
and computed as that is, the same node must change nothing that is more than float32 rounds.
"""

from __future__ import annotations

from dataclasses import replace

from pytest_onnxaccel.checks.parity.case import ParityCase
from pytest_onnxaccel.checks.parity.check import parity
from pytest_onnxaccel.core.errors import OnnxAccelError
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.runner.sessions.comparison_sides import ComparisonSide, derived

_EXCHANGED = "pytest_onnxaccel.graph.precision.exchanged:exchanged"


def exchanged_in_float32(
    ours: ComparisonSide, theirs: ComparisonSide, case: ParityCase, result: CheckResult
) -> tuple[str, str]:
    """Compare the original with itself, with the nodes in it that are other ones in the conversion.

    Args:
        ours: the conversion.
        theirs: its float32 original.
        case: what the check compared, and on what.
        result: of the check, which passed.

    Returns:
        The node, and what it changes, in words; empty where the outputs are those of the original, where there is no
        such node that can be put in, or where the user said how outputs are compared.
    """
    if case.decision is not None or any(comparer.given for comparer in case.comparers.values()):
        return "", ""
    dtype = str(result.figures.get("conversion", ""))
    target = derived(theirs.model_session, "exchanged")
    try:
        found = theirs.model_session.graph(
            _EXCHANGED, candidate=ours.file, reference=theirs.file, target=target, dtype=dtype
        )["nodes"]
        if not found:
            return "", ""
        session = theirs.at(target).session()
        again = parity(replace(case, candidate_session=session, known=None, types=None, telling=None))
    except OnnxAccelError:
        return "", ""
    finally:
        theirs.model_session.forget(target)
    if again.verdict is not Verdict.FAILED or again.code != "V_PARITY":
        return "", ""
    output = again.figures["worst_output"]
    change = again.figures["outputs"][output]["max_abs"]
    node = found[0]
    return node["node"], (
        f"{node['node']}: {node['text']}; put into {result.reference}, in float32, that changes output {output!r} by "
        f"{change:.3g}"
    )
