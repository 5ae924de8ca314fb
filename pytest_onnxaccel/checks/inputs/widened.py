"""What must run in addition to the first sample: further lengths, ends of tables, every sample that is compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from pytest_onnxaccel.checks.inputs.finite import are_finite, without_missing
from pytest_onnxaccel.checks.inputs.resolved import ResolvedInputs
from pytest_onnxaccel.checks.inputs.trial import Trial
from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.numerics.sampling.input_sets import Inputs
from pytest_onnxaccel.numerics.sampling.sample_numbers import ABSENT, LONG
from pytest_onnxaccel.numerics.sampling.size_sets import (
    assignments,
    longer,
    only_lengths,
    other_lengths,
    sweep,
    told_apart,
)

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array

#: Samples that are made sure to run; parity compares as many.
SETTLED = 3
#: A sample that does not run is drawn again so often.
REDRAWS = 4
#: Samples that have sizes of their own, and sizes that are tried for each.
_MOST_PLACED, _MOST_SIZES = 2, 24
#: A run at the length of a table may take so many multiplications: a third of a second of one core.
_MOST_PRODUCTS = 10**10


def widened(trial: Trial, found: ResolvedInputs) -> ResolvedInputs:
    """Return *found* with further lengths, and with every sample that is compared made sure to run."""
    inputs = found.inputs
    kept: list[Mapping[str, int]] = []
    refused: dict[str, tuple[int, str]] = {}
    for sizes in other_lengths(trial.free, inputs.sizes):
        different = told_apart(trial.free, sizes, inputs.sizes)
        if different is not None and _agrees(trial, inputs, different):
            kept.append(different)
            continue
        cause = _refusal(trial, inputs, sizes)
        if not cause:
            kept.append(sizes)
        asked = [key for key in trial.free.swept if sizes.get(key) != inputs.sizes.get(key)]
        refused |= {key: (sizes[key], cause) for key in asked if cause}
    kept += [sizes for sizes in _compared(trial, inputs) if sizes not in kept]
    stuck = _stuck(trial, inputs, kept)
    inputs = replace(inputs, others=tuple(kept), long=_long(trial, inputs), absent=_absent(trial, inputs))
    if inputs.golden:
        return replace(
            found, inputs=_after(trial, inputs), tries=trial.tries, samples=SETTLED, stuck=stuck, refused=refused
        )
    risky = _risky(inputs) and are_finite(inputs, found.outputs)
    if risky:
        inputs = _redrawn(trial, inputs)
        # A size that other values ask for is another one that runs
        moved = {key for sizes in inputs.placed.values() for key in stuck if sizes.get(key) != inputs.sizes.get(key)}
        stuck = {key: told for key, told in stuck.items() if key not in moved}
    return replace(
        found, inputs=inputs, tries=trial.tries, samples=SETTLED if risky else 1, stuck=stuck, refused=refused
    )


def _long(trial: Trial, inputs: Inputs) -> Mapping[str, int] | None:
    """Return sizes at which a table that is read by position is read to its end; None where there is none.

    Where a run at that length is past *_MOST_PRODUCTS*, each weight once for each element of it, it is left out: by
    count, so that the same inputs are fed on every machine.
    """
    wanted = longer(trial.free, inputs.specs, inputs.sizes, trial.facts.longest)
    if not wanted or inputs.golden or inputs.files or _dear(trial, inputs, wanted):
        return None
    try:
        found = trial.free.complete({**inputs.sizes, **wanted})
        trial.run(replace(inputs, long=found).for_sample(LONG), LONG)
    except ModelError as error:
        if error.code not in ("E_RUN", "E_INPUT", "E_SIZE"):
            raise
        return None
    return found


def _dear(trial: Trial, inputs: Inputs, sizes: Mapping[str, int]) -> bool:
    """Return whether a run at *sizes* takes too many multiplications."""
    return (trial.facts.weights or 0) * (inputs.batch or 1) * max(sizes.values()) > _MOST_PRODUCTS


def _compared(trial: Trial, inputs: Inputs) -> list[dict[str, int]]:
    """Return sizes that a condition of the graph tells apart: on both sides of it, where the model runs so."""
    found: list[dict[str, int]] = []
    for name, numbers in trial.facts.compared.items() if not inputs.golden and not inputs.files else ():
        for key in only_lengths(trial.free, [spec for spec in inputs.specs if spec.name == name], inputs.sizes):
            for size in numbers:
                if size == inputs.sizes[key] or _dear(trial, inputs, {key: size}):
                    continue
                sizes = trial.free.complete({**inputs.sizes, key: size})
                if _agrees(trial, inputs, sizes):
                    found.append(sizes)
    return found


def _absent(trial: Trial, inputs: Inputs) -> tuple[str, ...]:
    """Return the optional inputs without which the model runs; none where it needs one of them."""
    found = tuple(spec.name for spec in inputs.specs if spec.kind.startswith("optional"))
    if not found or any(not inputs.made_up(name) for name in found):
        return ()
    try:
        trial.run(replace(inputs, absent=found), ABSENT)
    except ModelError as error:
        if error.code not in ("E_RUN", "E_INPUT"):
            raise
        return ()
    return found


def _agrees(trial: Trial, inputs: Inputs, sizes: Mapping[str, int]) -> bool:
    """Return whether the model runs at *sizes*, and gives finite outputs of the sizes that it declares."""
    tried = replace(inputs, sizes=sizes)
    try:
        outputs = trial.run(tried, 0)
    except ModelError as error:
        if error.code not in ("E_RUN", "E_INPUT"):
            raise
        return False
    scattered = trial.whole and trial.scattered(tried, outputs)
    return are_finite(tried, outputs) and trial.corrected(tried, outputs) is None and not scattered


def _refusal(trial: Trial, inputs: Inputs, sizes: Mapping[str, int]) -> str:
    """Return why the model does not run at *sizes*, or what it does to the batch there; empty where it does."""
    tried = replace(inputs, others=(sizes,), variant=1)
    try:
        outputs = trial.run(tried, 1 + len(inputs.golden))
    except ModelError as error:
        if error.code not in ("E_RUN", "E_INPUT"):
            raise
        return error.cause
    return trial.scattered(tried, outputs) if trial.whole else ""


def _stuck(trial: Trial, inputs: Inputs, kept: Sequence[Mapping[str, int]]) -> dict[str, tuple[int, str]]:
    """Return free dimensions of which no other size runs, together with the others or alone, by what was tried."""
    left = {key for key in trial.free.open if not any(sizes[key] != inputs.sizes[key] for sizes in kept)}
    causes: dict[str, str] = {}
    for sizes in sweep(trial.free, inputs.sizes):
        changed = {key for key in left if sizes[key] != inputs.sizes[key]}
        if not changed:
            continue
        cause = _refusal(trial, inputs, sizes)
        square = {key for key in changed if cause and _square(trial, inputs, sizes, key)}
        left -= square if cause else changed
        changed -= square
        causes |= dict.fromkeys(changed, cause)
    return {key: (inputs.sizes[key], causes[key]) for key in sorted(left) if key in causes}


def _square(trial: Trial, inputs: Inputs, sizes: Mapping[str, int], key: str) -> bool:
    """Return whether *key*, an axis without a name, only has to be as long as the one taken for the batch."""
    given = inputs.golden or inputs.files or any(one.shape is not None for one in inputs.given)
    if given or inputs.symbol is not None or not inputs.dynamic or not key.rpartition(":")[2].isdecimal():
        return False
    return not _refusal(trial, replace(inputs, batch=sizes[key]), sizes)


def _after(trial: Trial, inputs: Inputs) -> Inputs:
    """Return *inputs* with what is drawn after the golden samples seen to run.

    Where that fails, these are repeated.
    """
    for index in range(1, len(inputs.golden)):
        trial.run(inputs, index)
    redrawn: dict[int, int] = {}
    for index in range(len(inputs.golden), max(SETTLED, inputs.telling, len(inputs.golden) + inputs.variants)):
        again = _legal(trial, inputs, redrawn, index)
        if again is None:
            return replace(inputs, repeated=True, others=(), redrawn={})
        redrawn[index] = again
    return replace(inputs, redrawn=redrawn)


def _redrawn(trial: Trial, inputs: Inputs) -> Inputs:
    redrawn = dict(inputs.redrawn)
    whole = without_missing(inputs)
    missing = whole is not inputs
    for index in range(1, max(SETTLED, inputs.telling)):
        again = _legal(trial, inputs, redrawn, index, sure=_sure_of_all(inputs) and not missing)
        if missing and again != 0:
            return _redrawn(trial, whole)  # what stands for a missing number is read by more than what replaces it
        if again:
            redrawn[index] = again
        elif again is None:
            inputs = _as_first(trial, replace(inputs, redrawn=redrawn), index)
    return replace(inputs, redrawn=redrawn)


def _as_first(trial: Trial, inputs: Inputs, index: int) -> Inputs:
    """Return *inputs* where sample *index*, of which no draw runs, has the first one's values where these choose.

    Its own values may ask for other sizes, as a branch for another sampling rate does: it has those where they run.
    What runs, and gives what is not finite, stays: that is for the contract check to tell.
    """
    held = replace(inputs, as_first=inputs.as_first | {index})
    if _outputs(trial, inputs, index) is not None or _outputs(trial, held, index) is None:
        return inputs
    if inputs.files or not trial.free.open or len(inputs.placed) == _MOST_PLACED:
        return held
    for sizes in islice(assignments(inputs, trial.free, trial.dim_hints), _MOST_SIZES):
        tried = replace(held, placed={**inputs.placed, index: sizes})
        outputs = _outputs(trial, tried, index)
        if outputs is None or not are_finite(tried, outputs):
            continue
        if trial.corrected(tried.for_sample(index), outputs) is None:
            return tried
    return held


def _outputs(trial: Trial, inputs: Inputs, index: int) -> Mapping[str, Array] | None:
    """Return what sample *index* gives; None where it does not run."""
    try:
        return trial.run(inputs.for_sample(index), index)
    except ModelError as error:
        if error.code not in ("E_RUN", "E_INPUT", "E_SIZE"):
            raise
        return None


def _legal(trial: Trial, inputs: Inputs, redrawn: Mapping[int, int], index: int, sure: bool = False) -> int | None:
    """Return how often sample *index* is drawn again until it runs; None where no draw does.

    Args:
        inputs: those that are tried.
        redrawn: how often earlier samples were drawn again, by number.
        index: number of the sample.
        sure: all values are known to be legal, so outputs need not be finite.
    """
    for again in range(REDRAWS):
        tried = replace(inputs, redrawn={**redrawn, index: again})
        try:
            outputs = trial.run(tried.for_sample(index), index)
        except ModelError as error:
            if error.code not in ("E_RUN", "E_INPUT"):
                raise
            continue
        if sure or are_finite(inputs, outputs):
            return again
    return None


def _sure_of_all(inputs: Inputs) -> bool:
    """Return whether every value is legal by graph or user: then a non-finite output is the model's own."""
    return all(inputs.origin(spec.name) in ("golden", "given", "graph") for spec in inputs.specs)


def _risky(inputs: Inputs) -> bool:
    """Return whether a later sample may be refused where the first one runs: values that index, count or choose."""
    return any(
        inputs.made_up(spec.name) and not (spec.name in inputs.domains and inputs.domains[spec.name].exact is not None)
        for spec in inputs.specs
        if "float" not in spec.dtype or inputs.domains.get(spec.name) is not None
    )
