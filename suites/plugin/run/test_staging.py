"""Private copies of a model go with its last check: a run of many models needs room for one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from fixtures import graphs

#: Bytes of each model's data.
DATA = 1 << 20
#: After each test: its node id, and the bytes and top folders that the run's private folder holds.
WATCH = """
import json, os, tempfile
import pytest

def _staged():
    found = {}
    for run in os.listdir(tempfile.gettempdir()):
        top = os.path.join(tempfile.gettempdir(), run)
        if not run.startswith("onnxaccel-") or not os.path.isdir(top):
            continue
        for folder, _, names in os.walk(top):
            for name in names:
                path = os.path.join(folder, name)
                part = os.path.relpath(path, top).split(os.sep)[0]
                found[part] = found.get(part, 0) + os.lstat(path).st_size
    return found

@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item):
    result = yield
    with open(os.path.join(os.path.dirname(__file__), "staged.jsonl"), "a") as file:
        file.write(json.dumps([item.nodeid, _staged()]) + "\\n")
    return result
"""


def with_data(folder: Path, name: str, size: int = DATA) -> Path:
    """A model of `x` Nx4 to `y` whose weight lies in a file of *size* bytes."""
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    for key, value in (("location", f"{name}.bin"), ("offset", "0"), ("length", "16")):
        weight.external_data.add(key=key, value=value)
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", 4]) for n in "xy")
    graph = helper.make_graph([helper.make_node("Add", ["x", "w"], ["y"])], "g", [x], [y], [weight])
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    (folder / f"{name}.onnx").write_bytes(model.SerializeToString())
    data = np.arange(4, dtype=np.float32).tobytes()
    (folder / f"{name}.bin").write_bytes(data + bytes(size - len(data)))
    return folder / f"{name}.onnx"


@pytest.fixture
def watched(tmp_path: Path, gate: Callable) -> Callable:
    """``watched(*arguments)``: a run in a temporary folder of its own, and what was staged after each test."""
    (tmp_path / "conftest.py").write_text(WATCH)
    (tmp_path / "tmp").mkdir()

    def run(*arguments: str | Path) -> tuple[Any, list[tuple[str, dict[str, int]]]]:
        done = gate(*arguments, env={"TMPDIR": str(tmp_path / "tmp")})
        lines = (tmp_path / "staged.jsonl").read_text().splitlines()
        assert not list((tmp_path / "tmp").glob("onnxaccel-*")), "something is left of the run"
        return done, [(node, staged) for node, staged in map(json.loads, lines)]

    return run


def test_thirty_models_need_room_for_one(watched: Callable, tmp_path: Path) -> None:
    for number in range(30):
        with_data(tmp_path, f"m{number:02d}")
    run, seen = watched(f"--onnx-model={tmp_path}", "--onnx-backend=ort-cpu", "--onnx-in-process", "-k", "not latency")
    assert run.status == 0, run.out
    assert len({row["model"] for row in run.rows}) == 30
    assert len(seen) == len(run.rows) > 100
    assert max(sum(staged.values()) for _, staged in seen) < 3 * DATA, "copies of more than one model lie there"
    assert sum(sum(staged.values()) >= DATA for _, staged in seen) > 60, "no copy was seen: nothing was measured"
    last = {node.partition("::")[0]: sum(staged.values()) for node, staged in seen}
    assert max(last.values()) < DATA, "a copy outlived the last check of its model"


def test_copies_go_with_workers_too(watched: Callable, tmp_path: Path) -> None:
    for name in "abc":
        with_data(tmp_path, name)
    run, seen = watched(f"--onnx-model={tmp_path}", "--onnx-backend=ort-cpu", "-k", "structure or contract or batch")
    assert run.status == 0, run.out
    assert max(sum(staged.values()) for _, staged in seen) < 3 * DATA
    assert sum(seen[-1][1].values()) < DATA


def test_under_xdist_the_next_model_takes_over(watched: Callable, tmp_path: Path) -> None:
    pytest.importorskip("xdist")
    for number in range(6):
        with_data(tmp_path, f"m{number}")
    run, seen = watched(
        f"--onnx-model={tmp_path}", "--onnx-backend=ort-cpu", "--onnx-in-process", "-k", "structure or contract", "-n2"
    )
    assert run.status == 0, run.out
    # Each worker's own folder, next to the other's
    assert max(sum(staged.values()) for _, staged in seen) < 5 * DATA
    assert len(seen) == len(run.rows) == 12


FROZEN = """
import pathlib
import pytest

PATHS = {}

@pytest.mark.batch_size(2)
def test_frozen(onnx_model, backend, frozen_batch, request):
    before = PATHS.setdefault(onnx_model.name, frozen_batch.path)
    assert frozen_batch.path == before
    assert pathlib.Path(frozen_batch.path).is_file()
    assert backend.run(frozen_batch, frozen_batch.sample())

@pytest.mark.batch_size(2)
def test_frozen_again(onnx_model, backend, frozen_batch):
    assert frozen_batch.path == PATHS[onnx_model.name]
    assert pathlib.Path(frozen_batch.path).is_file()
    assert backend.run(frozen_batch, frozen_batch.sample())
"""


def test_a_frozen_batch_stays_while_a_test_may_use_it(watched: Callable, tmp_path: Path, save: Callable) -> None:
    """Also when the checks of another model come in between."""
    (tmp_path / "conftest.py").write_text(WATCH + INTERLEAVED)
    (tmp_path / "test_frozen.py").write_text(FROZEN)
    save(graphs.mlp(), "a.onnx")
    save(graphs.mlp(), "b.onnx")
    run, seen = watched(
        "--onnx-model=a.onnx", "--onnx-model=b.onnx", "--onnx-backend=ort-cpu", "--onnx-in-process",
        "-k", "test_frozen or structure", "test_frozen.py",
    )  # fmt: skip
    assert run.status == 0, run.out
    order = [node.split("::")[-1].split("[")[0] + ("a" if "a.onnx" in node else "b") for node, _ in seen]
    assert order == [
        "test_frozena",
        "structureb",
        "test_frozen_againa",
        "structurea",
        "test_frozenb",
        "test_frozen_againb",
    ]


INTERLEAVED = """
@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    def of(test, model):
        return next(i for i in items if i.nodeid.split("::")[-1].split("[")[0] == test and model in i.nodeid)

    wanted = [("test_frozen", "a.onnx"), ("structure", "b.onnx"), ("test_frozen_again", "a.onnx")]
    wanted += [("structure", "a.onnx"), ("test_frozen", "b.onnx"), ("test_frozen_again", "b.onnx")]
    chosen = [of(*one) for one in wanted]
    items[:] = chosen
"""
