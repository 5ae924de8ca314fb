"""Weights moved in groups, and what of them shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.numerics.reach.grouping import grouped, role, summed_up
from pytest_onnxaccel.numerics.reach.sensitivity import Effort, Sensitivity, differs

X = [{"x": np.array([value], np.float32)} for value in (1.0, 2.0, 3.0)]


class Toy:
    """``y = a * x + b``, and ``c * max(x - 2.5, 0)`` on top; ``size`` may not be moved; ``d`` is read by nothing."""

    weights = (("a", "block.a", 10), ("b", "block.b", 10), ("c", "late.c", 30), ("d", "pooler.d", 50))

    def __init__(self, size: bool = False) -> None:
        self.weights = (*Toy.weights, ("size", "size", 2)) if size else Toy.weights
        self.plain = {"a": 2.0, "b": 1.0, "c": 1.0, "d": 1.0}
        self.runs: list[list[str]] = []

    def run(self, feeds: Mapping[str, Any]) -> dict[str, Any]:
        moved = [name for name in feeds if name != "x"]
        self.runs.append(moved)
        if "size" in moved:
            raise ModelError("no such size", code="E_RUN")
        w = {name: feeds.get(name, value) for name, value in self.plain.items()}
        return {"y": w["a"] * feeds["x"] + w["b"] + w["c"] * np.maximum(feeds["x"] - 2.5, 0)}

    def move(self, names: Sequence[str], share: float) -> dict[str, Any]:
        return {name: self.plain.get(name, 1.0) * (1 + share) for name in names}

    def measured(self, effort: Effort | None = None, feeds: Any = X) -> Any:
        return Sensitivity(self.run, self.move, feeds, ["y"]).measured(self.weights, effort or Effort(least=5, most=5))


def labels(toy: Toy, places: Sequence[int]) -> list[str]:
    return [toy.weights[i][0] for i in places]


def test_what_shows_on_any_sample_is_reached() -> None:
    toy = Toy()
    shown = toy.measured()
    assert labels(toy, shown.reached) == ["a", "b", "c"]
    assert labels(toy, shown.unreached) == ["d"]
    assert shown.groups == 4


def test_what_only_a_later_sample_reaches_needs_that_sample() -> None:
    toy = Toy()
    assert labels(toy, toy.measured(feeds=X[:1]).unreached) == ["c", "d"]


def test_weights_that_may_not_be_moved_are_sizes() -> None:
    toy = Toy(size=True)
    shown = toy.measured()
    assert labels(toy, shown.refused) == ["size"]
    assert labels(toy, shown.reached) == ["a", "b", "c"]


def test_no_more_runs_than_allowed() -> None:
    toy = Toy()
    shown = toy.measured(Effort(least=4, most=4, runs=5))
    assert shown.runs <= 6
    assert sum(bool(moved) for moved in toy.runs) == shown.runs


def test_as_much_again_as_the_check_took_may_go_into_more_runs() -> None:
    late = [*X[:2], *X[:2], *X[:2], X[2]]
    few = Effort(least=4, most=4, runs=5)
    toy = Toy()
    assert "c" in labels(toy, toy.measured(few, late).unreached)
    toy = Toy()
    more = Effort(least=4, most=4, runs=5, own=10.0, most_runs=24)
    shown = toy.measured(more, late)
    assert "c" in labels(toy, shown.reached)
    assert 5 < shown.runs <= 25


def test_a_slow_model_is_moved_in_few_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(100))
    monkeypatch.setattr("time.perf_counter", lambda: float(next(clock)))
    assert Toy().measured(Effort(least=2, most=4)).groups == 2


def test_a_model_without_weights() -> None:
    shown = Sensitivity(lambda feeds: feeds, lambda names, share: {}, X, ["x"]).measured((), Effort())
    assert (shown.reached, shown.unreached, shown.runs) == ((), (), 0)


@pytest.mark.parametrize(
    ("moved", "plain", "wanted"),
    [
        (np.float32([1, 2]), np.float32([1, 2]), False),
        (np.float32([1, 2.00001]), np.float32([1, 2]), False),
        (np.float32([1, 2.01]), np.float32([1, 2]), True),
        (np.float16([1, 2.01]), np.float16([1, 2]), False),
        (np.float16([1, 2.2]), np.float16([1, 2]), True),
        (np.float32([1, np.nan]), np.float32([1, 2]), True),
        (np.float32([1, np.nan]), np.float32([1, np.nan]), False),
        (np.float32([1]), np.float32([1, 2]), True),
        (np.int64([3]), np.int64([4]), True),
        (np.array(["a"]), np.array(["a"]), False),
    ],
)
def test_what_counts_as_a_change(moved: Any, plain: Any, wanted: bool) -> None:
    assert differs(moved, plain) is wanted


# -- groups -----------------------------------------------------------------------------------------------------


def test_roles_are_kept_together() -> None:
    names = [f"layer.{i}.{part}.weight" for i in range(3) for part in ("query", "value")]
    groups = grouped([(name, name, 4) for name in names], 2)
    assert [[names[i] for i in group] for group in groups] == [
        [n for n in names if "query" in n], [n for n in names if "value" in n],
    ]  # fmt: skip


def test_one_role_is_split_in_its_order() -> None:
    weights = [(f"w{i}", "conv.w", 10) for i in range(8)]
    assert grouped(weights, 4) == [[0, 1], [2, 3], [4, 5], [6, 7]]


def test_more_roles_than_groups_are_joined_by_size() -> None:
    weights = [(f"m{i}", f"{'abcdef'[i]}.w", size) for i, size in enumerate((1, 1, 100, 1, 1, 100))]
    assert grouped(weights, 4) == [[0, 1], [2], [3, 4], [5]]


@pytest.mark.parametrize("most", [1, 3, 16])
def test_every_weight_is_in_one_group(most: int) -> None:
    weights = [(f"w{i}", f"part{'ab'[i % 2]}.{i}.w", i + 1) for i in range(11)]
    groups = grouped(weights, most)
    assert sorted(i for group in groups for i in group) == list(range(11))
    assert len(groups) == min(most, 11)
    assert all(groups)


def test_the_role_of_a_name() -> None:
    assert role("encoder.layer.11.query.weight") == role("encoder.layer.2.query.bias") == "encoder.layer.*.query"
    assert role("weight") == "weight"


def test_a_whole_branch_has_one_word() -> None:
    labels = ["pooler.dense.weight", "pooler.dense.bias", "encoder.layer.1.key.weight"]
    others = ["encoder.layer.0.key.weight", "encoder.layer.1.query.weight"]
    assert summed_up(labels, others) == ["pooler.*", "encoder.layer.1.key.*"]
    assert summed_up(["w"], ["b"]) == ["w"]
    assert summed_up(["a/b", "a/c"], ["a/d"]) == ["a/b", "a/c"]
