"""What the float original gives where it computes in the numbers of its quantised conversion."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.backends.protocol import LoadOptions
from pytest_onnxaccel.core.errors import OnnxAccelError
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.specs import dtype_label
from pytest_onnxaccel.runner.localise.arithmetic import JUDGE
from pytest_onnxaccel.runner.sessions.comparison_sides import ComparisonSide, derived

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array

_PART = "pytest_onnxaccel.graph.precision.forced:part_of"
_FUNCTION = "pytest_onnxaccel.graph.precision.same_numbers:same_numbers"


@record(frozen=True)
class Same:
    """One value of the original in those numbers.

    Attributes:
        step: of the numbers that it is held in; 0 where it is a float.
        fed: values that were fed, so that none of their own losses is in it.
    """

    array: Array
    step: float
    fed: Collection[str]


def in_same_numbers(
    sides: tuple[ComparisonSide, ComparisonSide],
    feeds: Mapping[str, Array],
    right: Mapping[str, Array],
    cuts: Sequence[Mapping[str, Any]],
) -> dict[str, Same]:
    """Return what each part of the original gives in the numbers of the candidate, by value.

    Nothing where that is not available: then no part is judged by it.

    Args:
        sides: candidate and original.
        feeds: a sample.
        right: values of the original, by name.
        cuts: see :func:`pytest_onnxaccel.graph.precision.forced.forced`.
    """
    ours, theirs = sides
    target = derived(ours.model_session, "same")
    values = {name: [dtype_label(array.dtype), list(array.shape)] for name, array in right.items()}
    try:
        made = ours.model_session.graph(
            _FUNCTION, candidate=ours.file, reference=theirs.file, target=target, values=values,
            cuts={cut["original"]: cut["value"] for cut in cuts},
            whole=[cut["original"] for cut in cuts if cut["whole"]],
        )  # fmt: skip
        side = replace(ours, path=target, options=LoadOptions(optimize=False, spin=False))
        found = side.session().run({**feeds, **{name: right[value] for value, name in made["fed"].items()}})
    except OnnxAccelError:
        return {}
    finally:
        ours.model_session.forget(target)
    return {value: Same(found[name], float(made["steps"][value]), made["fed"]) for value, name in made["shown"].items()}


def by_definition(side: ComparisonSide, shown: str, feeds: Mapping[str, Array]) -> Array | None:
    """Return output *shown* of the side's file by the definitions of its operators; None where one has none here.

    Kernels of whole numbers may saturate, on processors without instructions for them.

    Args:
        side: with a path to a file whose parts are all fed.
        shown: one of its outputs.
        feeds: for all of its inputs.
    """
    model_session = side.model_session
    part, target = derived(model_session, "part"), derived(model_session, "arithmetic")
    try:
        inputs = model_session.graph(_PART, source=side.file, target=part, output=shown)["inputs"]
        if model_session.graph("arithmetic", source=part, target=target)["unknown"]:
            return None
        wide = {n: feeds[n].astype("float64") if feeds[n].dtype.kind == "f" else feeds[n] for n in inputs}
        return model_session.session(JUDGE, target).run(wide)[shown]
    except OnnxAccelError:
        return None
    finally:
        model_session.forget(part)
        model_session.forget(target)
