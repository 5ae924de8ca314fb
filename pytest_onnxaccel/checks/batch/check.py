"""Does the model hold at other batch sizes: f(stack of N samples) is the N samples' own results, sample by sample."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace
from functools import partial
from itertools import chain, groupby, islice

import numpy as np

from pytest_onnxaccel.backends.protocol import Session
from pytest_onnxaccel.checks.batch.proof import BatchSessions, Found, Proof, Prover
from pytest_onnxaccel.checks.batch.single_runs import SingleRuns
from pytest_onnxaccel.checks.batch.sizes import Sizes, choose
from pytest_onnxaccel.checks.parity.comparison import Agreement
from pytest_onnxaccel.checks.parity.outputs.comparer import Comparer
from pytest_onnxaccel.checks.reach.answers import Answers, further
from pytest_onnxaccel.checks.reach.telling import Telling
from pytest_onnxaccel.core import progress
from pytest_onnxaccel.core.errors import ModelError, OnnxAccelError
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.printing import counted
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import TensorSpec, Tolerance
from pytest_onnxaccel.numerics.sampling.input_sets import Inputs

#: So many samples show whether outputs answer.
FEW = 2
#: And so many samples of those that are compared in addition.
_EXTRA = 64
#: Names that say that an axis was made free as the batch; ``s77`` is what PyTorch calls one that it was asked to free.
_BATCH = re.compile(r"(?i)^(n|b|bs|bsz|s\d+|.*batch.*)$")
_BATCH_WORD = re.compile(r"(?i)batch")
#: Names of a dynamic axis 0 that is something else: time-major sequences, point clouds, graphs.
_NO_BATCH = re.compile(r"(?i)^(?!.*batch).*(seq|time|step|frame|token|len|point|node|edge)")


@record(frozen=True)
class BatchCase:
    """What one batch check proves.

    Attributes:
        session: the model as it is.
        batch_sessions: sessions at another batch size; for a dynamic model, *session* itself.
        sizes: sizes that the user asked for; empty for the defaults, of which a frozen model may fail any without
            failing the check, because it promised none of them.
        outputs: tolerances by output, before *tolerance*.
        holders: names the nodes that hold the batch, for the message.
        promised: whether the model treats the free axis as a batch, asked where no name says that it is one.
        single_runs: results of single samples that are known already, and how they combine.
        wide: in addition to *sizes*, sweep over a dynamic model's batch as far as time and *memory* (bytes) allow.
        telling: whether what was compared tells anything.
        comparers: by output, what compares it otherwise than element by element.
        noise: absolute tolerances by output that measured noise asks for, asked where the default is passed.
        value_shaped: inputs that were made up and whose values decide how large an output is, by output.
    """

    model: str
    backend: str
    session: Session
    inputs: Inputs
    batch_sessions: BatchSessions
    sizes: Sequence[int]
    tolerance: Tolerance
    outputs: Mapping[str, Tolerance] = field(default_factory=dict)
    holders: Callable[[], str] = str
    promised: Callable[[], bool] = lambda: True
    single_runs: SingleRuns | None = None
    wide: bool = False
    memory: int = 0
    telling: Telling | None = None
    comparers: Mapping[str, Comparer] = field(default_factory=dict)
    noise: Callable[[], Mapping[str, float]] | None = None
    value_shaped: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def prover(self, single_runs: SingleRuns, full: bool) -> Prover:
        """Return what proves sessions within these tolerances."""
        found = prover_of(self.backend, single_runs, self.inputs, self.tolerance, self.outputs, full)
        return replace(found, make=partial(_comparing, found.make, self.comparers), noise=self.noise)


def _comparing(make: Callable[[], Agreement], comparers: Mapping[str, Comparer]) -> Agreement:
    """Return an agreement that compares outputs by *comparers*."""
    return replace(make(), comparers=comparers)


def batch(case: BatchCase) -> CheckResult:
    """Check that each batch size gives what the samples give by themselves."""
    session, inputs, sizes = case.session, case.inputs, case.sizes
    notes = session.info.notes
    result = CheckResult(case.model, "batch", Verdict.PASSED, backend=case.backend, batch=inputs.batch, notes=notes)
    if inputs.batch is None:
        # What nobody asked for is not held against a model that carries no batch; what was named cannot be judged
        return _unjudged(result, sizes, "the inputs share no batch axis")
    if inputs.dynamic and not sizes and _NO_BATCH.search(inputs.symbol or ""):
        return _not_applicable(result, f"the free axis of the inputs is called {inputs.symbol!r}: it is not a batch")
    if inputs.whole and all(spec.name in inputs.whole for spec in session.info.outputs):
        return _unjudged(result, sizes, _whole(inputs), "let it give results of single samples as well")
    single_runs = case.single_runs or SingleRuns(session, inputs)
    refusal = ""
    if not inputs.dynamic:
        refusal = _refusal(session, inputs, inputs.batch + 1)
        if not refusal:
            other = inputs.batch + 1
            cause = f"the model is frozen to batch {inputs.batch}, and batch {other} ran without an error"
            return result.with_(verdict=Verdict.FAILED, code="V_BATCH", message=cause)
    original = case.prover(single_runs, False)
    # What nobody asked for is not held against a model of which it cannot be told
    unproven = result.with_(verdict=Verdict.FAILED if sizes else Verdict.NOT_APPLICABLE)
    unstable = original.unstable()
    if unstable:
        return unproven.with_(code="V_UNSTABLE", message=unstable)
    if inputs.batch > 1 and not inputs.dynamic:
        mixed = original.own_batch(session)
        if mixed:
            cause = (
                f"frozen at batch {inputs.batch}, and its samples depend on each other: {mixed}{_held(case.holders)}"
            )
            return unproven.with_(code="V_BATCH", message=cause)
    if inputs.dynamic and inputs.batch > 1 and not sizes:
        single = _refusal(session, inputs, 1)
        if single:
            proof = Proof(1, "as is", original.make(), f"batch 1 does not run: {single}")
            return _refuted(result, 1, case, [proof], False)
    plan = choose(sizes, inputs.batch, inputs.dynamic, case.wide, single_runs, session, case.memory)
    proofs: dict[int, Proof] = {}
    try:
        for size in plan.sizes:
            progress.tell(f"batch {size} of {', '.join(map(str, plan.sizes))}")
            found = case.prover(single_runs, size in plan.full).first(size, case.batch_sessions(size))
            if found.proof is None and inputs.dynamic and found.refuted and found.refuted[0].error:
                found, note = _step_by_step(case, size, single_runs, size in plan.full, found)
                result = result.with_(notes=tuple(dict.fromkeys((*result.notes, *note))))
            if found.proof is None:
                shaped = _by_values(found.refuted, case.value_shaped) if inputs.dynamic else ""
                if shaped:
                    return _unjudged(result, sizes, shaped, "give it")
                return _refuted(result, size, case, found.refuted, bool(sizes))
            proofs[size] = found.proof
    except ModelError as error:
        if error.code != "V_BATCH":
            raise
        # The runs of the original do not combine, whatever the batch: there is nothing to compare with
        return _not_applicable(result, error.cause)
    result = _passed(result, proofs, plan, inputs, refusal)
    return _telling(result, case.telling, single_runs, session) if case.telling is not None else result


def _step_by_step(
    case: BatchCase, size: int, single_runs: SingleRuns, full: bool, found: Found
) -> tuple[Found, tuple[str, ...]]:
    """Return the proof at a length of 1, where the graph asks for that one and the batch runs so alone.

    A fused decoder with a cache takes several sequences at once, but no more than a step of each.
    """
    inputs = case.inputs
    for variant, sizes in enumerate(inputs.others, 1):
        ones = [name for name, one in sizes.items() if one == 1 and inputs.sizes.get(name, 1) > 1]
        if not ones:
            continue
        steps = inputs.at(variant)
        prover = replace(case.prover(single_runs.at(steps), full), inputs=steps)
        for method, session in case.batch_sessions(size):
            proof = prover.prove(size, method, session) if not isinstance(session, OnnxAccelError) else None
            if proof is not None and proof.ok:
                note = f"several samples at once run where {ones[0]!r} is 1: {found.refuted[0].why()}"
                return replace(found, proof=proof), (note,)
    return found, ()


def _telling(result: CheckResult, telling: Telling, single_runs: SingleRuns, session: Session) -> CheckResult:
    """Judge *result* by what the samples gave alone; more samples run while no output changes."""
    answers = Answers()
    for index in range(FEW):
        answers.add(telling.inputs.feeds(index), single_runs.block(index))
    if answers.silent():
        inputs = telling.inputs
        extra = (row for index in inputs.extra_samples for row in inputs.extra.rows(index))
        for index in chain(further(inputs, FEW), islice(extra, _EXTRA)):
            if not answers.silent(telling.by_design()):
                break
            try:
                answers.add(telling.inputs.feeds(index), session.run(telling.inputs.feeds(index)))
            except ModelError as error:
                if error.code not in ("E_RUN", "E_INPUT"):
                    raise
    return telling.judged(result, answers, session.run)


def prover_of(
    backend: str,
    single_runs: SingleRuns,
    inputs: Inputs,
    tolerance: Tolerance,
    outputs: Mapping[str, Tolerance] | None,
    full: bool,
) -> Prover:
    """Return what proves sessions of *backend* within these tolerances."""
    sides = (f"{backend} at the batch", "the samples alone")
    return Prover(single_runs, inputs, lambda: Agreement(sides, tolerance, outputs or {}), full)


def _passed(result: CheckResult, proofs: Mapping[int, Proof], plan: Sizes, inputs: Inputs, refusal: str) -> CheckResult:
    worst = max(proofs.values(), key=lambda p: p.agreement.summary().get("max_abs", 0.0))
    methods = {str(size): proof.method for size, proof in proofs.items()}
    figures = {**worst.agreement.summary(), "samples": max(proofs), "sizes": list(proofs), "method": methods}
    mixed = [size for size, proof in proofs.items() if proof.full]
    figures["shuffled"] = mixed
    if refusal:
        figures["refuses"] = refusal
    if plan.left_out:
        figures["left_out"] = {str(size): why for size, why in plan.left_out.items()}
    promise = "dynamic batch" if inputs.dynamic else f"frozen at batch {inputs.batch} and refuses others"
    message = f"{promise}; proven at batch {_named(proofs)}"
    if mixed:
        everywhere = mixed == [size for size in proofs if size > 1]
        message += ", samples independent of each other" + ("" if everywhere else f" at {max(mixed)}")
    if plan.left_out:
        message += "; left out: " + ", ".join(f"batch {size} {why}" for size, why in plan.left_out.items())
    alike = _alike(inputs, max(proofs))
    left_out = f"{_whole(inputs)}: not compared at other batches" if inputs.whole else ""
    notes = (*result.notes, *filter(None, (alike, left_out)))
    return result.with_(message=message, figures=figures, batch=max(proofs), notes=notes)


def _named(proofs: Mapping[int, Proof]) -> str:
    """Return ``1 (as is), 3, 10 (dims)``: a method once, behind the sizes that it made."""
    groups = groupby(proofs.items(), key=lambda item: item[1].method)
    return ", ".join(", ".join(str(size) for size, _ in found) + f" ({method})" for method, found in groups)


def _alike(inputs: Inputs, size: int) -> str:
    """Return a remark where the samples in a batch are all the same: leakage between them cannot be seen."""
    if size < 2 or (not inputs.files and any("float" in spec.dtype for spec in inputs.specs)):
        return ""
    feeds = inputs.feeds(0, size)
    first = {name: np.take(feeds[name], [0], axis=axis) for name, axis in inputs.axes.items()}
    if all((feeds[name] == array).all() for name, array in first.items()):
        return f"the {size} samples of the batch are all equal, so that swapped ones cannot be seen: give more samples"
    return ""


def _whole(inputs: Inputs) -> str:
    """Return that outputs are one number for all samples of a batch, for a message."""
    listed = [f"{name!r} ({node})" for name, node in inputs.whole.items()]
    outputs = f"outputs {counted(listed)} are each" if len(listed) > 1 else f"output {listed[0]} is"
    return f"{outputs} one number for all samples of a batch"


def _refuted(result: CheckResult, size: int, case: BatchCase, refuted: Sequence[Proof], asked: bool) -> CheckResult:
    inputs = case.inputs
    result = result.with_(code="V_BATCH", figures={"sizes": [size]}, batch=size)
    held = _held(case.holders)
    if inputs.dynamic:
        why = refuted[0].why() if refuted else "it does not run"
        ran = bool(refuted) and not refuted[0].error
        doubtful = not says_batch(inputs) or (ran and _contradicted(inputs.symbol or "", case.session.info.outputs))
        if not asked and doubtful and not case.promised():
            return _not_applicable(result, _no_batch(inputs, case.holders() or f"the result: {why}"))
        message = f"the batch axis is declared dynamic, but batch {size} is not its samples: {why}{held}"
        details = refuted[0].agreement.details() if refuted and not refuted[0].error else ()
        return result.with_(verdict=Verdict.FAILED, message=message, details=details)
    tried = [f"{proof.method}: {proof.why()}" for proof in refuted]
    message = f"frozen at batch {inputs.batch}, and no way to batch {size} could be proven{held}"
    verdict = Verdict.FAILED if asked else Verdict.NOT_APPLICABLE
    return result.with_(verdict=verdict, message=message, details=tuple(tried))


def says_batch(inputs: Inputs) -> bool:
    """Return whether the user, or the name of one axis of each input, says that it is the batch."""
    if any(item.batch_axis is not None for item in inputs.given):
        return True
    name = inputs.symbol or ""
    if any((spec.shape or ()).count(name) > 1 for spec in inputs.specs):
        return False  # sides of a square matrix
    if all(len(spec.shape or ()) < 2 for spec in inputs.specs) and not _BATCH_WORD.search(name):
        return False  # a list of numbers
    return bool(_BATCH.match(name))


def _contradicted(name: str, outputs: Sequence[TensorSpec]) -> bool:
    """Return whether an output says that the letter *name* is not a batch: it has it twice."""
    return len(name) == 1 and any((spec.shape or ()).count(name) > 1 for spec in outputs)


def _no_batch(inputs: Inputs, holder: str) -> str:
    name, axis = next(iter(inputs.axes.items()))
    called = f"is called {inputs.symbol!r}" if inputs.symbol else "has no name"
    return (
        f"axis {axis} of input {name!r} {called}, and no layer takes it for a batch (say batch_axis = {axis} if it is "
        f"one): its places depend on each other in {holder}"
    )


def _held(holders: Callable[[], str]) -> str:
    found = holders()
    return f"; the batch is held by {found}" if found else ""


def _refusal(session: Session, inputs: Inputs, size: int) -> str:
    """Return how the model refuses batch *size* in the backend; empty when it does not."""
    try:
        session.run(inputs.feeds(0, size))
    except ModelError as error:
        return error.cause
    return ""


def _by_values(refuted: Sequence[Proof], shaped: Mapping[str, Sequence[str]]) -> str:
    """Return which made-up inputs decide the sizes that were refuted; empty where something else was refuted."""
    problems = refuted[0].agreement.problems if refuted and not refuted[0].error else []
    outputs = [name for name in shaped if any(f"output {name!r} has shape" in one.message for one in problems)]
    if not outputs or len(outputs) < len(problems):
        return ""
    inputs = dict.fromkeys(name for output in outputs for name in shaped[output])
    return f"input {', '.join(map(repr, inputs))} was made up and decides the size of output {outputs[0]!r}"


def _unjudged(
    result: CheckResult, sizes: Sequence[int], reason: str, remedy: str = "say it by batch_axis of an input"
) -> CheckResult:
    if not sizes:
        return _not_applicable(result, reason)
    named = ", ".join(map(str, sizes))
    message = f"batch {named} was asked for and cannot be judged: {reason}; {remedy}"
    return result.with_(verdict=Verdict.FAILED, code="V_NOTJUDGED", message=message)


def _not_applicable(result: CheckResult, reason: str) -> CheckResult:
    return result.with_(verdict=Verdict.NOT_APPLICABLE, code="V_BATCH", message=reason)
