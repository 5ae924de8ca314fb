"""A round trip of conversions, leg by leg: does each result compute what the one before it computes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.backends.protocol import Session
from pytest_onnxaccel.checks.conversion.pair import Noisy, Pair
from pytest_onnxaccel.checks.parity.comparison import Agreement
from pytest_onnxaccel.core.errors import BackendUnavailable, ConversionError, OnnxAccelError
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.printing import counted
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import Tolerance
from pytest_onnxaccel.numerics.sampling.input_sets import Inputs

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array
    from pytest_onnxaccel.checks.parity.outputs.comparer import Comparer

    _Runs = Sequence[Mapping[str, Array]]

#: One random input misleads; these many distinct ones go through every stop.
SAMPLES = 3


@record(frozen=True)
class Stop:
    """Where a round trip comes by: its start, or what a conversion gave.

    Attributes:
        name: of the start (``source.pth``), or of the leg that led here (``leg 2: onnx -> pb``).
        session: runs it, under the names of the start; what stood against it where nothing can be run; None where a
            later stop's error left nothing to ask of it.
        notes: facts that qualify the leg.
        noise: how it is measured what its outputs may be off by.
    """

    name: str
    session: Session | OnnxAccelError | None
    notes: tuple[str, ...] = ()
    noise: Noisy | None = None


def round_trip_runs(
    model: str,
    stops: Sequence[Stop],
    inputs: Inputs | None,
    tolerance: Tolerance,
    outputs: Mapping[str, Tolerance] | None = None,
    required: bool = False,
    compared: Mapping[str, Comparer] | None = None,
) -> CheckResult:
    """Check that every stop agrees with the one before it, and the last with the first.

    Args:
        model: name of the source, as reports show it.
        stops: the start, then one per conversion.
        inputs: None where no stop has a session.
        tolerance: that of every comparison; what it leaves open goes by dtype.
        outputs: tolerances by output, in place of *tolerance*.
        required: a leg that cannot be taken is a failure, not merely *not applicable*.
        compared: what compares an output otherwise than element by element.
    """
    shown = " -> ".join(stop.name.partition(": ")[2].partition(" -> ")[2] or stop.name for stop in stops)
    result = CheckResult(
        model,
        "round-trip",
        Verdict.PASSED,
        reference=stops[0].name,
        batch=inputs.batch if inputs else None,
        notes=tuple(dict.fromkeys(f"{stop.name}: {note}" for stop in stops for note in stop.notes)),
    )
    figures: dict[str, Any] = {}
    feeds = [inputs.feeds(index) for index in range(SAMPLES)] if inputs is not None else []

    def agree(stop: Stop, other: Stop, ours: _Runs, theirs: _Runs) -> Agreement:
        noise = [one.noise for one in (stop, other) if one.noise is not None]
        pair = Pair((stop.name, other.name), tolerance, outputs, compared, noise)
        for candidate, reference, sample in zip(ours, theirs, feeds, strict=True):
            pair.add(candidate, reference, sample)
            if pair.agreement.problems:
                break
        return pair.agreement

    before: list[dict[str, Array]] = []
    first: list[dict[str, Array]] = []
    for at, stop in enumerate(stops):
        if stop.session is None:
            continue
        ran = _run(stop, feeds)
        if isinstance(ran, OnnxAccelError):
            return _stopped(result, stop, ran, required).with_(figures={"legs": figures})
        if at:
            agreement = agree(stop, stops[at - 1], ran, before)
            figures[stop.name] = agreement.summary()
            if not agreement.ok:
                left = [later.name for later in stops[at + 1 :]]
                after = (f"not judged after it: {', '.join(left)}",) if left else ()
                return _failed(result, stop.name, agreement, after).with_(figures={"legs": figures})
        before, first = ran, first or ran
    whole = agree(stops[-1], stops[0], before, first)
    figures["whole"] = whole.summary()
    result = result.with_(figures={"legs": figures, "max_abs": whole.summary().get("max_abs", 0.0)})
    if not whole.ok:
        return _failed(result, "the whole trip, though no leg alone,", whole, ())
    worst = counted([f"{name}: {found.get('max_abs', 0.0):.3g}" for name, found in figures.items()])
    return result.with_(message=f"{shown} agrees leg by leg over {SAMPLES} samples (max abs error {worst})")


def _run(stop: Stop, feeds: _Runs) -> list[dict[str, Array]] | OnnxAccelError:
    if isinstance(stop.session, OnnxAccelError):
        return stop.session
    assert stop.session is not None
    try:
        return [stop.session.run(sample) for sample in feeds]
    except OnnxAccelError as error:
        return error


def _stopped(result: CheckResult, stop: Stop, error: OnnxAccelError, required: bool) -> CheckResult:
    """Return the result of a leg that stopped: a missing converter, runtime or operator says little of the model."""
    lacking = isinstance(error, BackendUnavailable | ConversionError)
    verdict = Verdict.NOT_APPLICABLE if lacking and not required else Verdict.FAILED
    return result.with_(verdict=verdict, code=error.code, message=f"{stop.name} stopped: {error}")


def _failed(result: CheckResult, where: str, agreement: Agreement, after: tuple[str, ...]) -> CheckResult:
    code = "V_CONTRACT" if agreement.problems else "V_PARITY"
    message = f"{where} changes the model: {agreement.message()}"
    return result.with_(verdict=Verdict.FAILED, code=code, message=message, details=(*agreement.details(), *after))
