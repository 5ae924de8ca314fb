"""The verdict of a finished comparison: the contract first, then stability, values and decisions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.backends.protocol import Session
from pytest_onnxaccel.checks.parity.comparison import Agreement
from pytest_onnxaccel.checks.parity.tolerances import Limits
from pytest_onnxaccel.config.lockfile import LOCK_NAME
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.numerics.compare.elementwise import figures

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array
    from pytest_onnxaccel.checks.parity.decisions import Decisions
    from pytest_onnxaccel.checks.parity.resample import SecondLook


def ruled(
    result: CheckResult,
    agreement: Agreement,
    limits: Limits,
    decisions: Decisions | None,
    sessions: tuple[Session, Session],
    feeds: Callable[[], Mapping[str, Array]],
) -> CheckResult:
    """Judge *result*: the contract first, then stability, then values, then decisions."""
    if agreement.problems:
        code = "V_NONFINITE" if agreement.problems[0].kind == "nonfinite" else "V_CONTRACT"
        result = result.with_(
            figures={**result.figures, "breach": agreement.problems[0].kind, "breach_sample": agreement.last}
        )
        return _failed(result, code, agreement.message(), agreement.details())
    if not agreement.ok:
        lines = agreement.details()
        if decisions is not None and decisions.flips():
            lines = (*lines[:-1], decisions.message(), lines[-1])
        outgrown = [name for name in agreement.bad() if limits.outgrown(name)]
        if outgrown:
            return _failed(result, "V_LOCK", _outgrown(outgrown[0], limits), (agreement.message(), *lines))
        code, unsteady = _unsteady(agreement, limits, sessions, feeds())
        if code:
            return _failed(result, code, unsteady, (agreement.message(), *lines))
        return _failed(result, "V_PARITY", agreement.message(), (*lines, unsteady) if unsteady else lines)
    if decisions is not None and decisions.flips():
        return _failed(result, "V_PARITY", decisions.message(), ("the values are within their tolerances",))
    if agreement.worst and all(agreement.empty.values()):
        message = f"nothing was compared: every output is empty in all {agreement.samples} samples"
        return result.with_(verdict=Verdict.INCONCLUSIVE, code="V_PARITY", message=message)
    error = result.figures.get("max_abs", 0.0)
    message = (
        f"{result.backend} agrees with {result.reference}: max abs error {error:.3g} over {agreement.samples} samples"
    )
    return result.with_(message=message)


def _failed(result: CheckResult, code: str, message: str, details: Sequence[str]) -> CheckResult:
    return result.with_(verdict=Verdict.FAILED, code=code, message=message, details=tuple(details))


def _unsteady(
    agreement: Agreement, limits: Limits, sessions: tuple[Session, Session], feeds: Mapping[str, Array]
) -> tuple[str, str]:
    """Return (``V_UNSTABLE`` or nothing, a line or nothing): which side differs between two equal runs.

    It is what failed where the difference is past the tolerance itself; a smaller one is only mentioned.
    """
    for side, session in zip(agreement.sides, sessions, strict=True):
        first, again = session.run(feeds), session.run(feeds)
        for name in first:
            if first[name].dtype.kind not in "fciubV" or first[name].shape != again[name].shape:
                continue
            found = figures(again[name], first[name], limits(name, first[name]))
            if found["max_abs"]:
                line = f"output {name!r} of {side} differs between two equal runs by up to {found['max_abs']:.3g}"
                return ("V_UNSTABLE" if found["bad_share"] else ""), line
    return "", ""


def _outgrown(name: str, limits: Limits) -> str:
    found = limits.lock(name)
    locked = found.atol or 0.0 if found is not None else 0.0
    needs = f"atol {limits.measured(name):.2g} ({limits.noise.origin(name) if limits.noise else ''})"
    return f"output {name!r}: the noise floor needs {needs}, {LOCK_NAME} allows {locked:.2g}: review and write it again"


def figures_of(
    agreement: Agreement, limits: Limits, decisions: Decisions | None, look: SecondLook | None, propose: bool
) -> dict[str, Any]:
    """Return the figures of the comparison; with *propose*, what the lock file should hold."""
    found = agreement.summary()
    if limits.noise is not None:
        found["noise"] = limits.noise.figures()
    if look is not None:
        found["second_look"] = look.figures()
    if decisions is not None:
        found["decision"] = decisions.figures()
    if propose:
        proposals = {name: limits.proposal(name) for name in agreement.worst}
        found["lock"] = {name: entry for name, entry in proposals.items() if entry is not None}
    return found


def notes_of(
    candidate: Session,
    reference: Session,
    agreement: Agreement,
    limits: Limits,
    decisions: Decisions | None,
    look: SecondLook | None,
) -> tuple[str, ...]:
    """Return what qualifies the verdict: of the sessions, of the measured noise, of decisions within it."""
    notes = [*candidate.info.notes, *reference.info.notes, *(limits.note(name) for name in agreement.worst)]
    if agreement.empty and not all(agreement.empty.values()):
        notes += [f"output {name!r} is empty in every sample" for name, empty in agreement.empty.items() if empty]
    notes += [look.note()] if look is not None else []
    notes += [decisions.note()] if decisions is not None else []
    return tuple(dict.fromkeys(filter(None, notes)))
