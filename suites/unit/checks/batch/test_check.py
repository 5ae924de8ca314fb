"""f(stack of N samples) is the N samples' own results: what mixes, bakes or shortens batches is found out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pytest_onnxaccel.checks.batch.check import BatchCase, batch
from pytest_onnxaccel.checks.batch.proof import Prover
from pytest_onnxaccel.checks.batch.single_runs import SingleRuns
from pytest_onnxaccel.checks.batch.sizes import DYNAMIC_SIZES, FROZEN_SIZES
from pytest_onnxaccel.checks.parity.comparison import Agreement
from pytest_onnxaccel.core.domains import InputFacts
from pytest_onnxaccel.core.errors import BackendCrashed, ModelError
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import InputSpec, Tolerance
from pytest_onnxaccel.numerics.sampling.input_sets import Inputs
from pytest_onnxaccel.numerics.sampling.model_inputs import model_inputs
from suites.unit.fakes import Arrays, FakeSession, doubling, info_of, inputs_of, tensor

Function = Callable[[Arrays], Arrays]
DYNAMIC = inputs_of(tensor("x", "N", 4), batch="N")
FROZEN = inputs_of(tensor("x", 1, 4), batch=1)


def frozen_at(size: int, function: Function = doubling) -> FakeSession:
    """Refuses every other batch, as runtimes do."""

    def checked(feeds: Arrays) -> Arrays:
        if len(feeds["x"]) != size:
            raise ModelError(f"the model is frozen to batch {size}", code="E_INPUT")
        return function(feeds)

    return FakeSession(checked)


def dynamic(function: Function, *sizes: int, inputs: Inputs = DYNAMIC) -> CheckResult:
    session = FakeSession(function)

    def batch_sessions(size: int) -> Iterator[tuple[str, Any]]:
        yield "dynamic", session

    return batch(BatchCase("m", "ort-cpu", session, inputs, batch_sessions, sizes, Tolerance()))


def frozen(
    *sizes: int, batch_sessions: Any = None, session: Any = None, inputs: Inputs = FROZEN, **more: Any
) -> CheckResult:
    def default(size: int) -> Iterator[tuple[str, Any]]:
        yield "dims", frozen_at(size)

    return batch(
        BatchCase(
            "m", "ort-cpu", session or frozen_at(1), inputs, batch_sessions or default, sizes, Tolerance(), **more
        )
    )


# -- dynamic ----------------------------------------------------------------------------------------------------


def test_a_dynamic_model_is_proven_at_the_default_sizes() -> None:
    result = dynamic(doubling)
    assert (result.verdict, result.code) == (Verdict.PASSED, "OK")
    assert result.message == "dynamic batch; proven at batch 1, 2, 3 (dynamic), samples independent of each other at 3"
    assert result.figures["sizes"] == list(DYNAMIC_SIZES)
    assert result.figures["method"] == {"1": "dynamic", "2": "dynamic", "3": "dynamic"}
    assert result.batch == 3


def test_the_sizes_asked_for_are_the_ones_proven() -> None:
    assert dynamic(doubling, 1, 7, 16).figures["sizes"] == [1, 7, 16]


def softmax_over_samples(feeds: Arrays) -> Arrays:
    powers = np.exp(feeds["x"])
    return {"y": powers / powers.sum(axis=0)}


def less_the_mean(feeds: Arrays) -> Arrays:
    return {"y": feeds["x"] - feeds["x"].mean(axis=0)}


def running_sum(feeds: Arrays) -> Arrays:
    return {"y": np.cumsum(feeds["x"], axis=0)}


def first_sample_for_all(feeds: Arrays) -> Arrays:
    return {"y": np.repeat(feeds["x"][:1], len(feeds["x"]), axis=0)}


def turned_round(feeds: Arrays) -> Arrays:
    return {"y": feeds["x"][::-1]}


@pytest.mark.parametrize(
    "function", [softmax_over_samples, less_the_mean, running_sum, first_sample_for_all, turned_round]
)
def test_samples_that_see_each_other_are_found(function: Function) -> None:
    result = dynamic(function)
    assert (result.verdict, result.code, result.batch) == (Verdict.FAILED, "V_BATCH", 2)
    assert result.message.startswith("the batch axis is declared dynamic, but batch 2 is not its samples: output 'y': ")
    assert result.details[0].startswith("y[")


@pytest.mark.parametrize("function", [softmax_over_samples, running_sum])
def test_at_batch_one_they_cannot_be_found(function: Function) -> None:
    """Which is why the default sizes go beyond it."""
    assert dynamic(function, 1).verdict is Verdict.PASSED


def test_a_baked_reshape_gives_another_shape() -> None:
    result = dynamic(lambda feeds: {"y": feeds["x"].reshape(1, -1, 2)})
    assert result.code == "V_BATCH"
    assert "output 'y' has shape (1, 4, 2), the reference (2, 2, 2)" in result.message


def test_a_dynamic_model_that_does_not_run_at_another_batch() -> None:
    result = dynamic(frozen_at(1).function)
    assert (result.verdict, result.code) == (Verdict.FAILED, "V_BATCH")
    assert "batch 2 does not run: the model is frozen to batch 1" in result.message
    assert result.details == ()


def test_a_lost_output_at_another_batch() -> None:
    def function(feeds: Arrays) -> Arrays:
        return {"y": feeds["x"], **({"z": feeds["x"]} if len(feeds["x"]) == 1 else {})}

    assert "lacks output 'z' of the samples alone" in dynamic(function).message


# -- frozen -----------------------------------------------------------------------------------------------------


def test_a_frozen_model_refuses_another_batch_and_is_refrozen() -> None:
    result = frozen()
    assert (result.verdict, result.batch) == (Verdict.PASSED, FROZEN_SIZES[0])
    assert result.message == "frozen at batch 1 and refuses others; proven at batch 3 (dims)"


def test_a_frozen_model_that_swallows_another_batch_fails() -> None:
    result = frozen(session=FakeSession(doubling))
    assert (result.verdict, result.code) == (Verdict.FAILED, "V_BATCH")
    assert result.message == "the model is frozen to batch 1, and batch 2 ran without an error"


def ways_of(*sessions: tuple[str, Function]) -> Any:
    def batch_sessions(size: int) -> Iterator[tuple[str, Any]]:
        for method, function in sessions:
            yield method, FakeSession(function)

    return batch_sessions


def test_the_first_way_that_is_proven_is_taken_and_no_further_one_made() -> None:
    asked: list[str] = []

    def batch_sessions(size: int) -> Iterator[tuple[str, Any]]:
        for method, function in (("dims", less_the_mean), ("rewrite", doubling), ("scan", doubling)):
            asked.append(method)
            yield method, FakeSession(function)

    assert frozen(3, batch_sessions=batch_sessions).figures["method"] == {"3": "rewrite"}
    assert asked == ["dims", "rewrite"]


def test_a_batch_that_was_asked_for_and_cannot_be_had_fails_with_its_holders() -> None:
    result = frozen(
        10, batch_sessions=ways_of(("dims", less_the_mean), ("scan", running_sum)), holders=lambda: "Reshape 'r'"
    )
    assert (result.verdict, result.code, result.batch) == (Verdict.FAILED, "V_BATCH", 10)
    assert result.message == (
        "frozen at batch 1, and no way to batch 10 could be proven; the batch is held by Reshape 'r'"
    )
    assert [line.partition(":")[0] for line in result.details] == ["dims", "scan"]


def test_a_batch_that_nobody_asked_for_is_not_held_against_a_frozen_model() -> None:
    result = frozen(batch_sessions=ways_of(("dims", less_the_mean)))
    assert (result.verdict, result.code) == (Verdict.NOT_APPLICABLE, "V_BATCH")
    assert "no way to batch 3 could be proven" in result.message


def test_without_any_way_the_message_still_says_what_was_asked() -> None:
    assert frozen(3, batch_sessions=ways_of()).message == "frozen at batch 1, and no way to batch 3 could be proven"


def test_an_own_batch_above_one_is_cut_from_blocks() -> None:
    inputs = inputs_of(tensor("x", 4, 2), batch=4)
    session = frozen_at(4)
    result = frozen(6, session=session, inputs=inputs)
    assert result.verdict is Verdict.PASSED
    # Refused; the first block twice, to see whether it is stable, and once shuffled; a second for two samples more
    assert [len(feeds["x"]) for feeds in session.calls] == [5, 4, 4, 4, 4]


# -- not applicable ---------------------------------------------------------------------------------------------


def test_inputs_without_a_batch_axis() -> None:
    result = dynamic(doubling, inputs=inputs_of(tensor("x", 2), tensor("z", 3)))
    assert (result.verdict, result.code) == (Verdict.NOT_APPLICABLE, "V_BATCH")
    assert result.message == "the inputs share no batch axis"


@pytest.mark.parametrize("value", [np.float32(3), np.zeros((5, 2), np.float32)])
def test_outputs_without_a_batch_axis(value: Any) -> None:
    result = dynamic(lambda feeds: {"y": feeds["x"], "mean": np.asarray(value)})
    assert result.verdict is Verdict.NOT_APPLICABLE
    assert result.message == "axis 0 of output 'mean' is not the batch"


def test_outputs_whose_size_depends_on_the_values() -> None:
    """Such as the boxes that a detector keeps."""

    def kept(feeds: Arrays) -> Arrays:
        return {"kept": np.stack([row[row > 0] for row in feeds["x"]])}

    inputs = inputs_of(tensor("x", "N", 50), batch="N")
    result = dynamic(kept, inputs=inputs)
    assert result.verdict is Verdict.NOT_APPLICABLE
    assert result.message == "output 'kept' has another shape for each sample"


# -- what proving rests on --------------------------------------------------------------------------------------


def test_each_sample_runs_once_however_many_sizes_are_proven() -> None:
    session = FakeSession(doubling)
    single_runs = SingleRuns(session, DYNAMIC)
    for size in (3, 1, 2, 3):
        assert len(single_runs.outputs(size)["y"]) == size
    assert len(session.calls) == 3


def test_stacking_what_has_other_shapes_is_refused_by_name() -> None:
    sizes = iter((2, 3))
    single_runs = SingleRuns(FakeSession(lambda feeds: {"y": np.zeros((1, next(sizes)))}), DYNAMIC)
    with pytest.raises(ModelError, match="output 'y' has another shape for each sample") as caught:
        single_runs.outputs(2)
    assert caught.value.code == "V_BATCH"


def test_the_refuted_ways_are_kept_with_their_reasons() -> None:
    batch_sessions = [("a", FakeSession(less_the_mean)), ("b", frozen_at(1)), ("c", FakeSession(doubling))]
    single_runs = SingleRuns(FakeSession(doubling), DYNAMIC)
    prover = Prover(single_runs, DYNAMIC, lambda: Agreement(("a", "b"), Tolerance()))
    found = prover.first(2, batch_sessions)  # type: ignore[arg-type]
    proof, session, refuted = found.proof, found.session, found.refuted
    assert proof is not None
    assert (proof.method, proof.size, session) == ("c", 2, batch_sessions[2][1])
    assert [r.method for r in refuted] == ["a", "b"]
    assert refuted[1].why() == "batch 2 does not run: the model is frozen to batch 1"


@pytest.mark.parametrize("error", [BackendCrashed("died of SIGFPE"), ModelError("bad_alloc", code="E_MEMORY")])
def test_a_crash_is_no_refusal(error: Exception) -> None:
    def dying(feeds: Arrays) -> Arrays:
        if len(feeds["x"]) > 1:
            raise error
        return {"y": feeds["x"]}

    with pytest.raises(type(error)):
        dynamic(dying)


def test_declared_batches_are_used_for_the_blocks() -> None:
    inputs = inputs_of(tensor("x", "N", 4), batch="N", given=[InputSpec("x", shape=(2, 4))])
    session = FakeSession(doubling)
    single_runs = SingleRuns(session, inputs)
    assert single_runs.without_batch() == []
    assert len(single_runs.outputs(3)["y"]) == 3
    assert [len(feeds["x"]) for feeds in session.calls] == [2, 2]


@pytest.mark.parametrize(("guessed", "axis"), [({"guessed": True}, 1), ({}, 0)])
def test_a_guessed_axis_gives_way_to_that_of_the_states(guessed: dict[str, bool], axis: int) -> None:
    """A state ``[2, N, 3]`` comes back as one; its axis in the graph is a guess where it cannot be followed."""
    inputs = model_inputs(
        info_of((tensor("x", "N", 4), tensor("h", 2, "N", 3)), (), "N"),
        (),
        0,
        {},
        InputFacts({}, "N", {"x": 0, "h": 1}),
    )
    session = FakeSession(lambda feeds: {"h1": feeds["h"]})
    single_runs = SingleRuns(session, inputs, None, lambda: {"h1": {"join": "concat", "axis": 0, **guessed}})
    assert single_runs.joins["h1"] == {"join": "concat", "axis": axis}


@pytest.mark.parametrize(
    ("name", "output", "promised", "verdict"),
    [
        ("N", ("N", "N"), False, Verdict.NOT_APPLICABLE),
        ("N", ("N", "N"), True, Verdict.FAILED),
        ("N", ("N", "M"), False, Verdict.FAILED),
        ("batch", ("batch", "batch"), False, Verdict.FAILED),
    ],
)
def test_an_output_of_each_row_with_each(name: str, output: tuple[Any, ...], promised: bool, verdict: Verdict) -> None:
    """Such an output says that rows depend on each other, unless a layer takes them for samples."""
    session = FakeSession(lambda feeds: {"y": feeds["x"] @ feeds["x"].T}, outputs=(tensor("y", *output),))
    inputs = inputs_of(tensor("x", name, 4), batch=name)
    case = BatchCase("m", "ort-cpu", session, inputs, lambda _: iter([("dynamic", session)]), (), Tolerance())
    assert batch(replace(case, promised=lambda: promised)).verdict is verdict
