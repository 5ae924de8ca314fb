"""Re-freeze a model to batch N: the door to the methods, each of which has a file of its own.

A method gives a *candidate*. Whether it is right only a proof can tell (N distinct samples against the
original's own runs), which is the caller's; :mod:`~pytest_onnxaccel.graph.rebatch.join` says what the outputs
must then be. Runs in a worker: takes paths, gives JSON builtins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from onnx import ModelProto

from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.graph.describe import describe
from pytest_onnxaccel.graph.rebatch.batch_axis import cannot
from pytest_onnxaccel.graph.rebatch.join import Join
from pytest_onnxaccel.graph.rebatch.methods.copies import Builder
from pytest_onnxaccel.graph.rebatch.methods.dims import dims, fixed
from pytest_onnxaccel.graph.rebatch.methods.rewrite import rewrite
from pytest_onnxaccel.graph.rebatch.methods.scan import LEAST_OPSET, scan
from pytest_onnxaccel.graph.rebatch.methods.unroll import unroll
from pytest_onnxaccel.graph.rebatch.survey import Survey, quick_survey, survey
from pytest_onnxaccel.graph.rebatch_files import read_model, write_model

_Method = Callable[[ModelProto, Survey, int], list[str]]

_METHODS: dict[str, _Method] = {
    "fixed": fixed,
    "dims": dims,
    "rewrite": rewrite,
    "scan": scan,
    "unroll": unroll,
}

#: ``dims`` or ``rewrite`` by what a look shows, without a survey of the graph: the cheapest candidate to have.
QUICK_SURVEY = "quick_survey"

#: Every method, cheapest result first.
METHODS = tuple(_METHODS)


def rebatch(
    source: str, target: str, batch: int, method: str = "auto", axes: Mapping[str, int] | None = None
) -> dict[str, object]:
    """Write a candidate of the model at *source* for batch *batch* to *target*.

    Args:
        source: path of the model; external data next to it.
        target: path of the new model, which then needs nothing of the source's folder.
        batch: samples that the new model takes, at least 1.
        method: one of :data:`METHODS`, ``auto`` for the first of :func:`methods` that applies, or :data:`QUICK_SURVEY`.
        axes: of the batch by input; without it, axis 0 of every input.

    Returns:
        ``method``: the one used; ``edited``: what changed, a line each; ``batch_from``: the declared batch of
        the original (a number, a symbol, or None when left open); ``block``: samples that one run of the
        original takes; ``holds_batch``: see :func:`diagnose`; ``outputs``: by name, the join that says what
        the result must be, given the original's runs (:func:`~pytest_onnxaccel.graph.rebatch.join.joined`);
        ``declares``: the new file as :func:`~pytest_onnxaccel.graph.describe.inspect` has it.

    Raises:
        ModelError: ``V_BATCH`` when the model has no common batch or the method cannot apply; ``E_PARSE``,
            ``E_EXTERNAL``, ``E_FILE`` when the file cannot be read or written.
    """
    if batch < 1:
        raise cannot(f"batch {batch} is not a number of samples")
    model = read_model(source)
    if method == QUICK_SURVEY:
        glanced = quick_survey(model, batch, axes)
        return _candidate(source, target, batch, "rewrite" if glanced.edits else "dims", model, glanced)
    found = survey(model, batch, axes)
    if method != "auto":
        return _candidate(source, target, batch, method, model, found)
    reason: ModelError | None = None
    for name in _worth(model, found):
        if reason is not None:
            model = read_model(source)  # the method before it may have begun to edit
            found = survey(model, batch, axes)
        try:
            return _candidate(source, target, batch, name, model, found)
        except ModelError as error:
            if error.code != "V_BATCH":
                raise
            reason = error
    raise reason or cannot("no method applies")


def _candidate(
    source: str, target: str, batch: int, method: str, model: ModelProto, found: Survey
) -> dict[str, object]:
    if method not in _METHODS:
        raise cannot(f"no method '{method}' to re-freeze a batch", f"use one of {', '.join(METHODS)}")
    if method == "rewrite":
        model = found.model  # local functions inlined, so that constants in them can differ by place
    edited = _METHODS[method](model, found, batch)
    write_model(model, source, target)
    return {
        "method": method,
        "edited": edited,
        "batch_from": found.batch.origin,
        "block": found.batch.size,
        "holds_batch": [hold.to_json() for hold in found.holds],
        "outputs": found.joins,
        "declares": describe(model).to_json(),
    }


def methods(source: str, axes: Mapping[str, int] | None = None) -> list[str]:
    """Return the methods worth trying for the model at *source*, cheapest first.

    ``dims`` is left out when constants must change too, ``rewrite`` when none must, and both when a node
    works across the samples of a batch; ``scan`` and ``unroll`` run the original as it is.

    Raises:
        ModelError: the model has no common batch on axis 0 of its inputs (``V_BATCH``), or cannot be read.
    """
    model = read_model(source)
    return _worth(model, survey(model, axes=axes))


def _worth(model: ModelProto, found: Survey) -> list[str]:
    worth: list[str] = []
    if not found.batch.fixed:
        worth.append("fixed")
    elif not found.edits and not found.blocked:
        worth.append("dims")
    if found.edits and not found.blocked:
        worth.append("rewrite")
    if not found.batch.leads:
        return worth  # copies are cut and put together along axis 0
    if Builder(model).opset >= LEAST_OPSET:
        worth.append("scan")
    return [*worth, "unroll"]


def diagnose(source: str, axes: Mapping[str, int] | None = None) -> list[dict[str, object]]:
    """Return which nodes hold the batch, and why: ``[{"node", "op", "why"}]``, in graph order.

    Raises:
        ModelError: as :func:`methods`.
    """
    return [hold.to_json() for hold in survey(read_model(source), axes=axes).holds]


def joins(source: str, axes: Mapping[str, int] | None = None) -> dict[str, Join]:
    """Return, by output, how the runs of the model at *source* combine into the result of a larger batch.

    Raises:
        ModelError: as :func:`methods`.
    """
    return survey(read_model(source), axes=axes).joins
