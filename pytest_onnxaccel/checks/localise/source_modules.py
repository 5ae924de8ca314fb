"""Which module of the source framework is the first whose result the ONNX graph does not have. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.checks.localise.graph_view import GraphView, Node
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.numerics.compare.distance import floor

if TYPE_CHECKING:
    from pytest_onnxaccel.numerics.compare.digest import Digest

#: Two frameworks round differently in every layer; a result counts as the same up to so many times one rounding.
ROUNDINGS = 16.0


@record(frozen=True)
class Parting:
    """The first module, in the order of execution, whose result differs.

    Attributes:
        module: its path.
        value: of the graph, that should be the module's result; *node* gives it.
        share: how far it is off, as a share of the result's scale.
        since: modules that ran after the last one that agrees and have no value of their own in the graph (a
            convolution with a batch norm folded into it); the fault may be theirs.
        nodes: of the graph that compute *value* from values that modules agree with; the fault is in one of them.
        agreeing, missing: how many modules agree, and have no value in the graph.
    """

    module: str
    value: str
    node: Node
    share: float
    since: tuple[str, ...]
    nodes: tuple[Node, ...]
    agreeing: int
    missing: int

    def to_json(self) -> dict[str, Any]:
        return {
            "module": self.module, "value": self.value, "node": self.node.to_json(), "share": self.share,
            "since": list(self.since), "nodes": [node.to_json() for node in self.nodes], "agreeing": self.agreeing,
            "missing": self.missing,
        }  # fmt: skip


def first_module(
    recorded: Sequence[tuple[str, Digest]], values: Mapping[str, Digest], graph_view: GraphView
) -> Parting | None:
    """Return the first of the *recorded* modules whose result no value of the graph holds, though one bears its name.

    Args:
        recorded: module path and result, in the order of execution; a module that ran twice is there twice.
        values: of the graph, by name, on the same inputs.
        graph_view: tells which module a value came from.

    Returns:
        None where every module that has a value in the graph agrees with it.
    """
    held = [_holder(digest, values) for _, digest in recorded]
    explained = {name for name in held if name}
    since: list[str] = []
    agreeing = missing = 0
    for (module, digest), holder in zip(recorded, held, strict=True):
        if holder:
            agreeing, since = agreeing + 1, []
            continue
        value = _named(module, digest, values, graph_view)
        # A value that is another module's result is right: the exporter has folded this module into that one
        if not value or value in explained:
            missing += 1
            since.append(module)
            continue
        share = values[value].apart(digest)
        nodes, _ = graph_view.between(value, explained - {value})
        return Parting(module, value, graph_view.makers[value], share, tuple(since), nodes, agreeing, missing)
    return None


def _holder(digest: Digest, values: Mapping[str, Digest]) -> str:
    near = ROUNDINGS * floor(digest.dtype)
    return next((name for name, value in values.items() if value.same(digest, near)), "")


def _named(module: str, digest: Digest, values: Mapping[str, Digest], graph_view: GraphView) -> str:
    """Return the last value of *module*'s own nodes, or of those inside it, that has the shape of its result."""
    if not module:
        return ""
    found = ""
    for node in graph_view.nodes:
        if node.module == module or node.module.startswith(module + "."):
            found = next((o for o in node.outputs if o in values and values[o].shape == digest.shape), found)
    return found
