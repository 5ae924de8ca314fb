"""Finds inputs that a model runs on: sizes that hold together, and values inside their domains."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from math import prod
from typing import TYPE_CHECKING

from pytest_onnxaccel.backends.protocol import Session
from pytest_onnxaccel.checks.inputs.finite import finite
from pytest_onnxaccel.checks.inputs.prepared import give_data, prepare_inputs
from pytest_onnxaccel.checks.inputs.resolved import ResolvedInputs
from pytest_onnxaccel.checks.inputs.trial import Trial
from pytest_onnxaccel.checks.inputs.widened import REDRAWS, widened
from pytest_onnxaccel.core.domains import InputFacts
from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.specs import ModelInfo, ModelSpec
from pytest_onnxaccel.numerics.sampling.declared import declared_facts, dim_at
from pytest_onnxaccel.numerics.sampling.free_sizes import FreeSizes, free_sizes
from pytest_onnxaccel.numerics.sampling.input_sets import Inputs
from pytest_onnxaccel.numerics.sampling.size_sets import assignments, sums

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array

#: Ranges tried for integer inputs of which nothing is known: indices, then all zeros, then all ones.
_INTEGER_RANGES = (None, (0, 1), (1, 2))
#: Where nothing runs, values are drawn again at so many sets of sizes.
_AGAIN = 3
#: So many sets of sizes are tried before those in which one is the sum of two others.
_BEFORE_SUMS = 2
#: Batches that are tried where the model does not run at 1.
_OTHER_BATCHES = (2, 3, 4, 8, 16)
#: So many sizes are tried for one at which an output has the batch that was fed.
_OF_A_BATCH = 16
#: And none of them is so many times as large as the first one that ran.
_MUCH_LARGER = 16
#: Sizes that outputs contradict are taken from them so often.
_ROUNDS = 4


def find_inputs(
    session: Session,
    info: ModelInfo,
    spec: ModelSpec,
    seed: int,
    root: str = "",
    facts: InputFacts | None = None,
    golden: Sequence[Mapping[str, Array]] = (),
) -> ResolvedInputs:
    """Return the inputs on which *session* runs.

    Args:
        session: the model, to try inputs in.
        info: what the model declares.
        spec: what the user says of its inputs.
        seed: the same seed gives the same inputs on every machine.
        root: folder whose modules a preprocessing function is imported from; the current one by default.
        facts: what the graph says of its inputs; without them, what the declarations say.
        golden: inputs that are known to be legal, all of the same shapes; they come first.

    Raises:
        ModelError: ``E_INPUT`` when nothing that was tried runs; the model's own error when there was nothing to try.
    """
    facts = facts or declared_facts(info)
    base = prepare_inputs(info, spec, seed, root, facts, golden)
    free = free_sizes(base, facts, spec.dims)
    trial = Trial(session, info, free, facts)
    last = ModelError("no size was small enough to be tried", code="E_INPUT", remedy=give_data(spec.name))
    fallback: ResolvedInputs | None = None
    scattered = ""
    for sizes, inputs in _with_sums(base, free, info):
        if scattered and fallback is not None and _elements(inputs) > _MUCH_LARGER * _elements(fallback.inputs):
            continue
        trial.free = sizes
        try:
            found = _first(trial, inputs)
        except ModelError as error:
            if error.code not in ("E_RUN", "E_INPUT"):
                raise
            last = error
            continue
        scattered = trial.scattered(found.inputs, found.outputs)
        if not scattered and all(getattr(array, "size", 1) for array in found.outputs.values()):
            trial.whole = True
            return widened(trial, finite(trial, found))
        fallback = fallback or found
        if scattered and trial.tries >= _OF_A_BATCH:
            break
    if fallback is not None:
        return widened(trial, finite(trial, fallback))
    trial.free = free
    for inputs in _drawn_again(base, free, info):
        try:
            found = finite(trial, _first(trial, inputs))
            return widened(trial, replace(found, inputs=_held(found.inputs)))
        except ModelError as error:
            if error.code not in ("E_RUN", "E_INPUT"):
                raise
    tries = trial.tries
    for inputs in _at_other_batches(base, free, info, spec):
        try:
            return widened(trial, finite(trial, _first(trial, inputs)))
        except ModelError as error:
            if error.code not in ("E_RUN", "E_INPUT"):
                raise
    if _is_no_batch(base, spec, golden):
        with suppress(ModelError):
            alone = replace(facts, batch=None, axes={})
            return find_inputs(session, info, spec, seed, root, alone)
    trial.tries = tries
    if trial.tries <= 1 and not _value_guessed(base):
        raise last
    raise ModelError(
        f"none of {trial.tries} guesses for its {_made_up(base)}; the last error: {last.cause}",
        code="E_INPUT",
        remedy=give_data(spec.name),
    )


def _elements(inputs: Inputs) -> int:
    """Return how many numbers a sample of *inputs* holds."""
    return sum(map(prod, inputs.shapes().values()))


def _is_no_batch(base: Inputs, spec: ModelSpec, golden: Sequence[Mapping[str, Array]]) -> bool:
    """Return whether what was taken for the batch may be a length: of inputs of one axis each, which nobody named."""
    lists = all(len(one.shape or ()) == 1 for one in base.specs)
    said = golden or spec.inputs or spec.dims or "batch" in (base.symbol or "").lower()
    return bool(lists and base.dynamic and not said)


def _with_sums(base: Inputs, free: FreeSizes, info: ModelInfo) -> Iterator[tuple[FreeSizes, Inputs]]:
    """Yield candidates; after the most plausible ones those in which a length is the sum of two others."""
    plain = _candidates(base, free, info)
    yield from ((free, inputs) for inputs in islice(plain, _BEFORE_SUMS))
    for summed in sums(free, base.specs):
        yield from ((summed, inputs) for inputs in islice(_candidates(base, summed, info), 1))
    yield from ((free, inputs) for inputs in plain)


def _candidates(base: Inputs, free: FreeSizes, info: ModelInfo) -> Iterator[Inputs]:
    integers = any(
        spec.dtype.startswith(("int", "uint")) and spec.name not in base.domains and base.made_up(spec.name)
        for spec in base.specs
    )
    for sizes in assignments(base, free, info.dim_hints):
        for limits in _INTEGER_RANGES if integers else (None,):
            yield replace(base, sizes=sizes, integers=limits)


def _drawn_again(base: Inputs, free: FreeSizes, info: ModelInfo) -> Iterator[Inputs]:
    """Yield the most plausible sizes with other values inside the domains, where values may decide what runs."""
    if not any(base.made_up(name) and domain.kind != "number" for name, domain in base.domains.items()):
        return
    for inputs in islice(_candidates(base, free, info), _AGAIN):
        for again in range(1, REDRAWS):
            yield replace(inputs, redrawn={0: again})
    # A count may be what a matrix of the file has on one side: the depth of a one-hot code before a layer
    numbers = {spec.name for spec in base.specs if spec.shape in ((), (1,))}
    counts = [n for n, d in base.domains.items() if n in numbers and d.kind == "size" and d.exact is None]
    for inputs in islice(_candidates(base, free, info), 1 if counts else 0):
        for hint in info.dim_hints:
            told = {n: replace(base.domains[n], low=hint, high=hint) for n in counts if base.made_up(n)}
            yield replace(inputs, domains={**inputs.domains, **told})


def _at_other_batches(base: Inputs, free: FreeSizes, info: ModelInfo, spec: ModelSpec) -> Iterator[Inputs]:
    """Yield the most plausible sizes at larger batches, where nobody said which: a TopK may ask for more than 1."""
    said = base.golden or base.files or any(one.shape is not None for one in base.given)
    names = {base.symbol, *(dim_at(one, base.axes.get(one.name, -1)) for one in base.specs)}
    if said or base.batch != 1 or not base.dynamic or any(dim.name in names for dim in spec.dims):
        return
    for batch in _OTHER_BATCHES:
        yield from islice(_candidates(replace(base, batch=batch), free, info), 1)


def _first(trial: Trial, inputs: Inputs) -> ResolvedInputs:
    """Return what the first sample gives, at sizes that its outputs do not contradict where there are such."""
    outputs = trial.run(inputs, 0)
    agreed = inputs
    for _ in range(_ROUNDS):
        changed = trial.corrected(agreed, outputs)
        if changed is None:
            inputs = agreed
            break
        agreed = replace(agreed, sizes=changed)
        try:
            outputs = trial.run(agreed, 0)
        except ModelError as error:
            if error.code not in ("E_RUN", "E_INPUT"):
                raise
            outputs = trial.run(inputs, 0)
            break
    return _resolved(trial, inputs, outputs)


def _resolved(trial: Trial, inputs: Inputs, outputs: Mapping[str, Array]) -> ResolvedInputs:
    guessed = {key: inputs.sizes[key] for key in trial.free.open if key in inputs.sizes}
    shaped = {
        output: tuple(name for name in names if inputs.made_up(name) and not _sure(inputs, name))
        for output, names in trial.facts.value_shaped.items()
    }
    drawn = frozenset(
        output
        for output, names in trial.facts.value_shaped.items()
        if inputs.golden and not all(_sure(inputs, name) for name in names)
    )
    return ResolvedInputs(
        inputs, outputs, trial.tries, 1, guessed, {k: v for k, v in shaped.items() if v}, drawn_shaped=drawn
    )


def _sure(inputs: Inputs, name: str) -> bool:
    """Return whether the values of input *name* follow from the sizes: nothing of them is a guess."""
    return name in inputs.domains and inputs.domains[name].exact is not None


def _held(inputs: Inputs) -> Inputs:
    """Return *inputs* whose sizes, counts and axes are those of the first sample, which runs: another draw may not."""
    fed = inputs.feeds(0)
    held = {
        name: replace(domain, exact=tuple(fed[name].reshape(-1).tolist()))
        for name, domain in inputs.domains.items()
        if domain.kind == "size" and domain.exact is None and inputs.made_up(name) and name in fed
    }
    return replace(inputs, domains={**inputs.domains, **held}) if held else inputs


def _value_guessed(base: Inputs) -> bool:
    """Return whether some input's values decide whether the model runs, and nobody gave them."""
    return any(
        base.made_up(spec.name) and (spec.name in base.domains and base.domains[spec.name].kind == "size")
        for spec in base.specs
    )


def _made_up(base: Inputs) -> str:
    names = [spec.name for spec in base.specs if base.made_up(spec.name)]
    if not names:
        return "sizes runs with the values that are given"
    listed = ", ".join(map(repr, names[:3])) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    told = f"input {listed} was made up" if len(names) == 1 else f"inputs {listed} were made up"
    return f"inputs runs; {told}"
