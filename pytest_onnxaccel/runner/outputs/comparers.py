"""Which outputs of a parity check are not compared element by element: by the user's word, or by the graph's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from pytest_onnxaccel.checks.parity.outputs.comparer import Comparer
from pytest_onnxaccel.core.comparisons import Comparison, OutputFacts, Ranking
from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.specs import ModelInfo
from pytest_onnxaccel.runner.sessions.named_outputs import named_outputs

if TYPE_CHECKING:
    from pytest_onnxaccel.checks.parity.outputs.ranked import Inner
    from pytest_onnxaccel.checks.parity.outputs.rows import RowGroup

    #: Opens a function of the user's: see :func:`~.sessions.comparison_function.comparison_function`.
    Functions = Callable[[str], Callable[..., tuple[bool, str]]]


@record(frozen=True)
class Wanted:
    """What decides how each output is compared.

    Attributes:
        info: what the model declares.
        given: what the user said, by output; ``*`` for every other one.
        facts: what the graph of the reference says, or the model's own where that is not a graph.
        random: outputs whose numbers are drawn, and may be.
    """

    info: ModelInfo
    given: Mapping[str, Comparison]
    facts: OutputFacts
    random: Sequence[str] = ()

    def __post_init__(self) -> None:
        named_outputs([name for name in self.given if name != "*"], self.info, "compare")

    def comparison(self, name: str) -> Comparison | None:
        """Return what the user said of output *name*; None where that is nothing."""
        return self.given.get(name) or self.given.get("*")

    def inner(self, own: OutputFacts) -> dict[str, str]:
        """Return values inside the graph that may be asked for, and what each is called in a graph that *own* is of.

        Where that graph does not tell, the value of the same name is tried: it says how far scores move, no more.
        """
        found = {one.scores: one.scores for one in self.given.values()}
        for name, ranking in self.facts.rankings.items():
            found[ranking.scores] = own.rankings[name].scores if name in own.rankings else ranking.scores
        for name, order in self.facts.orderings.items():
            found[order.values] = own.orderings[name].values if name in own.orderings else order.values
            known = order.suppression
            if known is None:
                continue
            mine = (own.orderings[name].suppression if name in own.orderings else None) or known
            found |= {known.boxes: mine.boxes, known.scores: mine.scores, known.chosen: mine.chosen}
            pairs = zip(known.limits, mine.limits, strict=True)
            found |= {name: own if isinstance(own, str) else name for name, own in pairs if isinstance(name, str)}
        return {name: ours for name, ours in found.items() if name}


def comparers(wanted: Wanted, inner: Inner, functions: Functions) -> dict[str, Comparer]:
    """Return what compares each output; outputs that are compared element by element are left out.

    Args:
        wanted: what decides how outputs are compared.
        inner: gives values inside the graphs.
        functions: opens a function by its name.

    Raises:
        OnnxAccelError: a function cannot be opened.
    """
    facts = wanted.facts
    if not (wanted.given or wanted.random or facts.rankings or facts.orderings or facts.steps):
        return {}
    from pytest_onnxaccel.checks.parity.outputs import simple
    from pytest_onnxaccel.checks.parity.outputs.ranked import Ranked
    from pytest_onnxaccel.checks.parity.outputs.rows import Rows

    found: dict[str, Comparer] = {}
    groups = {name: Rows(group, inner) for group in _groups(wanted) for name in group.axes}
    for spec in wanted.info.outputs:
        name, said = spec.name, wanted.comparison(spec.name)
        kind = said.kind if said is not None else ""
        ranking = wanted.facts.rankings.get(name)
        if kind in ("ranked", "rows") and spec.kind != "tensor":
            raise ModelError(
                f"compare = {kind!r} of output {name!r}: it is a {spec.kind}, not a tensor",
                code="E_CONFIG",
                remedy="compare its elements otherwise",
            )
        if name in wanted.random and said is None:
            found[name] = simple.ShapesAlone()
        elif kind == "elementwise":
            continue
        elif said is not None and kind == "ranked":
            found[name] = Ranked(_ranking(said, ranking, name), inner, given=True)
        elif said is not None and kind in ("cosine", "psnr", "sqnr"):
            found[name] = simple.Aggregate(kind, said.limit or 0.0)
        elif kind == "decision":
            found[name] = simple.Winner()
        elif said is not None and kind == "function":
            found[name] = simple.Called(said.function, functions(said.function))
        elif said is not None and kind == "steps":
            most = 1.0 if said.limit is None else said.limit
            found[name] = simple.Steps(f"steps:{most:g}", most, limited=said.limit is not None)
        elif not kind and ranking is not None:
            found[name] = Ranked(ranking, inner)
        elif name in groups:
            found[name] = groups[name]
        elif name in wanted.facts.steps and _whole(spec.dtype):
            found[name] = simple.Steps(f"steps of {wanted.facts.steps[name]}", given=False)
    return found


def _whole(dtype: str) -> bool:
    return dtype.startswith(("int", "uint"))


def _ranking(said: Comparison, known: Ranking | None, name: str) -> Ranking:
    """Return what the user says of an output's ranking, over what the graph knows."""
    if not said.scores and known is None:
        raise ModelError(
            f'compare = "ranked" of output {name!r}: the graph does not tell what its indices point into',
            code="E_CONFIG",
            remedy='name the scores: {kind = "ranked", scores = "OUTPUT", axis = -1}',
        )
    if known is not None and not said.scores:
        return known
    axis = said.axis if said.axis is not None else (known.axis if known is not None else -1)
    return Ranking("", "", said.scores, axis)


def _groups(wanted: Wanted) -> list[RowGroup]:
    """Return outputs that share their rows: those that the user says so of, and those that one operator sorts."""
    from pytest_onnxaccel.checks.parity.outputs.rows import RowGroup

    said: dict[str, dict[str, int]] = {}
    known: dict[str, dict[str, int]] = {}
    for spec in wanted.info.outputs:
        comparison, order = wanted.comparison(spec.name), wanted.facts.orderings.get(spec.name)
        if comparison is None and order is not None and spec.name not in wanted.facts.rankings:
            known.setdefault(order.node, {})[spec.name] = order.axis
        elif comparison is not None and comparison.kind == "rows":
            if order is not None and not comparison.scores and comparison.axis is None:
                known.setdefault(order.node, {})[spec.name] = order.axis
            else:
                said.setdefault(comparison.scores, {})[spec.name] = _axis(wanted, comparison, spec.name)
    groups = [RowGroup(axes, scores, "rows", given=True) for scores, axes in said.items()]
    for node, axes in known.items():
        order = next(one for one in wanted.facts.orderings.values() if one.node == node)
        asked = any(wanted.comparison(name) is not None for name in axes)
        label = f"rows ({order.operator} {node!r})"
        groups.append(RowGroup(axes, order.values, label, order.sorted, asked, order.suppression))
    return groups


def _axis(wanted: Wanted, said: Comparison, name: str) -> int:
    """Return the axis of an output's rows, counted from its end.

    It is that of the scores, else the last but one, or the only one.
    """
    ranks = {spec.name: len(spec.shape) for spec in wanted.info.outputs if spec.shape is not None}
    rank, scores = ranks.get(name), ranks.get(said.scores)
    if rank is None:
        return said.axis if said.axis is not None and said.axis < 0 else -2
    if scores is not None:
        own = said.axis % scores if said.axis is not None else scores - 1
        return min(own, rank - 1) - rank
    if said.axis is not None:
        return said.axis if said.axis < 0 else said.axis - rank
    return -2 if rank > 1 else -1
