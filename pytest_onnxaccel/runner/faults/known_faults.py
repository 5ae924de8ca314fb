"""Faults that the user accepts by name: one that comes as it is named is expected, one that is gone is a failure."""

from __future__ import annotations

from pathlib import Path

from pytest_onnxaccel.core.comparisons import KnownFault
from pytest_onnxaccel.core.printing import identifier
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import ModelSpec
from pytest_onnxaccel.runner.request import Request


def check_id(request: Request) -> str:
    """Return how ids name a check: ``parity[onnx-tf~ort-cpu-b3]``."""
    reference = identifier(Path(request.reference).name) if request.reference else ""
    inside = request.backend + (f"~{reference}" if reference else "")
    if request.batch is not None:
        inside += f"-b{request.batch}"
    return request.check + (f"[{inside}]" if inside else "")


def with_known(result: CheckResult, request: Request, spec: ModelSpec) -> CheckResult:
    """Return *result* in view of the faults that the user accepts of this check.

    A fault that is named is expected (``xfail`` holds the reason), as that of a test that pytest expects to fail; any
    other failure stays one. A check that holds and has a fault named by its own id fails with ``V_KNOWN``.
    """
    for_check = [one for one in spec.known_faults if one.check == check_id(request)]
    if not for_check:
        return result
    if result.verdict is Verdict.FAILED:
        known = next((one for one in for_check if _is(one, result)), None)
        return result if known is None else _expected(result, known)
    return _gone(result, for_check[0]) if result.verdict is Verdict.PASSED else result


def _is(known: KnownFault, result: CheckResult) -> bool:
    return known.code == result.code and (not known.outputs or at_fault(result) <= {*known.outputs} != set())


def at_fault(result: CheckResult) -> set[str]:
    """Return the outputs that a failure is about; one without a name where nobody can tell."""
    outputs = result.figures.get("outputs")
    compared = outputs if isinstance(outputs, dict) else {}
    bad = {name for name, found in compared.items() if isinstance(found, dict) and found.get("bad_share")}
    return bad | set(map(str, result.figures.get("breach_outputs", ()))) or {""}


def _expected(result: CheckResult, known: KnownFault) -> CheckResult:
    return result.with_(xfail=known.reason, notes=(*result.notes, f"known fault, accepted: {known.reason}"))


def _gone(result: CheckResult, known: KnownFault) -> CheckResult:
    message = (
        f"the known fault {known.code} is gone ({known.reason}): remove {known.check!r} from {known.origin or 'known'}"
    )
    return result.with_(verdict=Verdict.FAILED, code="V_KNOWN", message=message, details=(result.message,))
