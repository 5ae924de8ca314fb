"""Which golden data is a model's, what its checks are fed of it, and how far outputs may be off."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_onnxaccel.checks.contract import contract
from pytest_onnxaccel.checks.find_inputs import find_inputs
from pytest_onnxaccel.checks.parity.check import samples
from pytest_onnxaccel.checks.parity.tolerances import Limits
from pytest_onnxaccel.core.domains import Domain, InputFacts
from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import DimSpec, GoldenSpec, ModelSpec, TensorSpec, Tolerance
from pytest_onnxaccel.runner.golden_data import Golden, golden_of
from suites.unit.fakes import FakeSession, info_of, tensor


def spec_at(path: Path, **more: Any) -> ModelSpec:
    return ModelSpec(path.name, str(path), path.name, **more)


def test_what_lies_beside_a_model(tmp_path: Path) -> None:
    model = tmp_path / "a.onnx"
    model.write_bytes(b"")
    assert golden_of(spec_at(model)) is None
    (tmp_path / "test_data_set_0").mkdir()
    found = golden_of(spec_at(model))
    assert found is not None
    assert (found.path, found.found, found.shared, found.named) == (str(tmp_path), True, False, False)
    (tmp_path / "b.onnx").write_bytes(b"")
    shared = golden_of(spec_at(model))
    assert shared is not None
    assert shared.shared
    (tmp_path / "a.golden").mkdir()
    own = golden_of(spec_at(model))
    assert own is not None
    assert (own.path, own.shared) == (str(tmp_path / "a.golden"), False)
    assert golden_of(spec_at(tmp_path / "b.onnx")) == shared


def test_what_the_user_names_comes_first_and_may_be_nothing(tmp_path: Path) -> None:
    (tmp_path / "test_data_set_0").mkdir()
    named = GoldenSpec("/elsewhere", "elsewhere", "m.toml [models.a]")
    assert golden_of(spec_at(tmp_path / "a.onnx", golden=named)) == named
    assert golden_of(spec_at(tmp_path / "a.onnx", golden=GoldenSpec("", "no"))) is None


# -- inputs -----------------------------------------------------------------------------------------------------------

X, K = tensor("x", "n", 4), tensor("k", 1, dtype="int64")
FACTS = InputFacts(batch="n", axes={"x": 0})


def fed(*sizes: int, k: int = 3) -> list[dict[str, Any]]:
    return [{"x": np.full((n, 4), 7 + i, np.float32), "k": np.array([k])} for i, n in enumerate(sizes)]


def top(feeds: Any) -> dict[str, Any]:
    """A model that runs with k = 3 alone."""
    if feeds["k"].tolist() != [3]:
        raise ModelError("k is out of range", code="E_RUN")
    return {"best": feeds["x"][:, :3]}


def settled_on(golden: list[dict[str, Any]], session: FakeSession, facts: InputFacts = FACTS, **more: Any) -> Any:
    info = info_of((X, K), (tensor("best", "n", 3),), "n")
    return find_inputs(session, info, ModelSpec("m", "m", "m", **more), 0, "", facts, golden)


def test_golden_samples_come_first_and_further_ones_keep_what_nobody_can_make_up() -> None:
    golden = fed(2, 2)
    found = settled_on(golden, FakeSession(top, inputs=(X, K)))
    inputs = found.inputs
    assert inputs.batch == 2
    for index, one in enumerate(golden):
        assert {name: array.tolist() for name, array in inputs.feeds(index).items()} == {
            name: array.tolist() for name, array in one.items()
        }
    third = inputs.feeds(2)
    assert third["k"].tolist() == [3]
    assert third["x"].shape == (2, 4)
    # Drawn between the least and the largest golden value
    assert 7 <= third["x"].min() < third["x"].max() < 8
    assert {inputs.origin("x"), inputs.origin("k")} == {"golden"}
    assert not inputs.repeated


def test_where_only_golden_samples_run_they_are_repeated() -> None:
    def picky(feeds: Any) -> dict[str, Any]:
        if len(set(feeds["x"].ravel().tolist())) > 1:
            raise ModelError("takes constants", code="E_RUN")
        return {"best": feeds["x"][:, :3]}

    found = settled_on(fed(2, 2), FakeSession(picky, inputs=(X, K)))
    assert found.inputs.repeated
    assert found.inputs.feeds(2)["x"].tolist() == found.inputs.feeds(0)["x"].tolist()
    assert len(list(samples(found.inputs, (), None))) == 2


def test_golden_inputs_that_do_not_run_fail_and_are_named() -> None:
    with pytest.raises(ModelError) as caught:
        settled_on(fed(2, k=9), FakeSession(top, inputs=(X, K)))
    assert caught.value.code == "E_RUN"
    assert caught.value.cause == "on golden sample 0 the model does not run: k is out of range"


def test_seeds_are_other_samples_than_the_golden_ones() -> None:
    inputs = settled_on(fed(2), FakeSession(top, inputs=(X, K))).inputs
    assert inputs.seeded(1)["x"].tolist() != inputs.seeded(2)["x"].tolist()
    assert inputs.seeded(1)["k"].tolist() == [3]


def test_sizes_follow_from_golden_data_and_those_that_are_asked_for_come_after() -> None:
    takes, gives = TensorSpec("x", "float32", (1, "t")), TensorSpec("y", "float32", (1, "t"))
    info = info_of((takes,), (gives,))
    session = FakeSession(lambda feeds: {"y": feeds["x"] * 2}, inputs=(takes,))
    golden = [{"x": np.linspace(0, 1, 5, dtype=np.float32).reshape(1, 5)}]
    found = find_inputs(session, info, ModelSpec("m", "m", "m"), 0, "", InputFacts(), golden)
    assert found.inputs.sizes == {"t": 5}
    assert not found.guessed
    asked = ModelSpec("m", "m", "m", dims=(DimSpec("t", (9,)),))
    found = find_inputs(session, info, asked, 0, "", InputFacts(), golden)
    assert [feeds["x"].shape for feeds in samples(found.inputs, (), None)] == [(1, 5), (1, 5), (1, 9)]


def test_a_domain_that_the_graph_tells_is_drawn_from() -> None:
    facts = InputFacts(batch="n", axes={"x": 0}, domains={"k": Domain("k", "category", choices=(3, 3), origin="graph")})
    inputs = settled_on(fed(2), FakeSession(top, inputs=(X, K)), facts).inputs
    assert inputs.feeds(1)["k"].tolist() == [3]


def test_values_that_are_not_finite_are_right_where_golden_data_has_them() -> None:
    takes, gives = TensorSpec("x", "float32", (2,)), TensorSpec("y", "float32", (2,))
    info = info_of((takes,), (gives,))
    session = FakeSession(lambda feeds: {"y": np.array([np.inf, 1], np.float32)}, inputs=(takes,), outputs=(gives,))
    found = find_inputs(session, info, ModelSpec("m", "m", "m"), 0, "", InputFacts(), [{"x": np.ones(2, np.float32)}])
    assert contract("m", "b", info, session, found).code == "V_NONFINITE"
    from dataclasses import replace

    assert contract("m", "b", info, session, replace(found, unfinite=frozenset(["y"]))).verdict is Verdict.PASSED


# -- tolerances and notes ---------------------------------------------------------------------------------------------

SPEC = GoldenSpec("/g", "g", "m.toml [models.a]")


def stored(**tolerances: Any) -> Golden:
    return Golden(SPEC, told={"tolerances": tolerances, "source": {"name": "a.pth", "sha256": "1"}})


def test_tolerances_that_are_stored() -> None:
    golden = stored(
        a={"rtol": 1e-3, "atol": 0, "origin": "given"}, b={"rtol": 0, "atol": 0.5, "origin": "4 x measured"},
        c={"rtol": -1, "atol": 0}, d={"rtol": "1", "atol": 0}, e=3, f={"rtol": float("inf"), "atol": 0},
    )  # fmt: skip
    assert {name: (t.rtol, t.atol) for name, t in golden.tolerances(given=True).items()} == {"a": (1e-3, 0.0)}
    assert {name: (t.rtol, t.atol) for name, t in golden.tolerances(given=False).items()} == {"b": (0.0, 0.5)}
    assert not Golden(SPEC, told={"tolerances": [1]}).tolerances(given=True)


def test_a_measured_tolerance_is_a_least() -> None:
    value = np.ones(3, np.float32)
    least = {"y": Tolerance(0.0, 0.5, "golden.json (measured)")}
    assert Limits(Tolerance(), least=least)("y", value).atol == 0.5
    assert Limits(Tolerance(atol=0.1), least=least)("y", value).atol == 0.1
    assert (Limits(Tolerance(), least={"y": Tolerance(0.0, 0.0)})("y", value).atol or 0) > 0


def test_another_source_than_the_recorded_one_is_told() -> None:
    result = CheckResult("a", "parity", Verdict.PASSED)
    assert stored().judged(result, "1").warnings == ()
    assert stored().judged(result, None).warnings == ()
    (warning,) = stored().judged(result, "2").warnings
    assert warning.startswith("the golden data was recorded from another file than a.pth")


def test_a_folder_of_many_models_is_listed_once_until_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pytest_onnxaccel.runner import golden_data

    listed: list[str] = []
    scan = os.scandir
    monkeypatch.setattr(golden_data.os, "scandir", lambda folder: listed.append(folder) or scan(folder))
    specs = [ModelSpec(name, str(tmp_path / name), name) for name in ("a.onnx", "b.onnx")]
    for spec in specs:
        Path(spec.path).touch()
    assert [golden_of(spec) for spec in specs] == [None, None]
    assert len(listed) == 1
    (tmp_path / "test_data_set_0").mkdir()
    os.utime(tmp_path, (1, 1))  # another time, however coarse the clock of the file system is
    found = golden_of(specs[0])
    assert found is not None
    assert found.shared
