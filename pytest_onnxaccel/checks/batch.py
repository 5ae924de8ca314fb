"""Does the model hold at other batch sizes: f(stack of N samples) is the N samples' own results, sample by sample."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pytest_onnxaccel.backends.protocol import Session
from pytest_onnxaccel.checks.agreement import Agreement
from pytest_onnxaccel.errors import ModelError
from pytest_onnxaccel.numerics.inputs import Inputs
from pytest_onnxaccel.results import CheckResult, Verdict
from pytest_onnxaccel.spec import Tolerance

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array

#: Sizes tried when the user named none: of a model that is frozen (each needs another file), and of a dynamic one.
FROZEN_SIZES = (3,)
DYNAMIC_SIZES = (1, 2, 3)

#: Ways to get a session at a batch size, cheapest first: how it was obtained, and the session.
Ways = Callable[[int], Iterator[tuple[str, Session]]]


class Singles:
    """The original's own results, sample by sample; each is computed once."""

    def __init__(self, session: Session, inputs: Inputs, first: Mapping[str, Array] | None = None) -> None:
        self._session = session
        self._inputs = inputs
        self._blocks: dict[int, Mapping[str, Array]] = {} if first is None else {0: first}

    def outputs(self, count: int) -> dict[str, Array]:
        """The results of samples 0 to *count* - 1, stacked along axis 0.

        Raises:
            ModelError: ``V_BATCH``: they cannot be stacked, because an output has another shape for each sample.
        """
        varying = self.varying(count)
        if varying:
            raise ModelError(f"{varying} has another shape for each sample", code="V_BATCH")
        blocks = self._first(count)
        return {name: np.concatenate([block[name] for block in blocks])[:count] for name in blocks[0]}

    def varying(self, count: int) -> str:
        """Outputs whose shape behind axis 0 depends on the values of samples 0 to *count* - 1."""
        blocks = self._first(count)
        shapes = {name: {block[name].shape[1:] for block in blocks} for name in blocks[0]}
        return ", ".join(f"output {name!r}" for name, found in shapes.items() if len(found) > 1)

    def without_batch(self) -> list[str]:
        """Outputs whose axis 0 is not the batch."""
        own = self._inputs.batch
        return [name for name, array in self.block(0).items() if array.ndim == 0 or array.shape[0] != own]

    def _first(self, count: int) -> list[Mapping[str, Array]]:
        return [self.block(index) for index in range(-(-count // (self._inputs.batch or 1)))]

    def block(self, index: int) -> Mapping[str, Array]:
        """What sample *index* gives at the model's own batch."""
        if index not in self._blocks:
            self._blocks[index] = self._session.run(self._inputs.feeds(index))
        return self._blocks[index]


@dataclass(frozen=True)
class Proof:
    """Whether a session at batch *size* gives what the original gives, and how it was obtained."""

    size: int
    method: str
    agreement: Agreement
    error: str = ""

    @property
    def ok(self) -> bool:
        """It runs, and every sample agrees."""
        return not self.error and self.agreement.ok

    def why(self) -> str:
        """What went wrong."""
        return self.error or self.agreement.message()


def prove(
    size: int, method: str, session: Session, singles: Singles, inputs: Inputs, agreement: Agreement
) -> Proof:
    """Feed *size* distinct samples at once and compare with the original's own runs of them."""
    expected = singles.outputs(size)
    try:
        got = session.run(inputs.feeds(0, size))
    except ModelError as error:
        if error.code not in ("E_RUN", "E_INPUT"):
            raise
        return Proof(size, method, agreement, f"batch {size} does not run: {error.cause}")
    agreement.add(got, expected)
    return Proof(size, method, agreement)


def first_proof(
    size: int, ways: Iterable[tuple[str, Session]], singles: Singles, inputs: Inputs, make: Callable[[], Agreement]
) -> tuple[Proof | None, Session | None, list[Proof]]:
    """The first of *ways* that is proven with its session, and the ones that were tried and refuted before it."""
    refuted: list[Proof] = []
    for method, session in ways:
        proof = prove(size, method, session, singles, inputs, make())
        if proof.ok:
            return proof, session, refuted
        refuted.append(proof)
    return None, None, refuted


def batch(
    model: str,
    backend: str,
    session: Session,
    inputs: Inputs,
    ways: Ways,
    sizes: Sequence[int],
    tolerance: Tolerance,
    outputs: Mapping[str, Tolerance] | None = None,
    holders: Callable[[], str] = lambda: "",
    singles: Singles | None = None,
) -> CheckResult:
    """Each batch size gives what the samples give by themselves.

    Args:
        session: the model as it is.
        ways: sessions at another batch size; for a dynamic model, *session* itself.
        sizes: sizes that the user asked for; empty for the defaults, of which a frozen model may fail any without
            failing the check, because it promised none of them.
        holders: names the nodes that hold the batch, for the message.
        singles: results of single samples that are known already.
    """
    result = CheckResult(model, "batch", Verdict.PASSED, backend=backend, batch=inputs.batch, notes=session.info.notes)
    if inputs.batch is None:
        return _not_applicable(result, "the inputs share no batch axis (axis 0)")
    singles = singles or Singles(session, inputs)
    if singles.without_batch():
        names = ", ".join(map(repr, singles.without_batch()))
        return _not_applicable(result, f"axis 0 of output {names} is not the batch")
    wanted = sizes or (DYNAMIC_SIZES if inputs.dynamic else FROZEN_SIZES)
    varying = singles.varying(max(wanted))
    if varying:
        return _not_applicable(result, f"{varying} has another shape for each sample")
    if not inputs.dynamic:
        enforced = _enforced(session, inputs)
        if enforced:
            return result.with_(verdict=Verdict.FAILED, code="V_BATCH", message=enforced)

    def make() -> Agreement:
        return Agreement((f"{backend} at the batch", "the samples alone"), tolerance, outputs or {})

    proofs: dict[int, Proof] = {}
    for size in wanted:
        proof, _, refuted = first_proof(size, ways(size), singles, inputs, make)
        if proof is None:
            return _refuted(result, size, inputs, refuted, bool(sizes), holders())
        proofs[size] = proof
    return _passed(result, proofs, inputs)


def _passed(result: CheckResult, proofs: Mapping[int, Proof], inputs: Inputs) -> CheckResult:
    worst = max(proofs.values(), key=lambda p: p.agreement.summary().get("max_abs", 0.0))
    methods = {str(size): proof.method for size, proof in proofs.items()}
    figures = {**worst.agreement.summary(), "sizes": list(proofs), "method": methods}
    named = ", ".join(f"{size} ({proof.method})" for size, proof in proofs.items())
    promise = "dynamic batch" if inputs.dynamic else f"frozen at batch {inputs.batch} and refuses others"
    message = f"{promise}; proven at batch {named}"
    return result.with_(message=message, figures=figures, batch=max(proofs))


def _refuted(
    result: CheckResult, size: int, inputs: Inputs, refuted: Sequence[Proof], asked: bool, holders: str
) -> CheckResult:
    tried = [f"{proof.method}: {proof.why()}" for proof in refuted]
    held = f"; the batch is held by {holders}" if holders else ""
    result = result.with_(code="V_BATCH", figures={"sizes": [size]}, batch=size)
    if inputs.dynamic:
        why = refuted[0].why() if refuted else "it does not run"
        message = f"the batch axis is declared dynamic, but batch {size} is not its samples: {why}{held}"
        details = refuted[0].agreement.details() if refuted and not refuted[0].error else ()
        return result.with_(verdict=Verdict.FAILED, message=message, details=details)
    message = f"frozen at batch {inputs.batch}, and no way to batch {size} could be proven{held}"
    verdict = Verdict.FAILED if asked else Verdict.NOT_APPLICABLE
    return result.with_(verdict=verdict, message=message, details=tuple(tried))


def _enforced(session: Session, inputs: Inputs) -> str:
    """A frozen model fed with another batch must be refused, in every backend; a sentence when it is not."""
    assert inputs.batch is not None
    other = inputs.batch + 1
    try:
        session.run(inputs.feeds(0, other))
    except ModelError:
        return ""
    return f"the model is frozen to batch {inputs.batch}, and batch {other} ran without an error"


def _not_applicable(result: CheckResult, reason: str) -> CheckResult:
    return result.with_(verdict=Verdict.NOT_APPLICABLE, code="V_BATCH", message=reason)
