"""Method ``rewrite``: the dimensions, and the constants inside the graph that carry the batch."""

from __future__ import annotations

import numpy as np
from onnx import GraphProto, ModelProto, NodeProto, helper, numpy_helper

from pytest_onnxaccel.graph.rebatch.batch_axis import cannot
from pytest_onnxaccel.graph.rebatch.edits import Edit
from pytest_onnxaccel.graph.rebatch.methods.copies import Names, graphs_of
from pytest_onnxaccel.graph.rebatch.methods.dims import set_dims
from pytest_onnxaccel.graph.rebatch.shape_values import Array
from pytest_onnxaccel.graph.rebatch.survey import Survey


def rewrite(model: ModelProto, found: Survey, n: int) -> list[str]:
    """Apply the survey's edits to its model, then set the dimensions.

    Constants are never changed in place, since other nodes may share them: an edited operand is a new
    constant.

    Args:
        model: the surveyed model itself (``found.model``).
        found: the survey of *model*.
        n: the batch to write.

    Raises:
        ModelError: a node works across samples or cannot take another batch; the message names it.
    """
    if found.blocked:
        hold = found.blocked[0]
        raise cannot(f"node '{hold.node}' ({hold.op}) stops a rewrite: {hold.why}")
    edits = found.edits if n == found.n else ()
    _Editor(model.graph).apply(edits)
    return [edit.text for edit in edits] + set_dims(model, found, n)


class _Editor:
    """Applies edits to a graph and its subgraphs."""

    def __init__(self, main: GraphProto) -> None:
        self.main = main
        self.names = Names(main)
        self.constants: list[NodeProto] = []
        self.replaced: set[str] = set()

    def apply(self, edits: tuple[Edit, ...]) -> None:
        # The edits hold the nodes, so an id means one node for as long as they live
        todo: dict[int, list[Edit]] = {}
        for edit in edits:
            todo.setdefault(id(edit.node), []).append(edit)
        for graph in graphs_of(self.main):
            for index, node in reversed(list(enumerate(graph.node))):
                for edit in todo.get(id(node), ()):
                    self._change(graph, index, node, edit)
        for constant in self.constants:
            self.main.node.insert(0, constant)
        self._prune()

    def _change(self, graph: GraphProto, index: int, node: NodeProto, edit: Edit) -> None:
        if edit.attribute and edit.value is not None:
            for item in node.attribute:
                if item.name == edit.attribute:
                    item.ints[:] = edit.value.tolist()
            return
        old = node.input[edit.slot]
        if edit.value is not None:
            node.input[edit.slot] = self._constant(f"{old}_batch", edit.value)
            self.replaced.add(old)
            return
        fresh = self.names.fresh(f"{old}_repeated")
        repeats = self._constant(f"{old}_repeats", np.asarray(edit.repeats, np.int64))
        # The same operand may be repeated along two axes: the later edit tiles what the earlier one gave
        graph.node.insert(index, helper.make_node("Tile", [old, repeats], [fresh], name=fresh))
        node.input[edit.slot] = fresh

    def _constant(self, base: str, value: Array) -> str:
        """Return a new constant in the main graph, where subgraphs see it too.

        It is a node, which every IR allows, while an initializer of IR 3 would have to be an input as well.
        """
        name = self.names.fresh(base)
        self.constants.append(helper.make_node("Constant", [], [name], value=numpy_helper.from_array(value)))
        return name

    def _prune(self) -> None:
        """Remove replaced constants that nothing uses any more."""
        used = {v.name for graph in graphs_of(self.main) for v in graph.output}
        used |= {name for graph in graphs_of(self.main) for node in graph.node for name in node.input}
        gone = self.replaced - used
        main = self.main
        for tensor in [t for t in main.initializer if t.name in gone]:
            main.initializer.remove(tensor)
        for values in (main.input, main.value_info):
            for value in [v for v in values if v.name in gone]:
                values.remove(value)
        for node in [n for n in main.node if n.op_type == "Constant" and set(n.output) <= gone]:
            main.node.remove(node)
