"""Where two graphs part, by their wiring and the gaps between their values alone."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from pytest_onnxaccel.checks.localise.first_difference import Beside
from pytest_onnxaccel.checks.localise.graph_view import GraphView, Node
from pytest_onnxaccel.numerics.compare.distance import Gap


def graph_view(*nodes: tuple[str, str, str], outputs: tuple[str, ...] = ("y",)) -> GraphView:
    """Nodes as (operator, what it reads, what it gives), of a graph that reads ``x``."""
    made = tuple(Node(out, op, tuple(reads.split()), (out,)) for op, reads, out in nodes)
    values = {out: (4, "float32", [1]) for _, _, out in nodes}
    return GraphView(("x",), outputs, made, values, tuple(out for out in values if out not in outputs))


def beside(
    ours: GraphView, gaps: Mapping[str, float], theirs: GraphView | None = None, pairs: Mapping[str, str] | None = None,
    noise: Mapping[str, float] | None = None, wrong: tuple[str, ...] = ("y",),
) -> Beside:  # fmt: skip
    theirs = theirs or ours
    shared = {name: name for name in (*ours.inputs, *ours.makers) if name in (*theirs.inputs, *theirs.makers)}
    pairs = shared if pairs is None else {"x": "x", "y": "y", **pairs}
    return Beside(ours, theirs, pairs, {k: Gap(v, v) for k, v in gaps.items()}, noise or {}, wrong)


CHAIN = graph_view(("Conv", "x", "a"), ("Relu", "a", "b"), ("Conv", "b", "c"), ("Relu", "c", "y"))
SMALL, LARGE = 1e-7, 0.1


def values(found: Beside) -> list[str]:
    return [suspect.value for suspect in found.suspects()]


def test_the_first_that_differs_is_the_origin_and_the_rest_propagation() -> None:
    found = beside(CHAIN, {"a": SMALL, "b": LARGE, "c": LARGE, "y": LARGE})
    (suspect,) = found.suspects()
    assert (suspect.node.op, suspect.value, suspect.reads) == ("Relu", "b", ("a",))
    assert suspect.before == SMALL
    assert found.differing == ("b", "c")


def test_a_model_that_is_wrong_from_its_first_node_on() -> None:
    assert values(beside(CHAIN, dict.fromkeys("abcy", LARGE))) == ["a"]


def test_only_the_output_differs() -> None:
    assert values(beside(CHAIN, {**dict.fromkeys("abc", 0.0), "y": LARGE})) == ["y"]


def test_an_output_that_failed_is_looked_into_however_little_it_differs() -> None:
    """The user's tolerance may be tighter than ours."""
    assert values(beside(CHAIN, dict.fromkeys("abcy", 0.0))) == ["y"]


def test_a_difference_that_has_vanished_again_is_passed_by() -> None:
    """A batch norm folded into ``a`` makes it another value, and ``b`` the same as ever."""
    assert values(beside(CHAIN, {"a": LARGE, "b": SMALL, "c": LARGE, "y": LARGE})) == ["c"]


def test_a_difference_that_no_wrong_output_depends_on_is_passed_by() -> None:
    graph = graph_view(
        ("Conv", "x", "a"), ("Conv", "x", "b"), ("Relu", "a", "y"), ("Relu", "b", "z"), outputs=("y", "z")
    )
    assert values(beside(graph, {"a": SMALL, "b": LARGE, "y": LARGE, "z": SMALL})) == ["y"]


def test_two_origins_in_parallel_branches() -> None:
    graph = graph_view(("Conv", "x", "a"), ("Conv", "x", "b"), ("Add", "a b", "y"))
    assert values(beside(graph, {"a": LARGE, "b": LARGE, "y": LARGE})) == ["a", "b"]


@pytest.mark.parametrize(("noise", "expected"), [({}, ["b"]), ({"b": 1e-5, "c": 1e-5}, ["y"])])
def test_noise_of_the_reference_is_no_origin(noise: dict[str, float], expected: list[str]) -> None:
    assert values(beside(CHAIN, {"a": 0.0, "b": 2e-5, "c": 2e-5, "y": LARGE}, noise=noise)) == expected


def test_what_was_cleared_is_not_named_again_but_what_comes_behind_is() -> None:
    found = beside(CHAIN, dict.fromkeys("abcy", LARGE))
    assert [s.value for s in found.suspects(cleared={"a"})] == ["b"]
    assert [s.value for s in found.suspects(scale=1e6)] == ["y"], "raised past everything but the verdict itself"


def test_values_without_a_counterpart_make_the_region_larger() -> None:
    found = beside(CHAIN, {"a": SMALL, "c": LARGE, "y": LARGE}, pairs={"a": "a", "c": "c"})
    (suspect,) = found.suspects()
    assert [node.op for node in suspect.nodes] == ["Relu", "Conv"]
    assert (suspect.value, suspect.reads) == ("c", ("a",))


def test_a_node_that_the_candidate_lacks_is_in_the_reference_region() -> None:
    ours = graph_view(("Conv", "x", "a"), ("Conv", "a", "c"), ("Relu", "c", "y"))
    (suspect,) = beside(ours, {"a": 0.0, "c": LARGE, "y": LARGE}, CHAIN).suspects()
    assert [node.op for node in suspect.nodes] == ["Conv"]
    assert [node.op for node in suspect.theirs] == ["Relu", "Conv"]
    assert suspect.their_reads == ("a",)


def test_a_node_too_many_has_no_counterpart() -> None:
    ours = graph_view(("Conv", "x", "raw"), ("Add", "raw", "y"))
    theirs = graph_view(("Conv", "x", "y"))
    (suspect,) = beside(ours, {"raw": 0.0, "y": LARGE}, theirs, {"raw": "y"}).suspects()
    assert [node.op for node in suspect.nodes] == ["Add"]
    assert suspect.theirs == ()


def test_nothing_matches_gives_one_region_from_the_inputs() -> None:
    (suspect,) = beside(CHAIN, {"y": LARGE}, pairs={}).suspects()
    assert (len(suspect.nodes), suspect.reads) == (4, ("x",))
