"""One layer of settings over another: an option over a manifest entry, a manifest entry over its defaults."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field, replace

from pytest_onnxaccel.config.budget_syntax import FIELDS
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.specs import BatchPlan, LatencyBudget, ModelSpec, SourceSpec, Tolerance

_LIMITS = tuple(FIELDS.values())


@record(frozen=True)
class Overrides:
    """Values that come before those of every model; None or empty where a model keeps its own.

    Attributes:
        source: the reference as well, in place of the model's own of either kind.
        origins: where each value was given, by its name here.
    """

    rtol: float | None = None
    atol: float | None = None
    batch: BatchPlan | None = None
    budget: LatencyBudget | None = None
    backends: tuple[str, ...] = ()
    reference: str | None = None
    source: SourceSpec | None = None
    libraries: tuple[str, ...] = ()
    origins: Mapping[str, str] = field(default_factory=dict)


def overridden(spec: ModelSpec, over: Overrides) -> ModelSpec:
    """Return *spec* with every value that *over* has in place of its own."""
    both = (over.rtol, over.atol, over.origins.get("rtol", ""), over.origins.get("atol", ""))
    return replace(
        spec,
        tolerance=tolerance(spec.tolerance, *both),
        output_tolerances={name: tolerance(own, *both) for name, own in spec.output_tolerances.items()},
        batch=over.batch if over.batch else spec.batch,
        budget=merged(spec.budget, over.budget) if over.budget is not None else spec.budget,
        backends=over.backends or spec.backends,
        reference=None if over.source is not None else over.reference or spec.reference,
        source=over.source or spec.source,
        libraries=tuple(dict.fromkeys((*spec.libraries, *over.libraries))),
    )


def tolerance(own: Tolerance, rtol: float | None, atol: float | None, rtol_from: str, atol_from: str) -> Tolerance:
    """Return *own* with *rtol* and *atol* where they are given; the origin names both sources when they differ."""
    if rtol is None and atol is None:
        return own
    pairs = (
        (own.rtol if rtol is None else rtol, own.origin if rtol is None else rtol_from),
        (own.atol if atol is None else atol, own.origin if atol is None else atol_from),
    )
    return Tolerance(pairs[0][0], pairs[1][0], joined(pair[1] for pair in pairs if pair[0] is not None))


def merged(own: LatencyBudget, other: LatencyBudget) -> LatencyBudget:
    """Return *own* with the limits that *other* sets; the origin names both where both still count."""
    changes = {name: value for name in _LIMITS if (value := getattr(other, name)) is not None}
    if not changes:
        return own
    left = [name for name in _LIMITS if getattr(own, name) is not None and name not in changes]
    return replace(own, **changes, origin=joined([*([own.origin] if left else []), other.origin]))


def joined(origins: Iterable[str]) -> str:
    """Return different origins, each once, in one phrase."""
    return ", ".join(dict.fromkeys(origins))
