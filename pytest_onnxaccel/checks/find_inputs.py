"""Finds inputs that a model runs on: sizes that hold together, and values inside their domains."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.backends.protocol import Session
from pytest_onnxaccel.core.dims import evaluate, is_expression
from pytest_onnxaccel.core.domains import InputFacts
from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.import_string import resolve
from pytest_onnxaccel.core.printing import named
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import InputSpec, ModelInfo, ModelSpec, TensorSpec
from pytest_onnxaccel.numerics.sampling.draw import POSITIVE_RANGE, load_samples, unguessable
from pytest_onnxaccel.numerics.sampling.free_sizes import (
    FreeSizes,
    assignments,
    free_sizes,
    longer,
    other_lengths,
    sums,
    sweep,
    told_apart,
)
from pytest_onnxaccel.numerics.sampling.input_sets import ABSENT, LONG, Inputs, declared_facts

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array

#: Ranges tried for integer inputs of which nothing is known: indices, then all zeros, then all ones.
_INTEGER_RANGES = (None, (0, 1), (1, 2))
#: Outputs past this are immense: in a model of bounded inputs they come from growth without a bound.
_IMMENSE = 1e8
#: Floats that are tried where the usual ones end in such growth.
_SMALL_RANGES = ((-0.1, 0.1), (-0.01, 0.01))
#: Samples that are made sure to run; parity compares as many.
SETTLED = 3
#: A sample that does not run is drawn again so often.
_REDRAWS = 4
#: Where nothing runs, values are drawn again at so many sets of sizes.
_AGAIN = 3
#: So many sets of sizes are tried before those in which one is the sum of two others.
_BEFORE_SUMS = 2
#: A run at the length of a table may take so long by what shorter ones take, seconds.
_LONGEST_RUN = 1.0
_ON_GOLDEN = "on golden sample"
#: Sizes that outputs contradict are taken from them so often.
_ROUNDS = 4


@record(frozen=True)
class ResolvedInputs:
    """Inputs that run, with what the first sample gave: a later run of it must give the same.

    Attributes:
        tries: runs that it took.
        samples: how many samples are worth a look: one, where a later one is drawn from the same range.
        guessed: free dimensions whose size nobody gave, with that size.
        value_shaped: outputs whose sizes hang on values that were made up: those inputs, by output.
        drawn_shaped: outputs whose sizes hang on values that come after golden ones: those are made up again.
        unfinite: outputs of which golden data holds NaN or Inf: there, these are right.
        refused: sizes that the user named and that do not run, with the reason, by dimension.
        stuck: free dimensions that run at one size alone: that size, and why no other runs.
    """

    inputs: Inputs
    outputs: Mapping[str, Array]
    tries: int
    samples: int = 1
    guessed: Mapping[str, int] = field(default_factory=dict)
    value_shaped: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    stuck: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    refused: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    drawn_shaped: frozenset[str] = frozenset()
    unfinite: frozenset[str] = frozenset()


def give_data(name: str) -> str:
    """Return what to do when inputs cannot be made up."""
    return f'give samples: [models."{name}".inputs.NAME] file = "samples.npz" (or shape, range) in onnxaccel.toml'


def prepare_inputs(
    info: ModelInfo,
    spec: ModelSpec,
    seed: int,
    root: str = "",
    facts: InputFacts | None = None,
    golden: Sequence[Mapping[str, Array]] = (),
) -> Inputs:
    """Return the inputs before they were tried, with the user's sample files read.

    Raises:
        ModelError: ``E_INPUT``: an input that cannot be made up, or a declaration for an input that does not exist.
    """
    known = {item.name for item in info.inputs}
    for declared in spec.inputs:
        if declared.name not in known:
            raise ModelError(
                f"{spec.origin} declares input {declared.name!r}, the model's inputs are {named(sorted(known))}",
                code="E_CONFIG",
            )
    files = {d.name: load_samples(d, d.name) for d in spec.inputs if d.file is not None}
    specs = {item.name: item for item in info.inputs}
    files |= {d.name: _images(d, specs[d.name], spec.origin, root) for d in spec.inputs if d.images is not None}
    shapes = {d.name: d.shape for d in spec.inputs if d.shape is not None}
    domains = facts.domains if facts is not None else {}
    for item in info.inputs:
        known_rank = replace(item, shape=shapes.get(item.name, item.shape))
        given = bool(golden) or item.name in files
        reason = "" if given else unguessable(known_rank, domains.get(item.name), _given(spec, item.name))
        if reason:
            raise ModelError(f"{reason}, which cannot be made up", code="E_INPUT", remedy=give_data(spec.name))
    return Inputs.of(info, spec.inputs, seed, files, facts, golden)


def _given(spec: ModelSpec, name: str) -> InputSpec | None:
    return next((item for item in spec.inputs if item.name == name), None)


def _images(declared: InputSpec, takes: TensorSpec, origin: str, root: str) -> list[Array]:
    """Return samples from the user's images; images and the user's function are loaded only here."""
    from pytest_onnxaccel.numerics.sampling.images import load_images

    assert declared.images is not None
    preprocess = None
    if declared.preprocess is not None:
        preprocess = resolve(declared.preprocess, Path(root or os.getcwd()), origin)
    made = load_images(declared.images, declared.name, preprocess)
    for array in made:
        # The user's own mistake, and no input that could not be made up: it fails
        wanted = takes.shape if takes.shape is None or array.ndim == len(takes.shape) else takes.shape[1:]
        if wanted is not None and (
            len(wanted) != array.ndim
            or any(isinstance(want, int) and want != have for want, have in zip(wanted, array.shape, strict=True))
        ):
            raise ModelError(
                f"{declared.preprocess or 'an image'} gives {array.dtype}{list(array.shape)}, the model takes {takes}",
                code="E_CONFIG",
                remedy='preprocess = "package.module:function" makes what the model takes',
            )
    return made


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
    search = _Search(session, info, free, facts)
    last = ModelError("no size was small enough to be tried", code="E_INPUT", remedy=give_data(spec.name))
    fallback: ResolvedInputs | None = None
    for sizes, inputs in _with_sums(base, free, info):
        search.free = sizes
        try:
            found = search.run(inputs)
        except ModelError as error:
            if error.code not in ("E_RUN", "E_INPUT"):
                raise
            last = error
            continue
        if all(getattr(array, "size", 1) for array in found.outputs.values()):
            return search.widened(search.finite(found))
        fallback = fallback or found
    if fallback is not None:
        return search.widened(search.finite(fallback))
    for inputs in _drawn_again(base, free, info):
        try:
            found = search.finite(search.run(inputs))
            return search.widened(replace(found, inputs=_held(found.inputs)))
        except ModelError as error:
            if error.code not in ("E_RUN", "E_INPUT"):
                raise
    if search.tries <= 1 and not _value_guessed(base):
        raise last
    raise ModelError(
        f"none of {search.tries} guesses for its inputs runs; {_made_up(base)}; the last error: {last.cause}",
        code="E_INPUT",
        remedy=give_data(spec.name),
    )


def _with_sums(base: Inputs, free: FreeSizes, info: ModelInfo) -> Iterator[tuple[FreeSizes, Inputs]]:
    """Yield candidates; after the most plausible ones those in which a length is the sum of two others."""
    plain = _candidates(base, free, info)
    yield from ((free, inputs) for inputs in islice(plain, _BEFORE_SUMS))
    for summed in sums(free, base.specs):
        yield from ((summed, inputs) for inputs in islice(_candidates(base, summed, info), 1))
    yield from ((free, inputs) for inputs in plain)


def _drawn_again(base: Inputs, free: FreeSizes, info: ModelInfo) -> Iterator[Inputs]:
    """Yield the most plausible sizes with other values inside the domains, where values may decide what runs."""
    if not any(base.made_up(name) and domain.kind != "number" for name, domain in base.domains.items()):
        return
    for inputs in islice(_candidates(base, free, info), _AGAIN):
        for again in range(1, _REDRAWS):
            yield replace(inputs, redrawn={0: again})


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
    listed = ", ".join(map(repr, names[:3])) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return f"input {listed} was made up" if len(names) == 1 else f"inputs {listed} were made up"


class _Search:
    """Runs candidates of inputs and keeps count."""

    def __init__(self, session: Session, info: ModelInfo, free: FreeSizes, facts: InputFacts) -> None:
        self._session = session
        self._info = info
        self.free = free
        self._facts = facts
        self.tries = 0

    def run(self, inputs: Inputs) -> ResolvedInputs:
        """Return what the first sample gives, at sizes that its outputs do not contradict where there are such."""
        outputs = self._run(inputs, 0)
        agreed = inputs
        for _ in range(_ROUNDS):
            changed = self._corrected(agreed, outputs)
            if changed is None:
                inputs = agreed
                break
            agreed = replace(agreed, sizes=changed)
            try:
                outputs = self._run(agreed, 0)
            except ModelError as error:
                if error.code not in ("E_RUN", "E_INPUT"):
                    raise
                outputs = self._run(inputs, 0)
                break
        return self._resolved(inputs, outputs)

    def _resolved(self, inputs: Inputs, outputs: Mapping[str, Array]) -> ResolvedInputs:
        guessed = {key: inputs.sizes[key] for key in self.free.open if key in inputs.sizes}
        shaped = {
            output: tuple(name for name in names if inputs.made_up(name) and not _sure(inputs, name))
            for output, names in self._facts.value_shaped.items()
        }
        drawn = frozenset(
            output
            for output, names in self._facts.value_shaped.items()
            if inputs.golden and not all(_sure(inputs, name) for name in names)
        )
        return ResolvedInputs(
            inputs, outputs, self.tries, 1, guessed, {k: v for k, v in shaped.items() if v}, drawn_shaped=drawn
        )

    def _run(self, inputs: Inputs, index: int) -> dict[str, Array]:
        self.tries += 1
        try:
            return dict(self._session.run(inputs.feeds(index, turn=index)))
        except ModelError as error:
            if index < len(inputs.golden) and not error.cause.startswith(_ON_GOLDEN):
                error.cause = f"{_ON_GOLDEN} {index} the model does not run: {error.cause}"
            raise

    def _corrected(self, inputs: Inputs, outputs: Mapping[str, Array]) -> dict[str, int] | None:
        """Return other sizes, where an output has another size than the name in its declaration.

        None where all agree.
        """
        symbols = inputs.symbols()
        for spec in self._info.outputs:
            array = outputs.get(spec.name)
            shape = getattr(array, "shape", ())
            if spec.shape is None or len(spec.shape) != len(shape):
                continue
            for dim, size in zip(spec.shape, shape, strict=True):
                if not isinstance(dim, str) or evaluate(dim, symbols) in (None, size):
                    continue
                if dim in self.free.open and not is_expression(dim) and size > 0:
                    return self.free.complete({**inputs.sizes, dim: size})
        return None

    def finite(self, found: ResolvedInputs) -> ResolvedInputs:
        """Return *found*, or the same sizes with other floats where those give finite outputs of a usual size."""
        inputs = found.inputs
        whole = without_missing(inputs)
        if whole is not inputs and not self._is_finite(inputs, found.outputs):
            # What stands for a missing number is read by more than what replaces it
            return self.finite(replace(found, inputs=whole, outputs=self._run(whole, 0)))
        if self._tame(inputs, found.outputs) or not any(_guessed_float(inputs, spec) for spec in inputs.specs):
            return found
        enough = self._tame if self._is_finite(inputs, found.outputs) else self._is_finite
        # What grows from step to step does so less from small numbers; what overflows does so at the usual ones
        for floats in _SMALL_RANGES if enough == self._tame else (POSITIVE_RANGE,):
            trial = replace(inputs, floats=floats)
            try:
                outputs = self._run(trial, 0)
            except ModelError:
                continue
            if enough(trial, outputs):
                return replace(found, inputs=trial, outputs=outputs)
        return found

    def _is_finite(self, inputs: Inputs, outputs: Mapping[str, Array]) -> bool:
        return is_finite({name: array for name, array in outputs.items() if name not in inputs.infinite})

    def _tame(self, inputs: Inputs, outputs: Mapping[str, Array]) -> bool:
        """Return whether finite, and of a size at which an error still is one of the model."""
        if not self._is_finite(inputs, outputs):
            return False
        floats = (a for name, a in outputs.items() if name not in inputs.infinite and _kind(a) in "fV" and a.size)
        return all(float(np.abs(_float(array)).max()) <= _IMMENSE for array in floats)

    def widened(self, found: ResolvedInputs) -> ResolvedInputs:
        """Return *found* with further lengths, and with every sample that is compared made sure to run."""
        inputs = found.inputs
        kept: list[Mapping[str, int]] = []
        refused: dict[str, tuple[int, str]] = {}
        for sizes in other_lengths(self.free, inputs.sizes):
            different = told_apart(self.free, sizes, inputs.sizes)
            if different is not None and self._agrees(inputs, different):
                kept.append(different)
                continue
            cause = self._refusal(inputs, sizes)
            if not cause:
                kept.append(sizes)
            asked = [key for key in self.free.swept if sizes.get(key) != inputs.sizes.get(key)]
            refused |= {key: (sizes[key], cause) for key in asked if cause}
        stuck = self._stuck(inputs, kept)
        inputs = replace(inputs, others=tuple(kept), long=self._long(inputs), absent=self._absent(inputs))
        if inputs.golden:
            return replace(
                found, inputs=self._after(inputs), tries=self.tries, samples=SETTLED, stuck=stuck, refused=refused
            )
        risky = _risky(inputs) and self._is_finite(inputs, found.outputs)
        if risky:
            inputs = self._redrawn(inputs)
        return replace(
            found, inputs=inputs, tries=self.tries, samples=SETTLED if risky else 1, stuck=stuck, refused=refused
        )

    def _long(self, inputs: Inputs) -> Mapping[str, int] | None:
        """Return sizes at which a table that is read by position is read to its end; None where there is none.

        A run at that length costs as much more as it is longer; past *_LONGEST_RUN* by that estimate, the longest that
        does not is taken.
        """
        wanted = longer(self.free, inputs.specs, inputs.sizes, self._facts.longest)
        if not wanted or inputs.golden or inputs.files:
            return None
        started = time.perf_counter()
        try:
            self._run(inputs, 0)
            once = max(time.perf_counter() - started, 1e-6)
            most = int(_LONGEST_RUN / once)
            sizes = {key: min(size, inputs.sizes[key] * most) for key, size in wanted.items()}
            if all(size <= inputs.sizes[key] for key, size in sizes.items()):
                return None
            found = self.free.complete({**inputs.sizes, **sizes})
            self._run(replace(inputs, long=found).for_sample(LONG), LONG)
        except ModelError as error:
            if error.code not in ("E_RUN", "E_INPUT", "E_SIZE"):
                raise
            return None
        return found

    def _absent(self, inputs: Inputs) -> tuple[str, ...]:
        """Return the optional inputs without which the model runs; none where it needs one of them."""
        found = tuple(spec.name for spec in inputs.specs if spec.kind.startswith("optional"))
        if not found or any(not inputs.made_up(name) for name in found):
            return ()
        try:
            self._run(replace(inputs, absent=found), ABSENT)
        except ModelError as error:
            if error.code not in ("E_RUN", "E_INPUT"):
                raise
            return ()
        return found

    def _agrees(self, inputs: Inputs, sizes: Mapping[str, int]) -> bool:
        """Return whether the model runs at *sizes*, and gives finite outputs of the sizes that it declares."""
        trial = replace(inputs, sizes=sizes)
        try:
            outputs = self._run(trial, 0)
        except ModelError as error:
            if error.code not in ("E_RUN", "E_INPUT"):
                raise
            return False
        return self._is_finite(trial, outputs) and self._corrected(trial, outputs) is None

    def _refusal(self, inputs: Inputs, sizes: Mapping[str, int]) -> str:
        """Return why the model does not run at *sizes*; empty where it does."""
        try:
            self._run(replace(inputs, others=(sizes,), variant=1), 1 + len(inputs.golden))
        except ModelError as error:
            if error.code not in ("E_RUN", "E_INPUT"):
                raise
            return error.cause
        return ""

    def _stuck(self, inputs: Inputs, kept: Sequence[Mapping[str, int]]) -> dict[str, tuple[int, str]]:
        """Return free dimensions of which no other size runs, together with the others or alone, by what was tried."""
        left = {key for key in self.free.open if not any(sizes[key] != inputs.sizes[key] for sizes in kept)}
        causes: dict[str, str] = {}
        for sizes in sweep(self.free, inputs.sizes):
            changed = {key for key in left if sizes[key] != inputs.sizes[key]}
            if not changed:
                continue
            cause = self._refusal(inputs, sizes)
            if not cause:
                left -= changed
            causes |= dict.fromkeys(changed, cause)
        return {key: (inputs.sizes[key], causes[key]) for key in sorted(left) if key in causes}

    def _after(self, inputs: Inputs) -> Inputs:
        """Return *inputs* with what is drawn after the golden samples seen to run.

        Where that fails, these are repeated.
        """
        for index in range(1, len(inputs.golden)):
            self._run(inputs, index)
        redrawn: dict[int, int] = {}
        for index in range(len(inputs.golden), max(SETTLED, inputs.telling, len(inputs.golden) + inputs.variants)):
            again = self._legal(inputs, redrawn, index)
            if again is None:
                return replace(inputs, repeated=True, others=(), redrawn={})
            redrawn[index] = again
        return replace(inputs, redrawn=redrawn)

    def _redrawn(self, inputs: Inputs) -> Inputs:
        redrawn = dict(inputs.redrawn)
        for index in range(1, max(SETTLED, inputs.telling)):
            again = self._legal(inputs, redrawn, index, sure=_sure_of_all(inputs))
            if again:
                redrawn[index] = again
        return replace(inputs, redrawn=redrawn)

    def _legal(self, inputs: Inputs, redrawn: Mapping[int, int], index: int, sure: bool = False) -> int | None:
        """Return how often sample *index* is drawn again until it runs; None where no draw does.

        Args:
            inputs: those that are tried.
            redrawn: how often earlier samples were drawn again, by number.
            index: number of the sample.
            sure: all values are known to be legal, so outputs need not be finite.
        """
        for again in range(_REDRAWS):
            trial = replace(inputs, redrawn={**redrawn, index: again})
            try:
                outputs = self._run(trial.for_sample(index), index)
            except ModelError as error:
                if error.code not in ("E_RUN", "E_INPUT"):
                    raise
                continue
            if sure or self._is_finite(inputs, outputs):
                return again
        return None


def _sure(inputs: Inputs, name: str) -> bool:
    """Return whether the values of input *name* follow from the sizes: nothing of them is a guess."""
    return name in inputs.domains and inputs.domains[name].exact is not None


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


def _candidates(base: Inputs, free: FreeSizes, info: ModelInfo) -> Iterator[Inputs]:
    integers = any(
        spec.dtype.startswith(("int", "uint")) and spec.name not in base.domains and base.made_up(spec.name)
        for spec in base.specs
    )
    for sizes in assignments(base, free, info.dim_hints):
        for limits in _INTEGER_RANGES if integers else (None,):
            yield replace(base, sizes=sizes, integers=limits)


def _guessed_float(inputs: Inputs, spec: TensorSpec) -> bool:
    return "float" in spec.dtype and inputs.made_up(spec.name) and spec.name not in inputs.domains


def is_finite(outputs: Mapping[str, Array]) -> bool:
    """Return whether no output holds NaN or Inf."""
    return all(bool(np.isfinite(_float(a)).all()) for a in outputs.values() if _kind(a) in "fcV")


def without_missing(inputs: Inputs) -> Inputs:
    """Return *inputs* without NaN; the same object where there are none."""
    holding = {n: d for n, d in inputs.domains.items() if any(p != p for p in d.points)}
    if not holding:
        return inputs
    whole = {n: replace(d, points=tuple(p for p in d.points if p == p)) for n, d in holding.items()}
    return replace(inputs, domains={**inputs.domains, **whole})


def _kind(array: Any) -> str:
    return str(array.dtype.kind) if hasattr(array, "dtype") else "?"


def _float(array: Any) -> Any:
    return array.astype(np.float32) if array.dtype.kind == "V" else array


def sized(result: CheckResult, resolved: ResolvedInputs) -> CheckResult:
    """Return *result* with the sizes that ran, where the model's declarations leave some open."""
    text = resolved.inputs.sizes_text()
    if not text:
        return result
    figures = {**result.figures, "input_sizes": text, "guessed_sizes": dict(resolved.guessed)}
    return result.with_(figures=figures)


def on_guessed_sizes(result: CheckResult, resolved: ResolvedInputs, budget: bool) -> CheckResult:
    """Return *result*, inconclusive where the sizes were guessed: they decide nothing about a budget."""
    if not budget or not resolved.guessed or result.verdict not in (Verdict.PASSED, Verdict.FAILED):
        return result
    named = ", ".join(f"{key}={size}" for key, size in resolved.guessed.items())
    message = (
        f"a budget cannot be judged at sizes that were guessed ({named}): "
        "give shape of the input, or [models.NAME.dims], in onnxaccel.toml"
    )
    return result.with_(
        verdict=Verdict.INCONCLUSIVE, code="V_LATENCY", message=message, details=(result.message, *result.details),
        figures={**result.figures, "settled": True},
    )  # fmt: skip
