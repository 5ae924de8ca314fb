"""What only another order or neighbour shows, outputs that join on other axes, and what the sweep leaves out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from pytest_onnxaccel.checks.batch import sizes as sizes_module
from pytest_onnxaccel.checks.batch.check import BatchCase, batch
from pytest_onnxaccel.checks.batch.permutation import order_of
from pytest_onnxaccel.checks.batch.single_runs import SingleRuns
from pytest_onnxaccel.checks.batch.sizes import SWEEP_SIZES, choose
from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import InputSpec, Tolerance
from pytest_onnxaccel.graph.rebatch.join import concat, same, stack
from pytest_onnxaccel.numerics.sampling.input_sets import Inputs
from suites.unit.fakes import Arrays, FakeSession, doubling, inputs_of, tensor

DYNAMIC = inputs_of(tensor("x", "N", 4), batch="N")


def dynamic(
    function: Any, *sizes: int, joins: Any = None, inputs: Inputs = DYNAMIC, session: Any = None, **more: Any
) -> CheckResult:
    session = session or FakeSession(function)

    def batch_sessions(size: int) -> Iterator[tuple[str, Any]]:
        yield "dynamic", session

    single_runs = SingleRuns(session, inputs, None, None if joins is None else lambda: joins)
    return batch(
        BatchCase("m", "ort-cpu", session, inputs, batch_sessions, sizes, Tolerance(), single_runs=single_runs, **more)
    )


# -- another order, another neighbour ---------------------------------------------------------------------------


def clipped_by_the_loudest(feeds: Arrays) -> Arrays:
    """Every sample is divided by the largest value in the batch, once that is past 2: never for legal inputs."""
    return {"y": feeds["x"] / max(2.0, float(np.abs(feeds["x"]).max()))}


def remembers_the_third(feeds: Arrays) -> Arrays:
    """Right for the third sample only while it is the one that it was calibrated on."""
    y = feeds["x"].copy()
    if len(y) > 2 and abs(float(y[2, 0]) - float(DYNAMIC.feeds(2)["x"][0, 0])) > 1e-6:
        y[2] += 1
    return {"y": y}


def test_a_sample_that_changes_the_others_is_found() -> None:
    result = dynamic(clipped_by_the_loudest)
    assert (result.verdict, result.code, result.batch) == (Verdict.FAILED, "V_BATCH", 3)
    assert "batch 3 is not its samples: one sample changes the results of the others: output 'y'" in result.message


def test_an_order_that_matters_is_found() -> None:
    result = dynamic(remembers_the_third)
    assert (result.verdict, result.batch) == (Verdict.FAILED, 3)
    assert "the order of the samples changes their results: output 'y'" in result.message


def test_the_shuffle_costs_one_run_and_none_of_the_original() -> None:
    session = FakeSession(doubling)
    dynamic(doubling, session=session)
    # Twice the first sample, then batch 1, 2 and 3 with the samples alone before each, and one shuffled batch
    assert [len(feeds["x"]) for feeds in session.calls] == [1, 1, 1, 1, 2, 1, 3, 3]


def test_a_model_that_refuses_values_out_of_range_gets_legal_ones() -> None:
    def strict(feeds: Arrays) -> Arrays:
        if np.abs(feeds["x"]).max() > 1:
            raise ModelError("out of range", code="E_RUN")
        return {"y": feeds["x"]}

    assert dynamic(strict).verdict is Verdict.PASSED


def test_declared_ranges_are_kept() -> None:
    seen: list[float] = []

    def watched(feeds: Arrays) -> Arrays:
        seen.append(float(feeds["x"].max()))
        return {"y": feeds["x"]}

    inputs = inputs_of(tensor("x", "N", 4), batch="N", given=[InputSpec("x", 0, 1)])
    assert dynamic(watched, inputs=inputs).verdict is Verdict.PASSED
    assert max(seen) <= 1


@pytest.mark.parametrize("size", range(2, 20))
def test_the_order_is_a_permutation_that_moves_samples(size: int) -> None:
    order = order_of(size)
    assert sorted(order) == list(range(size))
    assert order != list(range(size))


def test_samples_that_are_all_alike_are_said_to_prove_little() -> None:
    same_sample = inputs_of(tensor("x", "N", 4), batch="N", files={"x": [np.ones((1, 4), np.float32)]})
    (note,) = dynamic(doubling, inputs=same_sample).notes
    assert note.startswith("the 3 samples of the batch are all equal")
    assert dynamic(doubling).notes == ()


@pytest.mark.parametrize(
    ("symbol", "is_batch"), [("N", True), ("batch_nodes", True), ("seq_len", False), ("T_steps", False)]
)
def test_an_axis_that_is_called_otherwise_is_no_batch(symbol: str, is_batch: bool) -> None:
    inputs = inputs_of(tensor("x", symbol, 4), batch=symbol)
    result = dynamic(doubling, inputs=inputs)
    assert result.verdict is (Verdict.PASSED if is_batch else Verdict.NOT_APPLICABLE)
    assert dynamic(doubling, 2, inputs=inputs).verdict is Verdict.PASSED


# -- joins ------------------------------------------------------------------------------------------------------


def recurrent(feeds: Arrays) -> Arrays:
    """A last state of layers x batch x hidden, a table of anchors, and a squeezed score."""
    score = feeds["x"].sum(axis=1)
    return {
        "h": np.stack([feeds["x"], feeds["x"] * 2]),
        "anchors": np.arange(6.0).reshape(3, 2),
        "score": score if len(score) > 1 else score.reshape(()),
    }


JOINS = {"h": concat(1), "anchors": same(), "score": stack()}


def test_outputs_join_as_the_graph_says() -> None:
    result = dynamic(recurrent, 3, 7, joins=JOINS)
    assert result.verdict is Verdict.PASSED, result
    assert result.figures["shuffled"] == [3, 7]


@pytest.mark.parametrize("name", ["h", "score", "anchors"])
def test_a_mistake_in_any_of_them_is_found(name: str) -> None:
    def wrong(feeds: Arrays) -> Arrays:
        found = dict(recurrent(feeds))
        if len(feeds["x"]) == 3:
            found[name] = np.flip(found[name], axis=min(1, found[name].ndim - 1))
        return found

    result = dynamic(wrong, 3, joins=JOINS)
    assert (result.verdict, result.code) == (Verdict.FAILED, "V_BATCH")
    assert f"output '{name}'" in result.message


def test_an_output_of_no_input_that_differs_is_unstable() -> None:
    numbers = iter(range(100))
    joins = {"y": concat(), "n": same()}
    result = dynamic(lambda feeds: {"y": feeds["x"], "n": np.float32(next(numbers))}, joins=joins)
    assert (result.verdict, result.code) == (Verdict.NOT_APPLICABLE, "V_UNSTABLE")


# -- unstable, and a batch of several that are not samples -------------------------------------------------------


def test_a_model_that_differs_from_itself_is_not_provable() -> None:
    draw = np.random.default_rng(0)
    result = dynamic(lambda feeds: {"y": feeds["x"] + draw.normal(size=feeds["x"].shape)}, 2)
    assert (result.verdict, result.code) == (Verdict.FAILED, "V_UNSTABLE")
    assert result.message == "two equal runs of the model differ (output 'y'), so nothing can be proven about its batch"


@pytest.mark.parametrize(
    "function", [lambda feeds: {"y": np.cumsum(feeds["x"], 0)}, lambda feeds: {"y": feeds["x"] - feeds["x"].mean()}]
)
def test_samples_of_a_frozen_batch_that_depend_on_each_other(function: Any) -> None:
    inputs = inputs_of(tensor("x", 4, 2), batch=4)

    def frozen(feeds: Arrays) -> Arrays:
        if len(feeds["x"]) != 4:
            raise ModelError("the model is frozen to batch 4", code="E_INPUT")
        return dict(function(feeds))

    for sizes, verdict in (((), Verdict.NOT_APPLICABLE), ((8,), Verdict.FAILED)):
        result = dynamic(frozen, *sizes, inputs=inputs)
        assert (result.verdict, result.code) == (verdict, "V_BATCH")
        assert result.message.startswith("frozen at batch 4, and its samples depend on each other: ")


# -- the sweep --------------------------------------------------------------------------------------------------


def test_a_dynamic_model_is_swept_beyond_what_was_asked() -> None:
    result = dynamic(doubling, 10, 20, wide=True)
    assert result.figures["sizes"] == [*SWEEP_SIZES, 20]
    assert "left_out" not in result.figures


def test_sizes_that_take_too_long_are_left_out_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    session = FakeSession(doubling)
    single_runs = SingleRuns(session, DYNAMIC)
    single_runs.block(0)
    single_runs.seconds = 1.0
    found = choose((2,), 1, True, True, single_runs, session, 0)
    assert found.sizes == (1, 2, 3)
    assert found.left_out == {7: "would take about 18 s", 10: "would take about 27 s", 16: "would take about 45 s"}
    monkeypatch.setattr(sizes_module, "SWEEP_SECONDS", 0.0)
    result = dynamic(doubling, 2, wide=True)
    assert result.figures["sizes"] == [2]
    assert list(result.figures["left_out"]) == ["1", "3", "7", "10", "16"]
    assert "; left out: batch 1 would take about 0 s, batch 3" in result.message


def test_sizes_that_take_too_much_memory_are_left_out() -> None:
    session = FakeSession(doubling, facts={"memory_loaded_mb": 100.0})
    session.run_memory_mb = 600.0  # type: ignore[attr-defined]
    found = choose((2,), 1, True, True, SingleRuns(session, DYNAMIC), session, 8 * 10**9)
    assert found.sizes == (1, 2, 3, 7)
    assert found.left_out == {10: "would take about 5.0 GB", 16: "would take about 8.0 GB"}


def test_sizes_that_were_asked_for_are_never_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sizes_module, "SWEEP_SECONDS", 0.0)
    assert dynamic(doubling, 1, 64, wide=True).figures["sizes"] == [1, 64]


def test_a_frozen_model_of_several_samples_is_given_whole_runs() -> None:
    single_runs = SingleRuns(FakeSession(doubling), inputs_of(tensor("x", 4, 2), batch=4))
    assert choose((), 4, False, True, single_runs, FakeSession(doubling), 0).sizes == (8,)
