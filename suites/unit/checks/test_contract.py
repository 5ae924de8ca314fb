"""Does a session give what the model declares: it runs, finite, repeatable, names, dtypes and shapes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from pytest_onnxaccel.checks.contract import contract
from pytest_onnxaccel.checks.find_inputs import find_inputs
from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import ModelSpec, TensorSpec
from suites.unit.fakes import Arrays, FakeSession, doubling, info_of, tensor

SPEC = ModelSpec("m", "m.onnx", "m.onnx")
X = tensor("x", "N", 4)


def judged(
    function: Callable[[Arrays], Arrays], *outputs: TensorSpec, inputs: Sequence[TensorSpec] = (X,), **more: Any
) -> CheckResult:
    info = info_of(inputs, outputs, inputs[0].shape[0] if inputs and inputs[0].shape else None)
    session = FakeSession(function, **more)
    return contract("m", "ort-cpu", info, session, find_inputs(session, info, SPEC, 0))


def failed(result: CheckResult, code: str) -> str:
    assert (result.verdict, result.code) == (Verdict.FAILED, code)
    return result.message


def test_a_well_behaved_session_passes_with_what_was_found() -> None:
    result = judged(doubling, tensor("y", "N", 4), facts={"load_ms": 12.5}, notes=("a prepared copy ran",))
    assert (result.verdict, result.code, result.batch) == (Verdict.PASSED, "OK", 1)
    assert result.message == "runs, finite, repeatable: y float32[1, 4]"
    assert result.figures["outputs"] == {"y": ["float32", [1, 4]]}
    assert (result.figures["runs"], result.figures["load_ms"]) == (2, 12.5)
    assert result.notes == ("a prepared copy ran",)


def test_chosen_sizes_and_ranges_are_told() -> None:
    def positive_only(feeds: Arrays) -> Arrays:
        return {"y": np.where(feeds["x"] > 0, feeds["x"], np.nan).astype(np.float32)}

    inputs = (tensor("x", "N", "L"),)
    result = judged(positive_only, tensor("y", "N", "L"), inputs=inputs)
    assert result.verdict is Verdict.PASSED
    assert result.notes == ("inputs chosen here: L=8, also L=4, also L=16, float inputs from [0.001, 1)",)
    assert result.figures["dims"] == {"L": 8}


# -- names ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("b", "the session lacks output 'a' of the model"),
        ("abc", "the session has an output 'c' that the model lacks"),
        ("xb", "output 'a' of the model is called 'x' in the session"),
        ("ba", "the session gives the outputs in the order ['b', 'a'], the model in ['a', 'b']"),
    ],
)
def test_names_are_those_declared(given: str, says: str) -> None:
    outputs = (tensor("a", "N"), tensor("b", "N"))
    result = judged(lambda feeds: dict.fromkeys(given, np.zeros(1, np.float32)), *outputs)
    assert failed(result, "V_CONTRACT") == says


def test_a_name_that_is_declared_twice_is_a_breach() -> None:
    result = judged(doubling, tensor("y", "N", 4), tensor("y", "N", 4))
    assert failed(result, "V_CONTRACT") == "the model declares output 'y' 2 times"


# -- dtypes and shapes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declared", "says"),
    [
        (tensor("y", "N", 4, dtype="float64"), "output 'y' is declared float64 and comes as float32"),
        (tensor("y", "N", 4, dtype="string"), "output 'y' is declared string and comes as float32"),
        (tensor("y", "N"), "output y float32[N] is declared with rank 1 and comes as (1, 4)"),
        (tensor("y", "N", 5), "output y float32[Nx5] comes as (1, 4): axis 1 is 4, not 5"),
        (tensor("y", 2, 4), "output y float32[2x4] comes as (1, 4): axis 0 is 1, not 2"),
        (tensor("y", None, "N"), "output y float32[?xN] comes as (1, 4): 'N' is 1 in the inputs and 4 here"),
    ],
)
def test_dtype_and_shape_are_those_declared(declared: TensorSpec, says: str) -> None:
    assert failed(judged(doubling, declared), "V_CONTRACT") == says


@pytest.mark.parametrize(
    "declared",
    [
        TensorSpec("y", "", None),
        TensorSpec("y", "float32", None),
        tensor("y", None, None),
        tensor("y", "N", "made_up"),
        tensor("y", "other", 4),
    ],
)
def test_what_is_not_declared_may_be_anything(declared: TensorSpec) -> None:
    assert judged(doubling, declared).verdict is Verdict.PASSED


def test_symbols_that_only_outputs_use_are_free() -> None:
    def function(feeds: Arrays) -> Arrays:
        return {"a": np.zeros((1, 3), np.float32), "b": np.zeros((1, 5), np.float32)}

    assert judged(function, tensor("a", "N", "K"), tensor("b", "N", "K")).verdict is Verdict.PASSED


def test_a_scalar_output() -> None:
    def function(feeds: Arrays) -> Arrays:
        return {"y": np.asarray(feeds["x"].sum())}

    assert judged(function, tensor("y")).verdict is Verdict.PASSED
    assert "rank 1" in failed(judged(function, tensor("y", "N")), "V_CONTRACT")


@pytest.mark.parametrize("shape", [(), (2,)])
@pytest.mark.parametrize("kind", [object, np.str_])
def test_text_outputs(shape: tuple[int, ...], kind: Any) -> None:
    text = np.full(shape, "word", kind)
    result = judged(lambda feeds: {"y": text.copy()}, tensor("y", *shape, dtype="string"))
    assert result.verdict is Verdict.PASSED


def test_types_that_numpy_lacks() -> None:
    for name, dtype in (("bfloat16", ml_dtypes.bfloat16), ("float8e4m3fn", ml_dtypes.float8_e4m3fn)):
        array = np.ones(2, dtype)
        assert judged(lambda feeds, a=array: {"y": a}, tensor("y", 2, dtype=name)).verdict is Verdict.PASSED
        nan = np.array([1, np.nan], dtype)
        result = judged(lambda feeds, a=nan: {"y": a}, tensor("y", 2, dtype=name))
        assert failed(result, "V_NONFINITE").startswith(
            "output 'y' holds 1 NaN among 2 elements; input 'x' was made up: give range or file"
        )


# -- values -----------------------------------------------------------------------------------------------------


def test_what_is_not_finite_is_counted() -> None:
    values = np.array([np.nan, np.nan, np.inf, 1], np.float32)
    result = judged(lambda feeds: {"y": values, "z": values[3:]}, tensor("y", 4), tensor("z", 1))
    assert failed(result, "V_NONFINITE").startswith("output 'y' holds 2 NaN and 1 Inf among 4 elements")


def test_integers_and_empty_outputs_are_finite() -> None:
    outputs = {"i": np.array([2**62]), "e": np.zeros((1, 0), np.float32), "b": np.array([True])}
    declared = (tensor("i", 1, dtype="int64"), tensor("e", "N", None), tensor("b", 1, dtype="bool"))
    assert judged(lambda feeds: outputs, *declared).verdict is Verdict.PASSED


def test_two_equal_runs_that_differ_are_unstable() -> None:
    numbers = count()
    result = judged(lambda feeds: {"y": np.array([next(numbers) * 1e-30], np.float32)}, tensor("y", 1))
    assert failed(result, "V_UNSTABLE") == "output 'y' differs between two equal runs"


def test_another_shape_or_a_lost_output_in_the_second_run_is_unstable() -> None:
    numbers = count(1)
    growing = judged(lambda feeds: {"y": np.zeros(next(numbers), np.float32)}, tensor("y", None))
    assert failed(growing, "V_UNSTABLE")
    numbers = count()
    lost = judged(lambda feeds: {} if next(numbers) else {"y": np.zeros(1, np.float32)}, tensor("y", 1))
    assert failed(lost, "V_UNSTABLE")


def test_minus_zero_is_not_zero_in_an_equal_run() -> None:
    numbers = count()
    result = judged(lambda feeds: {"y": np.array([-0.0 if next(numbers) else 0.0], np.float32)}, tensor("y", 1))
    assert failed(result, "V_UNSTABLE")


def test_the_contract_comes_before_values_and_values_before_repeating() -> None:
    numbers = count()

    def function(feeds: Arrays) -> Arrays:
        return {"y": np.array([np.nan, next(numbers)], np.float32)}

    assert judged(function, tensor("y", 3)).code == "V_CONTRACT"
    assert judged(function, tensor("y", 2)).code == "V_NONFINITE"


def test_a_session_that_fails_the_second_time_raises() -> None:
    numbers = count()

    def function(feeds: Arrays) -> Arrays:
        if next(numbers):
            raise ModelError("no second time", code="E_RUN")
        return {"y": np.zeros(1, np.float32)}

    with pytest.raises(ModelError, match="no second time"):
        judged(function, tensor("y", 1))
