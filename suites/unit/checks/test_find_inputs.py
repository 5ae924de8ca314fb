"""Inputs that run: the smallest sizes, a legal range, or one sentence that says how to give data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from fixtures import graphs
from pytest_onnxaccel.backends.checked_session import CheckedSession
from pytest_onnxaccel.backends.onnxruntime.cpu import OrtCpu
from pytest_onnxaccel.backends.protocol import LoadOptions
from pytest_onnxaccel.checks.find_inputs import find_inputs
from pytest_onnxaccel.checks.inputs.finite import is_finite
from pytest_onnxaccel.checks.inputs.prepared import prepare_inputs
from pytest_onnxaccel.checks.inputs.resolved import ResolvedInputs
from pytest_onnxaccel.core.domains import Domain, InputFacts
from pytest_onnxaccel.core.errors import BackendCrashed, ModelError
from pytest_onnxaccel.core.specs import InputSpec, ModelInfo, ModelSpec, TensorSpec
from pytest_onnxaccel.graph.describe import describe
from pytest_onnxaccel.numerics.sampling.told import described
from suites.unit.fakes import Arrays, FakeSession, info_of, tensor

SPEC = ModelSpec("m", "m.onnx", "m.onnx")


def with_inputs(*given: InputSpec) -> ModelSpec:
    return ModelSpec("m", "m.onnx", "m.onnx", inputs=given)


def resolved(model: onnx.ModelProto, spec: ModelSpec = SPEC, tmp: Path | None = None) -> ResolvedInputs:
    """*model* in ONNX Runtime, behind the guard that every session has."""
    assert tmp is not None
    path = tmp / "model.onnx"
    path.write_bytes(model.SerializeToString())
    info = describe(model)
    session = CheckedSession(OrtCpu().load(str(path), LoadOptions(threads=1)), info.inputs, info.outputs)
    return find_inputs(session, info, spec, 0)


def says(function: Any, *arguments: Any) -> str:
    with pytest.raises(ModelError) as caught:
        function(*arguments)
    assert caught.value.code == "E_INPUT"
    return str(caught.value)


# -- real models ------------------------------------------------------------------------------------------------


def test_a_plain_model_runs_at_the_first_try(tmp_path: Path) -> None:
    found = resolved(graphs.small_cnn(), tmp=tmp_path)
    assert (found.tries, found.inputs.batch, described(found.inputs)) == (1, 1, "")
    assert found.outputs["logits"].shape == (1, 5)


def test_free_dimensions_of_an_image_get_the_size_of_one(tmp_path: Path) -> None:
    found = resolved(graphs.free_dims(), tmp=tmp_path)
    sizes = found.inputs.sizes
    assert set(sizes) == {"H", "W"}
    assert sizes["H"] == sizes["W"] == 64
    assert found.guessed == sizes
    assert described(found.inputs) == f"H={sizes['H']}, W={sizes['W']}"
    assert np.array_equal(found.outputs["pooled"], resolved(graphs.free_dims(), tmp=tmp_path).outputs["pooled"])


def flattened(shape: list[int]) -> onnx.ModelProto:
    """A convolution and a layer behind a Reshape to *shape*, with height and width declared free."""
    value, float32 = onnx.helper.make_tensor_value_info, onnx.TensorProto.FLOAT
    rng = np.random.default_rng(5)
    weights = {
        "k": rng.standard_normal((4, 3, 3, 3)).astype(np.float32),
        "w": rng.standard_normal((shape[-1], 2)).astype(np.float32), "shape": np.array(shape),
    }  # fmt: skip
    nodes = [
        onnx.helper.make_node("Conv", ["x", "k"], ["c"], pads=[1] * 4),
        onnx.helper.make_node("Reshape", ["c", "shape"], ["f"]), onnx.helper.make_node("MatMul", ["f", "w"], ["y"]),
    ]  # fmt: skip
    graph = onnx.helper.make_graph(
        nodes, "g", [value("x", float32, ["batch", 3, "H", "W"])], [value("y", float32, ["batch", 2])],
        [onnx.numpy_helper.from_array(array, name) for name, array in weights.items()],
    )  # fmt: skip
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)


def test_sizes_at_which_the_batch_is_the_one_that_was_fed(tmp_path: Path) -> None:
    """At 64 x 64 one image becomes 64 rows; at 8 x 8 it is one, and at no other size."""
    found = resolved(flattened([-1, 4 * 8 * 8]), tmp=tmp_path)
    assert dict(found.inputs.sizes) == {"H": 8, "W": 8}
    assert set(found.stuck) == {"H", "W"}
    assert "output 'y' then has " in found.stuck["H"][1]
    assert " for 'batch', which is 1 in the inputs" in found.stuck["H"][1]


def test_a_batch_that_no_size_keeps_is_told_of_the_first_that_ran(tmp_path: Path) -> None:
    found = resolved(flattened([-1, 2]), tmp=tmp_path)
    assert dict(found.inputs.sizes) == {"H": 64, "W": 64}
    assert found.tries <= 60
    assert not found.stuck


def test_sizes_that_nobody_can_guess_say_how_to_give_data(tmp_path: Path) -> None:
    text = says(resolved, graphs.impossible_dims(), SPEC, tmp_path)
    assert "guesses for its inputs runs; input 'x' was made up; the last error: " in text
    assert '[models."m".inputs.NAME]' in text
    assert "onnxaccel.toml" in text


def test_the_data_that_is_asked_for_helps(tmp_path: Path) -> None:
    given = with_inputs(InputSpec("x", shape=(1, 1013)))
    assert resolved(graphs.impossible_dims(), given, tmp_path).tries == 1
    np.save(tmp_path / "x.npy", np.ones((1, 1013), np.float32))
    given = with_inputs(InputSpec("x", file=str(tmp_path / "x.npy")))
    assert resolved(graphs.impossible_dims(), given, tmp_path).outputs["y"].tolist() == [[1.0, 1.0]]


def test_a_sequence_is_made_up_element_by_element(tmp_path: Path) -> None:
    found = resolved(graphs.sequence_input(), SPEC, tmp_path).inputs
    assert list(found.feeds()) == ["parts/0", "parts/1", "parts/2"]
    assert {array.shape[1:] for array in found.feeds().values()} == {(4,)}


def test_text_cannot_be_made_up(tmp_path: Path) -> None:
    text = says(resolved, graphs.string_input(), SPEC, tmp_path)
    assert "input 'words' holds string, which cannot be made up" in text
    assert "give samples" in text


def test_text_from_a_file_runs(tmp_path: Path) -> None:
    np.save(tmp_path / "words.npy", np.array(["a", "zz", "b"]))
    found = resolved(graphs.string_input(), with_inputs(InputSpec("words", file=str(tmp_path / "words.npy"))), tmp_path)
    assert found.outputs["codes"].tolist() == [1, -1, 2]
    assert found.inputs.batch == 3


def test_logarithms_get_positive_inputs_and_the_range_is_told(tmp_path: Path) -> None:
    found = resolved(graphs.log_domain(), tmp=tmp_path)
    assert is_finite(found.outputs)
    assert described(found.inputs) == "float inputs from [0.001, 1)"
    assert found.tries == 2


def test_a_range_of_the_user_is_not_tampered_with(tmp_path: Path) -> None:
    found = resolved(graphs.log_domain(), with_inputs(InputSpec("x", -1, 1)), tmp_path)
    assert not is_finite(found.outputs)
    assert described(found.inputs) == ""


def test_token_ids_stay_inside_any_vocabulary(tmp_path: Path) -> None:
    found = resolved(graphs.int_tokens(), tmp=tmp_path)
    assert found.inputs.sizes == {"T": 8}
    lengths = [found.inputs.at(i).feeds(i)["ids"].shape[1] for i in range(found.inputs.variants)]
    assert len(set(lengths)) == len(lengths) == 3
    assert 1 not in lengths


# -- what is tried, with sessions that take what the test wants --------------------------------------------------


def refusing(unless: Any, code: str = "E_RUN") -> FakeSession:
    """Runs when *unless* says so of the feeds, and refuses with *code* otherwise."""

    def function(feeds: Arrays) -> Arrays:
        if not unless(feeds):
            raise ModelError("Invalid input shape", code=code)
        return {"y": np.ones(1, np.float32)}

    return FakeSession(function)


def free(*dims: Any, **more: Any) -> ModelInfo:
    return info_of([tensor("x", *dims)], [tensor("y", 1)], dims[0] if isinstance(dims[0], (int, str)) else None, **more)


def test_plausible_sizes_are_tried_before_those_of_the_weights() -> None:
    session = refusing(lambda feeds: feeds["x"].shape[1] in (1, 7))
    found = find_inputs(session, free(1, "L", dim_hints=(6, 7, 300)), SPEC, 0)
    tried = [f["x"].shape[1] for f in session.calls]
    assert tried[0] == 8
    assert tried.index(6) < tried.index(7)
    assert len(set(tried[: tried.index(7)])) == tried.index(7)
    assert 1 not in tried  # one alone hides too much to be tried before all others
    assert found.inputs.sizes == {"L": 7}


def test_one_is_tried_last() -> None:
    session = refusing(lambda feeds: feeds["x"].shape[1] == 1)
    assert find_inputs(session, free(1, "L"), SPEC, 0).inputs.sizes == {"L": 1}


def test_integers_are_tried_as_indices_then_zeros_then_ones() -> None:
    session = refusing(lambda feeds: (feeds["x"] == 1).all())
    info = info_of([tensor("x", 1, 40, dtype="int64")], [tensor("y", 1)], 1)
    found = find_inputs(session, info, SPEC, 0)
    assert [sorted(set(f["x"].ravel())) for f in session.calls][:3] == [[0, 1], [0], [1]]
    assert described(found.inputs) == "integer inputs from [1, 2)"


def test_with_nothing_to_try_the_models_own_error_is_told() -> None:
    with pytest.raises(ModelError, match="Invalid input shape") as caught:
        find_inputs(refusing(lambda feeds: False), free(1, 4), SPEC, 0)
    assert caught.value.code == "E_RUN"


@pytest.mark.parametrize("error", [ModelError("bad_alloc", code="E_MEMORY"), BackendCrashed("died of SIGSEGV")])
def test_a_crash_or_memory_that_runs_out_ends_the_tries(error: Exception) -> None:
    def function(feeds: Arrays) -> Arrays:
        raise error

    session = FakeSession(function)
    with pytest.raises(type(error)):
        find_inputs(session, free(1, "L"), SPEC, 0)
    assert len(session.calls) == 1


def test_empty_outputs_are_taken_only_when_no_larger_size_fills_them() -> None:
    def function(feeds: Arrays) -> Arrays:
        return {"y": np.zeros(feeds["x"].shape[1] // 4)}

    assert find_inputs(FakeSession(function), free(1, "L"), SPEC, 0).inputs.sizes == {"L": 8}
    short = FakeSession(lambda feeds: {"y": np.zeros(feeds["x"].shape[1] // 16)})
    assert find_inputs(short, free(1, "L"), SPEC, 0).inputs.sizes == {"L": 16}
    empty = FakeSession(lambda feeds: {"y": np.zeros(0)})
    assert find_inputs(empty, free(1, "L"), SPEC, 0).inputs.sizes == {"L": 8}


def test_many_free_dimensions_do_not_eat_the_machine() -> None:
    session = refusing(lambda feeds: False)
    assert "none of" in says(find_inputs, session, free("N", "A", "B", "C", "D", dim_hints=(4096,)), SPEC, 0)
    assert max(f["x"].size for f in session.calls) <= 1 << 24


def test_a_huge_fixed_dimension_beside_a_free_one_is_not_tried() -> None:
    session = refusing(lambda feeds: True)
    assert "no size was small enough" in says(find_inputs, session, free(1, "L", 1 << 30), SPEC, 0)
    assert session.calls == []


def test_a_huge_fixed_input_is_refused_with_its_size() -> None:
    with pytest.raises(ModelError, match="would take") as caught:
        find_inputs(refusing(lambda feeds: True), free(1, 1 << 20, 1 << 20), SPEC, 0)
    assert caught.value.code == "E_SIZE"


def test_positive_floats_are_kept_only_where_they_help() -> None:
    never = FakeSession(lambda feeds: {"y": np.array([np.nan])})
    assert described(find_inputs(never, free(1, 4), SPEC, 0).inputs) == ""
    only_ints = FakeSession(lambda feeds: {"y": np.array([np.nan])})
    find_inputs(only_ints, info_of([tensor("x", 1, dtype="int64")], [], 1), SPEC, 0)
    assert len(only_ints.calls) == 1


def test_a_model_without_inputs_runs_once() -> None:
    found = find_inputs(FakeSession(lambda feeds: {"y": np.ones(1)}), info_of([], [tensor("y", 1)]), SPEC, 0)
    assert (found.tries, found.inputs.batch, found.inputs.feeds()) == (1, None, {})


# -- declarations -----------------------------------------------------------------------------------------------


def test_a_declaration_for_an_input_that_does_not_exist() -> None:
    with pytest.raises(ModelError) as caught:
        prepare_inputs(free(1, 4), with_inputs(InputSpec("image", 0, 1)), 0)
    assert caught.value.code == "E_CONFIG"
    assert "declares input 'image', the model's inputs are ['x']" in str(caught.value)


def test_a_shape_makes_up_for_an_undeclared_rank() -> None:
    info = info_of([TensorSpec("x", "float32", None)], [])
    assert "declares no rank" in says(prepare_inputs, info, SPEC, 0)
    inputs = prepare_inputs(info, with_inputs(InputSpec("x", shape=(2, 3))), 0)
    assert inputs.feeds()["x"].shape == (2, 3)


def test_a_file_that_cannot_be_read() -> None:
    assert "cannot be read" in says(prepare_inputs, free(1, 4), with_inputs(InputSpec("x", file="absent.npy")), 0)


def test_a_count_that_does_not_run_is_drawn_again_and_then_held() -> None:
    info = info_of([tensor("x", 9), tensor("k", 1, dtype="int64")], [tensor("y", 1)])
    facts = InputFacts({"k": Domain("k", "size", 1, 9)})
    found = find_inputs(refusing(lambda feeds: feeds["k"][0] > 4), info, SPEC, 0, facts=facts)
    fed = {int(found.inputs.feeds(index)["k"][0]) for index in range(5)}
    assert len(fed) == 1
    assert fed.pop() > 4


@pytest.mark.parametrize(("size", "runs"), [("samples", True), (None, True), ("batch", False)])
def test_a_list_that_runs_at_no_batch_is_a_length(size: str | None, runs: bool) -> None:
    session, info = refusing(lambda feeds: feeds["x"].shape[0] >= 20), free(size)
    facts = InputFacts(batch=size, axes={"x": 0})
    if runs:
        assert find_inputs(session, info, SPEC, 0, facts=facts).inputs.batch is None
    else:
        with pytest.raises(ModelError):
            find_inputs(session, info, SPEC, 0, facts=facts)


def test_infinity_is_left_out_where_the_model_is_not_made_for_it() -> None:
    info = info_of([tensor("x", 4)], [tensor("y", 4)])
    facts = InputFacts({"x": Domain("x", points=(float("inf"), float("-inf")))})
    passing = FakeSession(lambda feeds: {"y": feeds["x"]})
    assert np.isfinite(find_inputs(passing, info, SPEC, 0, facts=facts).inputs.feeds(0)["x"]).all()


def test_a_missing_number_of_a_later_sample_is_left_out_too() -> None:
    info = info_of([tensor("x", 1, 1)], [tensor("y", 1, 1)])
    facts = InputFacts({"x": Domain("x", columns=((0.25, float("nan"), 0.5),))})
    inputs = find_inputs(FakeSession(lambda feeds: {"y": feeds["x"]}), info, SPEC, 0, facts=facts).inputs
    assert np.isfinite([inputs.feeds(index)["x"] for index in range(6)]).all()


def test_a_size_that_a_condition_hangs_on_is_compared_as_well() -> None:
    info = info_of([tensor("x", 1, "time")], [tensor("y", 1, "time")])
    facts = InputFacts(lengths=("time",), compared={"x": (100, 101)})
    found = find_inputs(FakeSession(lambda feeds: {"y": feeds["x"]}), info, SPEC, 0, facts=facts).inputs
    assert {100, 101} <= {sizes["time"] for sizes in found.others}
    dear = InputFacts(lengths=("time",), compared={"x": (100, 101)}, weights=10**9)
    kept = find_inputs(FakeSession(lambda feeds: {"y": feeds["x"]}), info, SPEC, 0, facts=dear).inputs
    assert not {100, 101} & {sizes["time"] for sizes in kept.others}


def test_a_missing_number_is_left_out_where_the_model_is_not_made_for_it() -> None:
    info = info_of([tensor("x", 4)], [tensor("y", 4)])
    facts = InputFacts({"x": Domain("x", points=(float("nan"),))})
    passing = FakeSession(lambda feeds: {"y": feeds["x"]})
    assert not np.isnan(find_inputs(passing, info, SPEC, 0, facts=facts).inputs.feeds(0)["x"]).any()
    filling = FakeSession(lambda feeds: {"y": np.nan_to_num(feeds["x"])})
    assert np.isnan(find_inputs(filling, info, SPEC, 0, facts=facts).inputs.feeds(0)["x"]).any()


RATE = InputFacts({"rate": Domain("rate", points=(16000, 15999, 16001))})


def at_a_rate(windows: dict[bool, int | None]) -> tuple[ModelInfo, FakeSession]:
    """A model that takes one length at 16 kHz, and another one, or none, at other rates."""

    def run(feeds: Arrays) -> Arrays:
        wanted = windows[int(feeds["rate"]) == 16000]
        if feeds["x"].shape[1] != wanted:
            raise ModelError(f"{wanted} samples are wanted", code="E_RUN")
        return {"y": feeds["x"][:, :1]}

    specs = [tensor("x", 1, "samples"), TensorSpec("rate", "int64", ())]
    return info_of(specs, [tensor("y", 1, 1)]), FakeSession(run)


def test_a_sample_whose_branch_does_not_run_at_these_sizes_has_its_own() -> None:
    info, session = at_a_rate({True: 64, False: 32})
    inputs = find_inputs(session, info, SPEC, 0, facts=RATE).inputs
    seen = [inputs.for_sample(index).feeds(index, turn=index) for index in range(3)]
    assert [(int(feeds["rate"]), feeds["x"].shape[1]) for feeds in seen] == [(16000, 64), (15999, 32), (16001, 32)]


def test_a_branch_that_runs_at_no_size_is_left_out() -> None:
    info, session = at_a_rate({True: 64, False: None})
    inputs = find_inputs(session, info, SPEC, 0, facts=RATE).inputs
    seen = [inputs.for_sample(index).feeds(index, turn=index) for index in range(3)]
    assert {int(feeds["rate"]) for feeds in seen} == {16000}
    assert len({feeds["x"].tobytes() for feeds in seen}) == 3
    assert not inputs.placed


def test_rows_that_are_not_finite_are_not_left_out() -> None:
    """The float beside it is only searched, so samples are drawn again: the rows are the model's own all the same."""
    specs = [tensor("x", 1, 2), TensorSpec("row", "int64", ())]
    facts = InputFacts({"row": Domain("row", "index", 0, 9, points=tuple(range(10)))})
    table = np.append(np.zeros(1, np.float32), np.full(9, np.nan, np.float32))
    session = FakeSession(lambda feeds: {"y": feeds["x"] + table[int(feeds["row"])]})
    inputs = find_inputs(session, info_of(specs, [tensor("y", 1, 2)]), SPEC, 0, facts=facts).inputs
    rows = {int(inputs.for_sample(index).feeds(index, turn=index)["row"]) for index in range(3)}
    assert rows > {0}
