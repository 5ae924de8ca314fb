"""Golden sets against what a model declares, the session that gives their outputs, and the form they are kept in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.specs import TensorSpec
from pytest_onnxaccel.golden.recorded import read_recorded, render
from pytest_onnxaccel.golden.session import GoldenSession
from pytest_onnxaccel.golden.sets import GoldenSet, fitted
from pytest_onnxaccel.golden.values import unpack, write_packed
from pytest_onnxaccel.numerics.sampling.model_inputs import model_inputs
from suites.unit.fakes import info_of
from suites.unit.golden_files import FEEDS, GIVES, RIGHT, TAKES, X, same


def fit(
    folder: Path, *sets: tuple[Any, Any], takes: tuple[TensorSpec, ...] = TAKES, gives: tuple[TensorSpec, ...] = GIVES
) -> list[GoldenSet]:
    told, values = [], {}
    for number, (feeds, right) in enumerate(sets):
        values |= {f"{number}/input": feeds, f"{number}/output": right}
    target = folder / "values.bin"
    target.unlink(missing_ok=True)
    packed = write_packed(str(target), values)
    for number in range(len(sets)):
        told.append(
            {
                "name": f"set {number}",
                "files": {"input": f"{number}.npz", "output": f"{number}.npz"},
                "input": packed[f"{number}/input"],
                "output": packed[f"{number}/output"],
            }
        )
    return fitted(told, target.read_bytes(), takes, gives)


def misfit(folder: Path, *sets: tuple[Any, Any], **more: Any) -> ModelError:
    with pytest.raises(ModelError) as caught:
        fit(folder, *sets, **more)
    assert caught.value.code == "V_GOLDEN"
    return caught.value


def test_a_set_that_fits(tmp_path: Path) -> None:
    (one,) = fit(tmp_path, (FEEDS, RIGHT))
    assert same(one.inputs, FEEDS)
    assert same(one.outputs, RIGHT)
    assert one.files["output/at"] == "0.npz"


def test_the_order_is_the_models(tmp_path: Path) -> None:
    (one,) = fit(tmp_path, (dict(reversed(FEEDS.items())), dict(reversed(RIGHT.items()))))
    assert list(one.inputs) == ["x", "k"]
    assert list(one.outputs) == ["best", "at"]


@pytest.mark.parametrize(
    ("feeds", "right", "said"),
    [
        ({**FEEDS, "x": X.astype("f8")}, RIGHT, "holds float64[2, 4], input 'x' is float32"),
        ({**FEEDS, "x": X[:1]}, RIGHT, "holds float32[1, 4], the model declares input x float32[2x4]"),
        ({**FEEDS, "x": X.ravel()}, RIGHT, "holds float32[8], the model declares input x float32[2x4]"),
        ({"x": X}, RIGHT, "lacks input 'k'"),
        ({**FEEDS, "y": X}, RIGHT, "holds input 'y', which the model does not have"),
        (FEEDS, {**RIGHT, "at": RIGHT["at"].astype("i4")}, "holds int32[2, 3], output 'at' is int64"),
        (FEEDS, {**RIGHT, "best": RIGHT["best"].T.copy()}, "holds float32[3, 2], the model declares output best"),
        (FEEDS, {**RIGHT, "best": [RIGHT["best"]]}, "holds a sequence, output 'best' is a tensor"),
    ],
)
def test_what_does_not_fit_is_told_with_its_file(tmp_path: Path, feeds: Any, right: Any, said: str) -> None:
    error = misfit(tmp_path, (feeds, right))
    assert error.cause.startswith(said)
    assert error.subject == "0.npz"


def test_one_name_is_one_size(tmp_path: Path) -> None:
    takes = (TensorSpec("a", "float32", ("n",)), TensorSpec("b", "float32", ("n",)))
    feeds = {"a": np.zeros(3, np.float32), "b": np.zeros(4, np.float32)}
    error = misfit(tmp_path, (feeds, {}), takes=takes, gives=())
    assert error.cause == "'n' is 3 in input 'a' and 4 in 'b'"


def test_a_type_that_no_npy_file_holds_may_come_as_a_wider_one(tmp_path: Path) -> None:
    takes = (TensorSpec("x", "bfloat16", (2, 4)),)
    (one,) = fit(tmp_path, ({"x": X}, {}), takes=takes, gives=())
    assert same(one.inputs, {"x": X.astype(ml_dtypes.bfloat16)})
    lossy = np.full((2, 4), 1.001, np.float32)
    (tmp_path / "values.bin").unlink()
    assert "is bfloat16" in misfit(tmp_path, ({"x": lossy}, {}), takes=takes, gives=()).cause


def test_two_sets_that_contradict_each_other(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="has the inputs of set 0 and other outputs"):
        fit(tmp_path, (FEEDS, RIGHT), (FEEDS, {**RIGHT, "best": RIGHT["best"] + 1}))
    (tmp_path / "values.bin").unlink()
    assert len(fit(tmp_path, (FEEDS, RIGHT), (FEEDS, RIGHT))) == 2


@pytest.mark.parametrize(
    "packed",
    [
        {}, {"kind": "array"}, {"kind": "array", "dtype": "object", "shape": [1], "start": 0},
        {"kind": "array", "dtype": "float32", "shape": [-1], "start": 0},
        {"kind": "array", "dtype": "float32", "shape": [99], "start": 0},
        {"kind": "array", "dtype": "float32", "shape": [1], "start": -4},
        {"kind": "text", "values": ["a"], "shape": [2]},
        {"kind": "sequence", "values": [{"kind": "?", "shape": []}]},
    ],
)  # fmt: skip
def test_what_a_worker_hands_over_is_believed_only_where_it_can_be(packed: dict[str, Any]) -> None:
    with pytest.raises(ModelError):
        unpack(packed, b"\0" * 16)


def test_values_in_values_without_end() -> None:
    packed: dict[str, Any] = {"kind": "none"}
    for _ in range(100):
        packed = {"kind": "sequence", "values": [packed]}
    with pytest.raises(ModelError):
        unpack(packed, b"")


def test_the_session_gives_what_is_stored_for_what_it_is_fed() -> None:
    info = info_of(TAKES, GIVES)
    second = {**FEEDS, "x": X + 1}
    sets = [GoldenSet("a", FEEDS, RIGHT), GoldenSet("b", second, {**RIGHT, "best": RIGHT["best"] + 1})]
    session = GoldenSession(sets, info, ["a note"])
    assert same(session.run(second), {**RIGHT, "best": RIGHT["best"] + 1})
    assert same(session.run({name: array.copy() for name, array in FEEDS.items()}), RIGHT)
    assert session.info.notes == ("a note",)
    with pytest.raises(ModelError, match="no golden outputs"):
        session.run({**FEEDS, "x": X + 2})


def test_sequences_and_maps_element_by_element() -> None:
    """Under the names that runtimes give them."""
    stored = {"s": [X, X + 1], "m": {"cat": 0.5, "dog": 1.0}, "none": None, "t": X}
    session = GoldenSession([GoldenSet("a", FEEDS, stored)], info_of(TAKES, GIVES))
    found = session.run(FEEDS)
    assert list(found) == ["s/0", "s/1", "m[cat, dog]", "none", "t"]
    assert found["none"].size == 0


def test_sequences_and_maps_that_are_stored_as_their_arrays(tmp_path: Path) -> None:
    """As sessions give them, which is what a recording keeps; what no value of the model holds is told."""
    gives = (TensorSpec("p", "", None, "sequence"), TensorSpec("s", "float32", None, "sequence"))
    right = {"p[cat, dog]": X, "s/0": X, "s/1": X + 1}
    (one,) = fit(tmp_path, (FEEDS, right), gives=gives)
    assert same(one.outputs, right)
    assert one.files["output/s/1"] == "0.npz"
    error = misfit(tmp_path, (FEEDS, {**right, "q/0": X}), gives=gives)
    assert "holds output 'q/0', which the model does not have" in str(error)
    assert "lacks output 'p'" in str(misfit(tmp_path, (FEEDS, {"s/0": X}), gives=gives))
    tensors = (TensorSpec("p", "float32", None), gives[1])
    assert "holds output 'p[cat, dog]'" in str(misfit(tmp_path, (FEEDS, right), gives=tensors))


def test_a_sequence_is_fed_by_its_elements(tmp_path: Path) -> None:
    takes = (TensorSpec("parts", "float32", None, "sequence"),)
    (one,) = fit(tmp_path, ({"parts": [X, X + 1]}, RIGHT), takes=takes)
    assert same(one.inputs, {"parts/0": X, "parts/1": X + 1})
    assert not one.unfed
    (empty,) = fit(tmp_path, ({"parts": []}, RIGHT), takes=takes)
    assert empty.unfed == "parts"
    inputs = model_inputs(info_of(takes, GIVES), (), 0, {}, golden=[one.inputs])
    assert [str(spec) for spec in inputs.specs] == [f"parts/{i} float32[{'x'.join(map(str, X.shape))}]" for i in (0, 1)]
    assert same(inputs.feeds(0), one.inputs)


def rendered(**arrays: Any) -> dict[str, bytes]:
    return render([("sample 0", {"input": arrays, "output": RIGHT})], {"seed": 3, "tolerances": {}})


def test_what_is_recorded_is_read_back() -> None:
    arrays = {
        "x": X, "half": X.astype(ml_dtypes.bfloat16), "four": X.astype(ml_dtypes.int4),
        "one": np.float32(3) * np.ones(()), "../../etc/passwd": X, "empty": np.zeros((0, 3), np.int64), "flag": X > 2,
    }  # fmt: skip
    files = rendered(**arrays, text=np.array([["a", "ü"]], dtype=object))
    ((name, sides),), told = read_recorded(files.__getitem__, 1 << 20)
    text = sides["input"].pop("text")
    assert (name, told["seed"]) == ("sample 0", 3)
    assert same(sides["input"], arrays)
    assert same(sides["output"], RIGHT)
    assert text.tolist() == [["a", "ü"]]


def test_the_same_data_gives_the_same_bytes_and_harmless_members() -> None:
    import io
    import zipfile

    files = rendered(**{"../x": X})
    assert files == rendered(**{"../x": X})
    assert zipfile.ZipFile(io.BytesIO(files["golden.npz"])).namelist()[0] == "set0-input0.npy"
    assert b'"shape": [2, 4]' in files["golden.json"]


def test_a_record_that_is_damaged() -> None:
    files = rendered(x=X)
    told = json.loads(files["golden.json"])
    less = {key: told[key] for key in told if key != "sets"}
    cases = {
        "its hash is another": {**files, "golden.npz": files["golden.npz"][:-1] + b"\1"},
        "its format is not": {**files, "golden.json": json.dumps({**told, "format": 9}).encode()},
        "cannot be read": {**files, "golden.json": files["golden.json"][:-40]},
        "it has no sets": {**files, "golden.json": json.dumps({**told, "sets": []}).encode()},
        "cannot be read: 'sets'": {**files, "golden.json": json.dumps(less).encode()},
    }  # fmt: skip
    for said, broken in cases.items():
        with pytest.raises(ModelError) as caught:
            read_recorded(broken.__getitem__, 1 << 20)
        assert said in caught.value.cause
        assert caught.value.code == "E_GOLDEN"
