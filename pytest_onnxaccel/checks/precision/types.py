"""What a parity check knows of the types that its two sides compute in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import TYPE_CHECKING

from pytest_onnxaccel.backends.protocol import Session
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.precision import NARROW, Precision

if TYPE_CHECKING:
    from pytest_onnxaccel.checks.parity.noise_floor import Variants

#: Computed as int8, on both sides: judged as float32, but a step more or less is no other model.
STEPS = "int8"


@record(frozen=True)
class Types:
    """The types of both sides; asked only where something is past what its own type explains.

    Attributes:
        ask: what the graphs of the candidate and of the reference say. A source or a function has none: then what the
            model's file says is its candidate's, and the reference computes in float32.
        rounded: opens the reference with its values rounded to a type; None where it is not a graph.
        own: the candidate with variants of its own, where *rounded* is None.
        notes: what was cast for the comparison.
    """

    ask: Callable[[], tuple[Precision, Precision]]
    rounded: Callable[[str], Variants] | None = None
    own: tuple[Session, Variants] | None = None
    notes: tuple[str, ...] = ()


@record(frozen=True)
class Compared:
    """The two sides' types, output by output.

    Attributes:
        computed: float type of fewer digits than float32 that an output is computed in, on either side, or
            :data:`STEPS` where both compute with few whole numbers.
        converted: outputs that one side alone computes in the type of :attr:`computed`.
        quantised: outputs that one side alone computes with few whole numbers: that side's nodes.
        nodes: of the candidate that compute in a narrow type, by type.
    """

    computed: Mapping[str, str] = field(default_factory=dict)
    converted: frozenset[str] = frozenset()
    quantised: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    nodes: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, ours: Precision, theirs: Precision) -> Compared:
        """Join *ours* of the candidate with *theirs* of the reference."""
        names = {*ours.narrow, *theirs.narrow}
        computed = {n: _narrowest(ours.narrow.get(n, ""), theirs.narrow.get(n, "")) for n in names}
        both = {name for name in ours.quantised if name in theirs.quantised}
        one = {**theirs.quantised, **ours.quantised}
        return cls(
            {**dict.fromkeys(sorted(both - set(computed)), STEPS), **computed},
            frozenset(n for n in names if ours.narrow.get(n, "") != theirs.narrow.get(n, "")),
            {name: nodes for name, nodes in one.items() if name not in both},
            dict(ours.nodes),
        )

    @property
    def type(self) -> str:
        """The float type that one side is a conversion to, the narrowest of several; empty where it is none."""
        found = {self.computed[name] for name in self.converted}
        return next((name for name in NARROW if name in found), "")

    def note(self) -> str:
        """Return what the conversion is, in words; empty where it is none."""
        found = sorted({self.computed[name] for name in self.converted})
        told = [f"{name} ({self.nodes[name]} nodes)" if self.nodes.get(name) else name for name in found]
        return f"a conversion to {' and '.join(told)}: judged at the rounding of that type" if found else ""


def _narrowest(a: str, b: str) -> str:
    return next(name for name in NARROW if name in (a, b))
