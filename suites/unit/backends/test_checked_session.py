"""Only what a model declares gets through: some runtimes would run a wrong batch, or misread bytes, in silence."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from pytest_onnxaccel.backends.checked_session import CheckedSession, check_feeds
from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.specs import TensorSpec, TimingPlan
from suites.unit.fakes import FakeSession, tensor, timing

IMAGE = tensor("image", 1, 3, "H", "W")


def refusal(specs: Any, **feeds: Any) -> str:
    with pytest.raises(ModelError) as caught:
        check_feeds(specs, feeds)
    assert caught.value.code == "E_INPUT"
    return str(caught.value)


def ones(*shape: int, dtype: Any = np.float32) -> Any:
    return np.ones(shape, dtype)


def test_what_is_declared_gets_through() -> None:
    check_feeds([IMAGE], {"image": ones(1, 3, 4, 5)})
    check_feeds([], {})
    check_feeds([tensor("s")], {"s": np.float32(1)})
    check_feeds([tensor("n", None, 2)], {"n": ones(7, 2)})
    check_feeds([TensorSpec("any", "", None)], {"any": ones(1, 2, 3, dtype=np.int8)})


def test_a_wrong_batch_says_that_the_model_is_frozen() -> None:
    text = refusal([IMAGE], image=ones(10, 3, 4, 4))
    assert "the model is frozen to batch 1 and was fed batch 10" in text
    assert "got 10x3x4x4" in text
    assert "freeze it to batch 10" in text


def test_another_fixed_size() -> None:
    assert "input image float32[1x3xHxW] takes size 3 on axis 1, got 1x4x2x2" in refusal(
        [IMAGE], image=ones(1, 4, 2, 2)
    )


def test_a_wrong_rank() -> None:
    assert "has rank 4, got 3x4x4" in refusal([IMAGE], image=ones(3, 4, 4))
    assert "has rank 4, got a scalar" in refusal([IMAGE], image=np.float32(1))


@pytest.mark.parametrize("dtype", [np.float64, np.uint8, np.float16, np.bool_, ml_dtypes.bfloat16])
def test_a_wrong_dtype(dtype: Any) -> None:
    name = np.dtype(dtype).name
    assert f"input 'image' takes float32, got {name}" in refusal([IMAGE], image=ones(1, 3, 4, 4, dtype=dtype))


def test_big_endian_arrays_are_refused_with_the_way_out() -> None:
    array = ones(1, 3, 4, 4).astype(">f4")
    assert "is big-endian, which runtimes misread in silence" in refusal([IMAGE], image=array)
    check_feeds([IMAGE], {"image": array.astype(array.dtype.newbyteorder("="))})
    check_feeds([tensor("b", 1, dtype="uint8")], {"b": np.ones(1, ">u1")})


def test_names() -> None:
    assert "no input is called 'img'; the inputs are ['image']" in refusal([IMAGE], img=ones(1, 3, 4, 4))
    assert "input 'image' was not fed - feed image float32[1x3xHxW]" in refusal([IMAGE])


def test_symbols_mean_one_size() -> None:
    specs = [tensor("a", "N", 4), tensor("b", "N", "M"), tensor("c", "M")]
    check_feeds(specs, {"a": ones(2, 4), "b": ones(2, 3), "c": ones(3)})
    text = refusal(specs, a=ones(2, 4), b=ones(3, 3), c=ones(3))
    assert "'N' is 2 in input 'a' but 3 in 'b' - feed equal sizes" in text
    square = [tensor("s", "L", "L")]
    assert "'L' is 2 in input 's' but 3 in 's'" in refusal(square, s=ones(2, 3))


def test_each_element_of_a_sequence_has_sizes_of_its_own() -> None:
    specs = [TensorSpec("boxes", "float32", ("N", 4), "sequence"), tensor("b", "N")]
    check_feeds(specs, {"boxes/0": ones(2, 4), "boxes/1": ones(3, 4), "b": ones(5)})
    assert "takes size 4 on axis 1, got 2x3" in refusal(specs, **{"boxes/0": ones(2, 3), "b": ones(5)})


def test_text_comes_in_several_types() -> None:
    words = [tensor("w", "N", dtype="string")]
    for array in (np.array(["a"]), np.array(["a"], object), np.array([b"a"])):
        check_feeds(words, {"w": array})
    assert "takes string, got float32" in refusal(words, w=ones(1))
    assert "takes float32, got object" in refusal([tensor("x", 1)], x=np.array([1.0], object))


def test_types_that_numpy_lacks() -> None:
    check_feeds([tensor("b", 1, dtype="bfloat16")], {"b": ones(1, dtype=ml_dtypes.bfloat16)})
    check_feeds([tensor("f", 1, dtype="float8e5m2")], {"f": ones(1, dtype=ml_dtypes.float8_e5m2)})


def test_what_is_no_array_is_told_so() -> None:
    assert "input 'x' takes an array, got list - feed NumPy arrays" in refusal([tensor("x", 1)], x=[1.0])


# -- the session around it --------------------------------------------------------------------------------------


def guarded(renamed: dict[str, str] | None = None) -> tuple[CheckedSession, FakeSession]:
    session = FakeSession(
        lambda feeds: {"out": next(iter(feeds.values())) * 2},
        taken=timing([1.0]), notes=("inner",), facts={"provider": "fake"}, outputs=(tensor("out", "N"),),
    )  # fmt: skip
    return CheckedSession(session, [tensor("x:0", "N")], [tensor("y", "N")], renamed, ["outer"]), session


def test_a_session_speaks_the_models_own_names() -> None:
    session, inner = guarded({"x:0": "x_0", "y": "out"})
    assert list(session.run({"x:0": ones(2)})) == ["y"]
    assert list(inner.calls[0]) == ["x_0"]
    assert [str(s) for s in session.info.inputs] == ["x:0 float32[N]"]
    assert [str(s) for s in session.info.outputs] == ["y float32[N]"]


def test_names_that_need_no_change_are_left() -> None:
    session, inner = guarded()
    assert list(session.run({"x:0": ones(2)})) == ["out"]
    assert list(inner.calls[0]) == ["x:0"]


def test_wrong_feeds_never_reach_the_runtime() -> None:
    session, inner = guarded()
    for call in (session.run, lambda feeds: session.time(feeds, TimingPlan())):
        with pytest.raises(ModelError):
            call({"x:0": ones(2, 2)})
    assert inner.calls == []
    assert inner.plans == []


def test_everything_else_is_passed_on() -> None:
    session, inner = guarded()
    assert session.info.notes == ("inner", "outer")
    assert session.info.facts == {"provider": "fake"}
    assert session.time({"x:0": ones(1)}, TimingPlan(samples=3)) is inner.taken
    assert inner.plans == [TimingPlan(samples=3)]
    assert session.peak_memory_mb is None
    inner.peak_memory_mb = 7.0  # type: ignore[attr-defined]
    assert session.peak_memory_mb == 7
    session.close()
    assert inner.closed == 1
