"""Several models: each has a process of its own, and the next one is begun while one is judged."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fixtures import graphs
from pytest_onnxaccel.isolation.warm.forking import available
from pytest_onnxaccel.plugin.items.collect import CheckItem
from pytest_onnxaccel.plugin.items.next_models import followers

Gate = Callable[..., Any]


def item(model: str, check: str) -> Any:
    named = type("Named", (CheckItem,), {"nodeid": f"{model}::{check}"})
    found: Any = named.__new__(named)
    found.check_request = SimpleNamespace(model=model, check=check)
    return found


def own_test(name: str) -> Any:
    return SimpleNamespace(nodeid=name)


def test_the_next_model_is_begun_where_nothing_is_timed_until_it() -> None:
    quick = [item("a", "structure"), item("a", "parity"), item("b", "structure"), item("b", "batch")]
    assert followers(quick) == {"a::structure": "b"}
    timed = [item("a", "structure"), item("a", "latency"), item("b", "structure"), item("c", "structure")]
    assert followers(timed) == {"b::structure": "c"}
    last = [item("a", "latency"), item("a", "parity"), item("b", "structure")]
    assert followers(last) == {"a::parity": "b"}


def test_it_is_not_begun_beside_tests_of_the_project_which_may_time() -> None:
    between = [item("a", "structure"), own_test("t.py::test_own"), item("b", "structure")]
    assert followers(between) == {}
    before = [own_test("t.py::test_own"), item("a", "structure"), item("b", "structure")]
    assert followers(before) == {"a::structure": "b"}


def models(folder: Path, count: int) -> list[str]:
    for number in range(count):
        (folder / f"m{number}.onnx").write_bytes(graphs.small_cnn(seed=number).SerializeToString())
    return [f"--onnx-model=m{number}.onnx" for number in range(count)]


@pytest.mark.parametrize("parallel", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_each_model_has_a_process_of_its_own(gate: Gate, tmp_path: Path, parallel: tuple[str, ...]) -> None:
    if parallel:
        pytest.importorskip("xdist")
    run = gate(*models(tmp_path, 4), "--onnx-backend=ort-cpu", "--onnx-backend=reference", "-k", "not latency", "-v",
               *parallel)  # fmt: skip
    assert run.status == 0, run.out
    assert {row["model"] for row in run.rows} == {f"m{number}.onnx" for number in range(4)}
    found = re.search(r"^workers: (\d+) forked, (\d+) started$", run.out, re.MULTILINE)
    assert found is not None, run.out
    forked, fresh = map(int, found.groups())
    # Under pytest-xdist the checks of a model may be shared out
    assert forked + fresh == 4 if not parallel else forked + fresh >= 4
    assert (fresh == 0) is available()


def test_a_model_that_ends_its_worker_is_alone_in_that(gate: Gate, tmp_path: Path) -> None:
    from fixtures import hazards

    names = models(tmp_path, 2)
    (tmp_path / "bad.onnx").write_bytes(hazards.div_crash().SerializeToString())
    run = gate(names[0], "--onnx-model=bad.onnx", names[1], "--onnx-backend=ort-cpu", "-k", "structure or contract")
    assert run.status == 1, run.out
    assert {row["model"]: row["code"] for row in run.rows if row["check"] == "contract"} == {
        "m0.onnx": "OK", "bad.onnx": "E_CRASH", "m1.onnx": "OK",
    }  # fmt: skip


def test_a_run_that_is_not_asked_for_more_says_nothing_of_its_workers(gate: Gate, tmp_path: Path) -> None:
    run = gate(*models(tmp_path, 1), "--onnx-backend=ort-cpu", "-k", "structure")
    assert run.status == 0, run.out
    assert "workers:" not in run.out


_LEAVES = """
import pytest
class Tied:
    def __init__(self): self.me = self
    def __del__(self): raise ValueError("left behind")
def test_own(): Tied()
"""


def test_pytest_still_finds_what_a_test_leaves_behind(gate: Callable[..., Any], tmp_path: Path) -> None:
    """The collector looks through what is younger than the tests."""
    (tmp_path / "test_own.py").write_text(_LEAVES)
    (tmp_path / "m.onnx").write_bytes(graphs.small_cnn().SerializeToString())
    run = gate("--onnx-model=m.onnx", "--onnx-backend=ort-cpu", "-k", "test_own or structure", "test_own.py")
    assert run.status == 0, run.out
    assert "PytestUnraisableExceptionWarning" in run.out
