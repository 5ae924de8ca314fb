"""The double where it is switched on: in this process, in workers, in runs of pytest; and nowhere else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fixtures import graphs
from suites.rounding.switch import HERE, SEED, written

ROOT = Path(__file__).parents[2]

#: Where the script tells what was imported before it ran.
EARLY = "early"
#: Outputs of one model as lists, by how they were computed: backend, optimized or not, here or in a worker.
SCRIPT = """
import json, sys

early = sorted({"numpy", "onnx", "onnxruntime", "pytest_onnxaccel"} & set(sys.modules))

import numpy as np
from pytest_onnxaccel.backends.protocol import LoadOptions
from pytest_onnxaccel.runner.sessions.workers.engines import Engines
from pytest_onnxaccel.runner.request import RunOptions
from pytest_onnxaccel.isolation.limits import Limits

model = sys.argv[1]
feeds = {"x": np.random.default_rng(0).uniform(-1, 1, (1, 4)).astype(np.float32)}
found = {"early": early}
for place in ("here", "worker"):
    engines = Engines(RunOptions(in_process=place == "here", limits=Limits(seconds=120), sandbox="off"))
    for backend in ("ort-cpu", "reference"):
        engine = engines.open(backend, {})
        for optimize in (True, False):
            session = engine.load(model, LoadOptions(optimize=optimize))
            found[f"{place} {backend} {optimize}"] = [session.run(feeds)["y"].ravel().tolist() for _ in range(2)]
    engines.close()
print(json.dumps(found))
"""


def outputs(model: Path, site: str = "") -> dict[str, Any]:
    environment = {k: v for k, v in os.environ.items() if k != SEED}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [site, str(ROOT)]))
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(model)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Outputs by seed; "" is without the double."""
    folder = tmp_path_factory.mktemp("rounding")
    model = folder / "mlp.onnx"
    model.write_bytes(graphs.mlp().SerializeToString())
    made = {"": outputs(model)}
    for seed in ("1", "1 again", "2"):
        (folder / seed).mkdir()
        made[seed] = outputs(model, written(seed[0], folder / seed))
    return made


def _sessions(run: dict[str, Any]) -> dict[str, Any]:
    return {how: given for how, given in run.items() if how != EARLY}


def test_nothing_is_imported_before_it_is_needed(found: dict[str, dict[str, Any]]) -> None:
    assert [run[EARLY] for run in found.values()] == [[]] * 4


def test_every_session_gives_twice_the_same(found: dict[str, dict[str, Any]]) -> None:
    for run in found.values():
        assert all(first == again for first, again in _sessions(run).values())


def test_outputs_move_by_a_few_units_in_every_process(found: dict[str, dict[str, Any]]) -> None:
    for how, (plain, _) in _sessions(found[""]).items():
        for seed in ("1", "2"):
            other = found[seed][how][0]
            assert other != plain, how
            assert other == pytest.approx(plain, rel=12 * 2.0**-23)


def test_a_seed_is_one_processor(found: dict[str, dict[str, Any]]) -> None:
    assert found["1"] == found["1 again"]
    assert all(found["1"][how] != found["2"][how] for how in _sessions(found["1"]))


def test_levels_of_optimization_round_each_in_their_own_way(found: dict[str, dict[str, Any]]) -> None:
    for place in ("here", "worker"):
        assert found["1"][f"{place} ort-cpu True"] != found["1"][f"{place} ort-cpu False"]
        assert found["1"][f"{place} ort-cpu True"] != found["1"][f"{place} reference True"]


#: Some of each kind: what is searched for inside, what runs in workers, what an inner run of pytest tells.
SELECTED = (
    "suites/localise/test_hidden_by_rounding.py",
    "suites/unit/isolation/test_engine.py",
    "suites/unit/checks/test_find_inputs.py",
    "suites/plugin/gate/test_planted_faults.py::test_the_right_model_agrees_with_itself",
    "suites/plugin/gate/test_planted_faults.py::test_nan_inside",
)


def test_suites_hold_on_another_processor(tmp_path: Path) -> None:
    environment = {**os.environ, SEED: os.environ.get(SEED, "3")}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--basetemp={tmp_path / 'base'}", *SELECTED]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert f"outputs: perturbed as by another processor, {SEED}={environment[SEED]}" in done.stdout


def test_without_the_switch_nothing_is_changed() -> None:
    if os.environ.get(SEED):
        pytest.skip("this run is perturbed as a whole")
    assert HERE not in os.environ.get("PYTHONPATH", "")
    assert not any(type(finder).__module__.startswith("other_processor") for finder in sys.meta_path)
