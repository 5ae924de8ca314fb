"""What a survey writes down as it goes: edits that would move the batch, and nodes that hold it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from onnx import NodeProto, TensorProto

from pytest_onnxaccel.core.errors import printable
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.graph.files import FOLLOWED
from pytest_onnxaccel.graph.rebatch.facts import Fact
from pytest_onnxaccel.graph.rebatch.shape_values import Array

_INTEGERS = frozenset(
    {
        TensorProto.INT64,
        TensorProto.INT32,
        TensorProto.BOOL,
        TensorProto.UINT8,
        TensorProto.INT8,
        TensorProto.UINT32,
    }
)


@record(frozen=True)
class Edit:
    """One change to input *slot* of *node*, or to its attribute when *attribute* is named.

    With a *value* the operand becomes that constant; otherwise a Tile repeats it as *repeats* says.
    """

    node: NodeProto
    text: str
    slot: int = 0
    attribute: str = ""
    value: Array | None = None
    repeats: tuple[int, ...] = ()


@record(frozen=True)
class Hold:
    """A node that holds the batch; *blocks* when no edit of constants can free it."""

    node: str
    op: str
    why: str
    blocks: bool

    def to_json(self) -> dict[str, object]:
        return {"node": self.node, "op": self.op, "why": self.why}


def named(node: NodeProto) -> str:
    """Return the node's name, or its first output's where exporters left the name out; fit to be printed."""
    return printable(node.name or next((f"-> {name}" for name in node.output if name), "?"), 80)


@dataclass
class Edits:
    """Edits and holds between the original batch *batch* and the other one, *n*."""

    batch: int
    n: int
    edits: list[Edit] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    stand_ins: dict[str, NodeProto] = field(default_factory=dict)

    def scaled(self, size: int) -> int:
        """Return what an axis of *size* at the original batch is at the other one."""
        return size * self.n // self.batch

    def mark(self) -> tuple[int, int]:
        """Return a state to which :meth:`back` returns."""
        return len(self.edits), len(self.holds)

    def back(self, mark: tuple[int, int]) -> None:
        """Forget everything since *mark*: a subgraph is walked again."""
        del self.edits[mark[0] :]
        del self.holds[mark[1] :]

    def block(self, node: NodeProto, why: str) -> None:
        """Note that no edit of constants frees this node; the first reason is the one that counts."""
        if any(h.blocks and h.node == named(node) for h in self.holds):
            return
        self.holds.append(Hold(named(node), node.op_type, why, True))

    def note(self, node: NodeProto, why: str) -> None:
        """Note that this node holds the batch, with an edit for it or harmlessly."""
        self.holds.append(Hold(named(node), node.op_type, why, False))

    def set_value(self, node: NodeProto, slot: int, old: Sequence[int], new: Sequence[int], dtype: object) -> None:
        """Replace a constant operand by the list *new*."""
        operand = printable(node.input[slot], 60)
        self.note(node, f"its operand '{operand}' is {list(old)}, which fixes the batch at {self.batch}")
        value = np.asarray(list(new), dtype=dtype)  # type: ignore[call-overload]
        text = f"{node.op_type} '{named(node)}': {list(old)} -> {list(new)}"
        self.edits.append(Edit(node, text, slot=slot, value=value))

    def set_attribute(self, node: NodeProto, name: str, old: Sequence[int], new: Sequence[int]) -> None:
        """Replace an attribute of integers; :meth:`as_edited` gives the node as it will then be."""
        self.note(node, f"its {name} {list(old)} fixes the batch at {self.batch}")
        text = f"{node.op_type} '{named(node)}': {name} {list(old)} -> {list(new)}"
        self.edits.append(Edit(node, text, attribute=name, value=np.asarray(list(new), np.int64)))
        stand_in = NodeProto()
        stand_in.CopyFrom(node)
        for item in stand_in.attribute:
            if item.name == name:
                item.ints[:] = list(new)
        self.stand_ins[node.output[0]] = stand_in

    def as_edited(self, node: NodeProto) -> NodeProto:
        """Return the node with the attributes that it will have."""
        return self.stand_ins.get(node.output[0], node) if node.output else node

    def repeat(self, node: NodeProto, slot: int, fact: Fact, axis: int) -> Fact:
        """Let input *slot*, which no input of the model changes, be repeated along *axis* to the other batch.

        Returns:
            What the node then sees; *fact* itself when the batch is not a multiple of the original.
        """
        operand = printable(node.input[slot], 60)
        if self.n % self.batch:
            self.block(node, f"'{operand}' has one row per sample of a batch of {self.batch}")
            return fact
        times = self.n // self.batch
        shape = list(fact.small or ())
        self.note(node, f"its operand '{operand}' is made for a batch of {self.batch}")
        text = f"{node.op_type} '{named(node)}': '{operand}' repeated {times} times along axis {axis}"
        repeats = tuple(times if i == axis else 1 for i in range(len(shape)))
        self.edits.append(Edit(node, text, slot=slot, repeats=repeats))
        large = list(shape)
        large[axis] = self.scaled(shape[axis] or 0)
        after = None
        if fact.after is not None and fact.after.size * times <= FOLLOWED:
            after = np.concatenate([fact.after] * times, axis=axis)
        return replace(fact, large=tuple(large), inner={}, after=after, repeated=fact.elem in _INTEGERS)


def grows(fact: Fact | None, axis: int) -> bool:
    """Return whether *axis* of the tensor carries the batch."""
    return fact is not None and axis in fact.batch_axes


def repeatable(fact: Fact | None, axis: int, size: int | None) -> bool:
    """Return whether the tensor is input-independent, without a batch, and *size* long on *axis*."""
    if fact is None or fact.fed or not fact.known or fact.batch_axes or fact.small is None:
        return False
    return axis < len(fact.small) and fact.small[axis] == size
