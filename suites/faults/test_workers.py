"""What a model does to its worker is one row of its own; every other model is judged, and nothing is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from suites.faults.running import Run, ended, model

#: Fault -> the code of its row, and what its message says.
FAULTS = {
    "kill in load": ("E_CRASH", "died of SIGKILL"),
    "kill in run": ("E_CRASH", "died of SIGKILL"),
    "abort in run": ("E_CRASH", "died of SIGABRT"),
    "leave in load": ("E_CRASH", "ended by itself with status 0"),
    "leave in run": ("E_CRASH", "ended by itself with status 0"),
    "odd_exit in run": ("E_CRASH", "ended by itself with status 3"),
    "garbage in load": ("E_CRASH", "a frame held no JSON"),
    "garbage in run": ("E_CRASH", "a frame held no JSON"),
    "oversized in run": ("E_CRASH", "over the limit"),
    "pickled in load": ("E_CRASH", "a frame held no JSON"),
    "pickled in run": ("E_CRASH", "a frame held no JSON"),
    "lying in run": ("E_CRASH", "a frame described no arrays"),
    "immense in run": ("E_MEMORY", "does not fit into the memory of the pytest process"),
    "odd_type in run": ("E_ERROR", "TypeError: 'str' object is not subscriptable"),
    "odd_recursion in run": ("E_ERROR", "RecursionError"),
    "flood in load": ("OK", ""),
    "flood in run": ("OK", ""),
}


@pytest.fixture(scope="module", params=[(), ("-n", "2")], ids=["alone", "xdist"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """One run over all faults, between two good models."""
    if request.param:
        pytest.importorskip("xdist")
    folder = tmp_path_factory.mktemp("faults")
    names = ["well", *FAULTS, "well at last"]
    models = [model(folder / f"{name.replace(' ', '-')}.onnx", name) for name in names]
    with ended(Run(folder, "-k", "contract", "--onnx-timeout=120", *request.param, models=models)) as found:
        yield found.wait()


def test_the_run_is_whole(run: Run) -> None:
    assert run.status == 1, run.out
    report = run.agrees()
    assert len(report["results"]) == len(FAULTS) + 2
    assert (report["run"]["interrupted"], report["run"]["unfinished"]) == ("", [])
    assert run.codes["well"] == run.codes["well-at-last"] == "OK"


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_one_row(run: Run, fault: str) -> None:
    code, says = FAULTS[fault]
    (row,) = (r for r in run.report["results"] if r["model"] == f"{fault.replace(' ', '-')}.onnx")
    assert (row["code"], row["verdict"]) == (code, "passed" if code == "OK" else "failed")
    assert says in row["message"]


def test_nothing_is_left_and_nothing_was_unpickled(run: Run) -> None:
    run.gone_after()
    assert not list(run.temporary.parent.rglob("unpickled"))


def test_a_worker_that_is_stopped_ends_by_its_time_limit(launch: Callable[..., Run], tmp_path: Path) -> None:
    """SIGSTOP cannot be heeded or handled, and a stopped process answers nothing."""
    models = [model(tmp_path / "s.onnx", "stop in run"), model(tmp_path / "l.onnx", "stop in load")]
    parallel = ("-n", "2") if pytest.importorskip("xdist") else ()
    run = launch("-k", "contract", "--onnx-timeout=15", *parallel, models=[*models, model(tmp_path / "w.onnx")]).wait()
    assert run.status == 1, run.out
    run.agrees()
    assert run.codes == {"s": "E_TIMEOUT", "l": "E_TIMEOUT", "w": "OK"}
    run.gone_after()
