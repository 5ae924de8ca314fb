"""The inputs of a model, from what it declares, what its graph says, and what the user gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_onnxaccel.core.domains import InputFacts
from pytest_onnxaccel.core.specs import InputSpec, ModelInfo
from pytest_onnxaccel.numerics.sampling.declared import batch_sizes, declared_facts, elements
from pytest_onnxaccel.numerics.sampling.input_sets import Inputs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.generic]

#: Samples in one run of a model of which an output is one number for all of them.
ROWS = 4


def model_inputs(
    info: ModelInfo,
    given: Sequence[InputSpec],
    seed: int,
    files: Mapping[str, Sequence[Array]],
    facts: InputFacts | None = None,
    golden: Sequence[Mapping[str, Array]] = (),
) -> Inputs:
    """Return the inputs of a model before its free dimensions are found.

    Args:
        info: what the model declares.
        given: what the user says of inputs.
        seed: of what is drawn.
        files: samples by input name, as read from the user's files.
        facts: what the graph says of the inputs; by default what their declarations say.
        golden: samples that come first.
    """
    facts = facts or declared_facts(info)
    batch, axes = facts.batch, dict(facts.axes)
    for item in given:
        if item.batch_axis is not None:
            axes[item.name] = item.batch_axis
    size: int | None = None
    if axes:
        size = batch if isinstance(batch, int) else None
        if size is None:
            shown = {name: [array] for name, array in golden[0].items()} if golden else files
            leading = batch_sizes(info.inputs, axes, () if golden else given, shown)
            usual = ROWS if facts.whole else 1  # a mean of one sample is the sample itself
            size = leading.pop() if len(leading) == 1 else 0 if golden else usual
    symbol = batch if isinstance(batch, str) else None
    stored = golden[0] if golden else None
    for spec in elements(info.inputs, stored) if symbol is not None else ():
        if spec.kind != "tensor" or spec.name not in {one.name for one in info.inputs}:
            axes |= {spec.name: (spec.shape or ()).index(symbol)} if symbol in (spec.shape or ()) else {}
    domains = dict(facts.domains)
    for spec in info.inputs:
        if spec.holds_tensors and spec.name in domains:
            domains |= {one.name: replace(domains[spec.name], name=one.name) for one in elements([spec], stored)}
    return Inputs(
        elements(info.inputs, stored),
        size or None,
        symbol,
        seed,
        given=tuple(given),
        files=files,
        axes=axes if size else {},
        domains=domains,
        golden=tuple(golden),
        infinite=facts.infinite,
        shares=facts.shares,
        whole=facts.whole if size else {},
        weights=facts.weights,
        limited=facts.limited,
        quantised=facts.quantised,
    )
