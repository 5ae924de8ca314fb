"""Does a candidate give what a reference gives, within a tolerance, element by element."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_onnxaccel.backends.protocol import Session
from pytest_onnxaccel.checks.agreement import Agreement
from pytest_onnxaccel.numerics.inputs import Inputs
from pytest_onnxaccel.results import CheckResult, Verdict
from pytest_onnxaccel.spec import TensorSpec, Tolerance

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array

#: One random input misleads; these many distinct ones are compared.
SAMPLES = 3


def parity(
    model: str,
    backend: str,
    reference: str,
    candidate_session: Session,
    reference_session: Session,
    inputs: Inputs,
    tolerance: Tolerance,
    outputs: Mapping[str, Tolerance] | None = None,
    seeds: Sequence[int] = (),
    batch: int | None = None,
    known: Callable[[int], Mapping[str, Array]] | None = None,
) -> CheckResult:
    """The candidate's outputs equal the reference's within the tolerance.

    Args:
        seeds: one sample for each; without any, :data:`SAMPLES` distinct ones of the inputs' own seed.
        batch: batch size to feed; None for the model's own.
        known: the candidate's outputs of a default sample at its own batch, where they need no second run.
    """
    agreement = Agreement((backend, reference), tolerance, outputs or {})
    for index, feeds in enumerate(samples(inputs, seeds, batch)):
        ours = known(index) if known and batch is None and not seeds else candidate_session.run(feeds)
        agreement.add(ours, reference_session.run(feeds))
        if agreement.problems:
            break
    notes = dict.fromkeys((*candidate_session.info.notes, *reference_session.info.notes))
    result = CheckResult(
        model, "parity", Verdict.PASSED, backend=backend, reference=reference, batch=batch or inputs.batch,
        figures=agreement.summary(), notes=tuple(notes),
    )  # fmt: skip
    if agreement.ok:
        error = result.figures.get("max_abs", 0.0)
        message = f"{backend} agrees with {reference}: max abs error {error:.3g} over {agreement.samples} samples"
        return result.with_(message=message)
    if agreement.problems:
        result = result.with_(figures={**result.figures, "breach": agreement.problems[0].kind})
    code = "V_CONTRACT" if agreement.problems else "V_PARITY"
    return result.with_(verdict=Verdict.FAILED, code=code, message=agreement.message(), details=agreement.details())


def samples(inputs: Inputs, seeds: Sequence[int], batch: int | None) -> Iterator[dict[str, Array]]:
    """The feeds that parity compares, in order."""
    if seeds:
        for seed in seeds:
            yield replace(inputs, seed=seed).feeds(0, batch)
        return
    for index in range(SAMPLES):
        yield inputs.feeds(index * (batch or 1), batch)


def input_problems(
    candidate: Sequence[TensorSpec], reference: Sequence[TensorSpec], sides: tuple[str, str]
) -> list[str]:
    """Why two models cannot be fed the same: inputs by name, dtype and shape."""
    ours, theirs = ({spec.name: spec for spec in side} for side in (candidate, reference))
    found = [f"{sides[0]} lacks input {spec} of {sides[1]}" for name, spec in theirs.items() if name not in ours]
    extra = [spec for name, spec in ours.items() if name not in theirs]
    found += [f"{sides[0]} has an input {spec} that {sides[1]} lacks" for spec in extra]
    for name, b in theirs.items():
        if name not in ours:
            continue
        a = ours[name]
        if a.dtype != b.dtype or not _compatible(a, b):
            found.append(f"input {a} of {sides[0]} is {b} in {sides[1]}")
    return found


def _compatible(a: TensorSpec, b: TensorSpec) -> bool:
    if a.shape is None or b.shape is None:
        return True
    sizes = zip(a.shape, b.shape, strict=False)
    return len(a.shape) == len(b.shape) and all(
        x == y or not isinstance(x, int) or not isinstance(y, int) for x, y in sizes
    )
