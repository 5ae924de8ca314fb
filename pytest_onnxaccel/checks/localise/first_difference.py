"""Where two computations part: the first node whose result differs although what it reads agrees.

Pure: takes the two graphs, which value is which, and how far apart they are; gives suspects in order.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import field
from functools import cached_property

from pytest_onnxaccel.checks.localise.graph_view import GraphView, Node
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.numerics.compare.distance import Gap, floor, narrower

#: A gap counts from so many times the noise of the reference's own side on.
NOISE = 8.0


@record(frozen=True)
class Suspect:
    """One place where the two sides part.

    Attributes:
        value: of the candidate, which differs.
        counterpart: of the reference.
        nodes: of the candidate, in order, that compute *value* from *reads*; the last one gives it.
        reads: values of the candidate that agree.
        theirs: nodes of the reference that compute the counterpart; empty where the candidate has a node too many.
        their_reads: what those read.
        gap: of *value*.
        before: largest gap of *reads*, as a share of their scales.
        limit: from which on *value* counts as different, as a share of its scale.
    """

    value: str
    counterpart: str
    nodes: tuple[Node, ...]
    reads: tuple[str, ...]
    theirs: tuple[Node, ...]
    their_reads: tuple[str, ...]
    gap: Gap
    before: float
    limit: float

    @property
    def node(self) -> Node:
        """The node that gives the value."""
        return self.nodes[-1]


@record(frozen=True)
class Beside:
    """Two graphs with the gaps between their values.

    Attributes:
        pairs: the reference's value by the candidate's, inputs and outputs included.
        gaps: by the candidate's value, of those that are paired.
        noise: by the reference's value, how far its own legal variants are apart, as a share of its scale.
        wrong: outputs that failed the check.
        narrow: float type of fewer digits that one side is a conversion to; empty where it is none.
    """

    ours: GraphView
    theirs: GraphView
    pairs: Mapping[str, str]
    gaps: Mapping[str, Gap]
    noise: Mapping[str, float] = field(default_factory=dict)
    wrong: tuple[str, ...] = ()
    narrow: str = ""

    def limit(self, value: str, scale: float = 1.0) -> float:
        """Return from what share of its scale on *value* differs."""
        counterpart = self.pairs.get(value, value)
        dtype = self._rounds(value, counterpart)
        rounding = max(floor(dtype), floor(self.narrow) if floor(dtype) else 0.0)
        return max(rounding * scale, NOISE * self.noise.get(counterpart, 0.0))

    def _rounds(self, value: str, counterpart: str) -> str:
        """Return the type that *value* was rounded to on the way, on the side that rounds more."""
        ours, theirs = self.ours.dtype(value), self.theirs.dtype(counterpart)
        if self.mixed:  # a Cast at the end gives no digits back
            ours, theirs = self.ours.narrowest.get(value, ours), self.theirs.narrowest.get(counterpart, theirs)
        return narrower(ours or theirs, theirs)

    @cached_property
    def mixed(self) -> bool:
        """The two sides round some value to different float types on the way to it."""
        return any(one != other for one, other in map(self.rounded_to, self.gaps))

    def rounded_to(self, value: str) -> tuple[str, str]:
        """Return the float types that *value* and its counterpart were rounded to; equal where either is not known."""
        counterpart = self.pairs.get(value, value)
        ours, theirs = self.ours.narrowest.get(value, ""), self.theirs.narrowest.get(counterpart, "")
        return (ours, theirs) if "float" in ours and "float" in theirs else (ours, ours)

    def agrees(self, value: str, scale: float = 1.0) -> bool:
        """Return whether *value* has a counterpart and equals it but for rounding."""
        if value in self.ours.inputs:
            return True
        return value in self.gaps and self.gaps[value].share <= self.limit(value, scale)

    @cached_property
    def differing(self) -> tuple[str, ...]:
        """Values between inputs and outputs that have a counterpart and differ from it."""
        inner = set(self.ours.makers) - set(self.ours.outputs)
        return tuple(name for name in self.ours.makers if name in inner & set(self.gaps) and not self.agrees(name))

    def suspects(self, scale: float = 1.0, cleared: Collection[str] = ()) -> Iterator[Suspect]:
        """Yield places where the two part, in the order of the candidate's nodes.

        Goes back from the wrong outputs over what differs or has no counterpart, and stops at what agrees: a value
        that differs and whose effect has vanished further on (a batch norm folded into a convolution) is passed by.

        Args:
            scale: of the limits for rounding.
            cleared: values that are taken to agree.
        """
        known = {name for name in self.gaps if self.agrees(name, scale)} | set(cleared) | set(self.ours.inputs)
        known -= set(self.wrong)
        reached = self._reached(known)
        parted: set[str] = set()
        their_known = {self.pairs[name] for name in known if name in self.pairs} | set(self.theirs.inputs)
        for value in sorted(reached, key=self.ours.order.__getitem__):
            inside = [name for name in self.ours.makers[value].inputs if name in reached]
            if any(name in parted for name in inside):
                parted.add(value)
            elif value in self.gaps and value not in known and self.gaps[value].share > 0:
                parted.add(value)
                yield self._suspect(value, known, their_known, scale)

    def _reached(self, known: Collection[str]) -> set[str]:
        reached: set[str] = set()
        waiting = [name for name in self.wrong if name in self.ours.makers]
        while waiting:
            value = waiting.pop()
            if value in reached:
                continue
            reached.add(value)
            waiting += [
                name for name in self.ours.makers[value].inputs if name not in known and name in self.ours.makers
            ]
        return reached

    def _suspect(self, value: str, known: Collection[str], their_known: Collection[str], scale: float) -> Suspect:
        nodes, reads = self.ours.between(value, known)
        counterpart = self.pairs[value]
        # A node too many in the candidate: what it reads is already what the reference gives there
        extra = any(self.pairs.get(name) == counterpart for name in reads)
        theirs, their_reads = ((), ()) if extra else self.theirs.between(counterpart, set(their_known) - {counterpart})
        before = max((self.gaps[name].share for name in reads if name in self.gaps), default=0.0)
        return Suspect(
            value, counterpart, nodes, reads, theirs, their_reads, self.gaps[value], before, self.limit(value, scale)
        )
