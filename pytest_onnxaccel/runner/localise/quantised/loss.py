"""Where a quantised model loses what: its nodes fed with the values of the float original, each by itself."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.backends.protocol import LoadOptions
from pytest_onnxaccel.checks.localise.graph_view import GraphView, Node
from pytest_onnxaccel.checks.precision.ranges import Misfit, Range, misfit, unexplained
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.specs import dtype_label
from pytest_onnxaccel.numerics.compare.sqnr import sqnr, steps_apart
from pytest_onnxaccel.runner.localise.nodes.exposed_model import ExposedModel
from pytest_onnxaccel.runner.localise.nodes.node_words import named
from pytest_onnxaccel.runner.localise.quantised.same_numbers import Same, by_definition, in_same_numbers
from pytest_onnxaccel.runner.sessions.comparison_sides import ComparisonSide, derived

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array

_AUDIT = "pytest_onnxaccel.graph.precision.audit:audit"
_FORCED = "pytest_onnxaccel.graph.precision.forced:forced"
#: Bytes of values that are held at a time; the largest ones are left out first.
CAP = 256 << 20
#: Products and convolutions of whole numbers: their kernels may saturate.
_WITH_KERNELS = ("ConvInteger", "MatMulInteger", "QGemm", "QLinearConv", "QLinearMatMul")
#: What only turns numbers into others names no place.
_TURNS = ("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "Cast", "Mul", "Identity")
#: What hands numbers on as they are loses nothing, where anything else of the part computes.
_MOVES = ("Flatten", "Gather", "MaxPool", "Reshape", "Slice", "Split", "Squeeze", "Transpose", "Unsqueeze")


@record(frozen=True)
class Loss:
    """What one part of the graph loses, fed with what the original computes there.

    Attributes:
        node: the part's own, in words.
        value: that it gives.
        sqnr: of that, in dB.
        misfit: how that fits the range of the numbers that it is turned into.
        range: of those numbers, where it is known.
        same: what the original loses there in the same numbers, in dB; None where that is not known.
        off: how many steps the two are apart, the root of the mean square; infinite where it has no steps.
        original: what the original computes there, in words.
        defined: what is left by the definitions of the operators, where a kernel of whole numbers gives less.
    """

    node: str
    value: str
    sqnr: float
    misfit: Misfit
    range: Range | None = None
    same: float | None = None
    off: float = math.inf
    original: str = ""
    defined: float | None = None

    @property
    def unexplained(self) -> float:
        """What it loses more than its numbers explain, in dB; 0 where they do."""
        return 0.0 if self.same is None else unexplained(self.sqnr, self.same, self.off)

    @property
    def excess(self) -> float:
        """What it loses more than its numbers must, in dB."""
        return self.misfit.ideal - self.sqnr if math.isfinite(self.misfit.ideal) else 0.0

    def to_json(self) -> dict[str, Any]:
        return {
            "node": self.node, "value": self.value, "sqnr_db": self.sqnr, "excess_db": self.excess,
            "same_numbers_db": self.same,
            "range": self.misfit.text,
            "quantiser": self.misfit.node,
        }  # fmt: skip

    def __str__(self) -> str:
        return f"{self.node} {self.sqnr:.1f} dB" + (f" ({self.misfit.text})" if self.misfit.text else "")


def audited(ours: ComparisonSide, theirs: ComparisonSide) -> dict[str, Any]:
    """Return the report of :func:`pytest_onnxaccel.graph.precision.audit.audit`."""
    found: dict[str, Any] = ours.model_session.graph(_AUDIT, candidate=ours.file, reference=theirs.file)
    return found


def faults_of(report: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what an audit found, a line each, with the node first."""
    return tuple(f"{fault['node']}: {fault['name']!r}: {fault['text']}" for fault in report["faults"])


def losses(
    ours: ComparisonSide, theirs: ComparisonSide, feeds: Mapping[str, Array], ranges: Mapping[str, Range]
) -> list[Loss]:
    """Return what each part of the candidate loses on *feeds*, most first.

    Raises:
        OnnxAccelError: a side cannot be run.
    """
    shapes = {name: list(array.shape) for name, array in feeds.items()}
    mine, other = (
        GraphView.from_json(side.model_session.graph("anatomy", path=side.file, shapes=shapes))
        for side in (ours, theirs)
    )
    shared = _within([name for name in other.makers if other.dtype(name) in ("", "float32")], other)
    (right,) = ExposedModel(theirs, other).run(shared, feeds)
    right = {name: array for name, array in {**feeds, **right}.items() if array.dtype.name == "float32"}
    right |= _rectified(mine, other, right, ranges)
    target = derived(ours.model_session, "forced")
    try:
        values = {name: [dtype_label(array.dtype), list(array.shape)] for name, array in right.items()}
        cuts = ours.model_session.graph(_FORCED, source=ours.file, target=target, values=values)["cuts"]
        given = {cut["fed"]: right[cut["original"]] for cut in cuts if cut["fed"]}
        # As it is: what an optimizer adds around whole numbers is another graph
        side = replace(ours, path=target, options=LoadOptions(optimize=False, spin=False))
        fed = {**feeds, **given}
        found = side.session().run(fed)
        same = in_same_numbers((ours, theirs), feeds, right, cuts)
        told: dict[str, Loss] = {}
        known = {cut["value"] for cut in cuts}
        for cut in cuts:
            name, shown = cut["original"], found.get(cut["shown"])
            if shown is None or shown.shape != right[name].shape or name in told:
                continue
            nodes, _ = mine.between(cut["value"], known - {cut["value"]})
            fits = misfit(name, right[name], ranges.get(name))
            loss = Loss(_own(nodes, name), name, sqnr(right[name], shown), fits, ranges.get(name))
            if name in same and same[name].array.shape == shown.shape:
                theirs_there, _ = other.between(name, {*same[name].fed} - {name})
                loss = _beside(loss, shown, right[name], same[name], named(theirs_there))
                if loss.unexplained and any(node.op in _WITH_KERNELS for node in nodes):
                    exact = by_definition(side, cut["shown"], fed)
                    by_it = None if exact is None else _beside(loss, exact, right[name], same[name], loss.original)
                    if by_it is None or not by_it.unexplained:  # the file is right, as far as can be told
                        loss = replace(loss, same=None, defined=None if by_it is None else by_it.sqnr)
            told[name] = loss
    finally:
        ours.model_session.forget(target)
    return sorted((loss for loss in told.values() if math.isfinite(loss.sqnr)), key=lambda loss: loss.sqnr)


def _beside(loss: Loss, shown: Array, right: Array, same: Same, original: str) -> Loss:
    """Return *loss* of a part that gives *shown*, next to what the original gives in the same numbers."""
    return replace(
        loss,
        sqnr=sqnr(right, shown),
        same=sqnr(right, same.array),
        off=steps_apart(shown, same.array, same.step),
        original=original,
    )


def _rectified(
    mine: GraphView, other: GraphView, right: Mapping[str, Array], ranges: Mapping[str, Range]
) -> dict[str, Array]:
    """Return the values that whole numbers rectify on the way: as the original has them behind its Relu."""
    found = {}
    for node in other.nodes:
        if node.op in ("Relu", "Clip") and node.inputs and node.outputs:
            before, behind = node.inputs[0], node.outputs[0]
            alone = sum(before in each.inputs for each in other.nodes) == 1
            held = ranges.get(before)
            left = held is not None and held.low > -held.step / 2  # to numbers that begin at 0
            if left and alone and behind in right and not _rectifies(mine, before, behind):
                found[before] = right[behind]
    return found


def _rectifies(mine: GraphView, before: str, behind: str) -> bool:
    """Return whether *mine* has a node of its own that makes *behind*, not only what turns *before* back to floats."""
    maker = mine.makers.get(behind)
    if maker is None:
        return f"{behind}_quantized" in mine.makers
    return not (maker.op == "DequantizeLinear" and maker.inputs[:1] == (f"{before}_quantized",))


def _within(names: list[str], view: GraphView) -> list[str]:
    """Return *names* whose values fit into the memory, twice; those of unknown size count a hundredth of it."""
    sizes = {name: 2 * (view.size(name) or CAP // 200) for name in names}
    while sizes and sum(sizes.values()) > CAP:
        del sizes[max(sizes, key=lambda name: sizes[name])]
    return [name for name in names if name in sizes]


def _own(nodes: tuple[Node, ...], name: str) -> str:
    """Return the one of *nodes* that computes; the value's *name* where none does."""
    found = [node for node in nodes if node.op not in _TURNS]
    found = [node for node in found if node.op not in _MOVES] or found or list(nodes)
    return str(found[0]) if found else repr(name)
