"""A backend that runs a copy of a newer opset is believed where that copy is proven to be the same model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pytest_onnxaccel.core.errors import ModelError, OnnxAccelError
from pytest_onnxaccel.numerics.compare.distance import Gap, gap
from pytest_onnxaccel.runner.localise.failed_check import FailedCheck
from pytest_onnxaccel.runner.sessions.comparison_sides import ComparisonSide, derived
from pytest_onnxaccel.runner.sessions.workers.engines import Engines

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array

    Outputs = Mapping[str, Array]

#: The copy is another model where it moves an output by this share of what the two sides differ by.
_MOVED = 0.1


def prove_upgrades(failed: FailedCheck, sides: tuple[ComparisonSide, ComparisonSide]) -> None:
    """Refuse a failure of one file in two backends that comes from the copy which one of them runs.

    The copy is run in the other backend, on the sample that failed worst: what it gives there must be what the file
    itself gives there.

    Args:
        failed: the failed check, with its request, result and inputs.
        sides: candidate and reference.

    Raises:
        ModelError: ``E_SCHEMA``, of the backend that needs the copy.
    """
    ours, theirs = sides
    if not failed.by_value or not ours.shares_file(theirs):
        return
    for needing, other in ((ours, theirs), (theirs, ours)):
        opset = _upgrades(needing, failed.engines)
        if not opset or needing.backend == other.backend or _upgrades(other, failed.engines):
            continue
        try:
            moved = _moved(needing, other, opset, failed.feeds())
        except OnnxAccelError:
            return  # a copy that cannot be run elsewhere is neither proven nor refuted
        if moved is not None:
            name, by = moved
            error = ModelError(
                f"{needing.backend} runs a copy of opset {opset} (the file has {other.model_session.info.opset}), and "
                f"onnx's converter changed it: in {other.backend} its output {name!r} is {by.max_abs:.3g} off",
                code="E_SCHEMA",
                remedy="compare with another backend, or export at a newer opset",
            )
            error.backend = needing.backend
            raise error


def _upgrades(side: ComparisonSide, engines: Engines) -> int:
    upgrades = getattr(engines.backend(side.backend), "upgrades", None)
    return int(upgrades(side.model_session.info.opset)) if upgrades is not None else 0


def _moved(
    needing: ComparisonSide, other: ComparisonSide, opset: int, feeds: Mapping[str, Array]
) -> tuple[str, Gap] | None:
    """Return the first output that the copy moves in the *other* backend, and by how much."""
    model_session = needing.model_session
    path = derived(model_session, "upgraded")
    try:
        model_session.graph("upgrade", source=needing.file, target=path, opset=opset)
        copy, plain = other.at(path).session().run(feeds), other.session().run(feeds)
        disputed = needing.session().run(feeds)
    finally:
        model_session.forget(path)
    for name in plain:
        if name in copy and name in disputed:
            by, apart = gap(copy[name], plain[name]), gap(disputed[name], plain[name])
            if by.share > 0 and by.share >= _MOVED * min(apart.share, 1e30) and apart.share > 0:
                return name, by
    return None
