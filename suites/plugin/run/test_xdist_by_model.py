"""``-n 2`` alone shares tests out by model; what a person says with ``--dist`` stands."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fixtures import graphs

pytest.importorskip("xdist")

Gate = Callable[..., Any]

#: Writes which process ran a test, in the controlling process.
_WHERE = """
import json
def pytest_runtest_logreport(report):
    node = getattr(report, "node", None)
    if report.when == "call" and node is not None:
        with open("where.jsonl", "a") as file:
            file.write(json.dumps([report.nodeid, node.gateway.id]) + "\\n")
"""
_OWN = """
import time
import pytest
@pytest.mark.parametrize("number", range(8))
def test_own(number): time.sleep(0.2)
"""
_MODELS = """
def test_one(onnx_model, backend): pass
def test_two(onnx_model): pass
"""


@pytest.fixture
def places(gate: Gate, tmp_path: Path) -> Callable[..., dict[str, set[str]]]:
    """``places(*arguments)``: which processes ran the tests of each file, of a run that passes."""
    (tmp_path / "conftest.py").write_text(_WHERE)
    for number in range(4):
        # By their names one could be taken for a part of another one
        name = "a.onnx" if not number else f"a-{number}.onnx"
        (tmp_path / name).write_bytes(graphs.small_cnn(seed=number).SerializeToString())

    def run(*arguments: str) -> dict[str, set[str]]:
        (tmp_path / "where.jsonl").unlink(missing_ok=True)
        done = gate("--onnx-model=a*.onnx", "--onnx-backend=ort-cpu,reference", "-k", "not latency", "-v", *arguments)
        assert done.status == 0, done.out
        found: dict[str, set[str]] = defaultdict(set)
        for line in (tmp_path / "where.jsonl").read_text().splitlines():
            nodeid, place = json.loads(line)
            model = re.search(r"a(-\d)?\.onnx", nodeid)
            found[model.group() if model is not None else nodeid].add(place)
        forked = re.search(r"^workers: (\d+) forked, (\d+) started", done.out, re.MULTILINE)
        assert forked is not None
        found["workers"] = {str(sum(map(int, forked.groups())))}
        return found

    return run


def test_a_model_stays_in_one_process_and_both_have_some(places: Callable[..., dict[str, set[str]]]) -> None:
    found = places("-n", "2")
    assert found.pop("workers") == {"4"}  # each model was opened once
    assert sorted(found) == ["a-1.onnx", "a-2.onnx", "a-3.onnx", "a.onnx"]
    assert all(len(place) == 1 for place in found.values()), found
    assert set().union(*found.values()) == {"gw0", "gw1"}


def test_so_do_a_projects_own_tests_of_it(places: Callable[..., dict[str, set[str]]], tmp_path: Path) -> None:
    (tmp_path / "test_models.py").write_text(_MODELS)
    found = places("-n", "2", "-k", "test_one or test_two")
    found.pop("workers")
    assert len(found) == 4
    assert all(len(place) == 1 for place in found.values()), found


def test_tests_of_no_model_are_shared_out_as_ever(places: Callable[..., dict[str, set[str]]], tmp_path: Path) -> None:
    (tmp_path / "test_own.py").write_text(_OWN)
    found = places("-n", "2", "-k", "test_own or structure")
    own = [place for nodeid, place in found.items() if "test_own" in nodeid]
    assert len(own) == 8
    assert set().union(*own) == {"gw0", "gw1"}


@pytest.mark.parametrize("way", ["load", "loadfile", "loadscope", "worksteal", "loadgroup"])
def test_what_a_person_chose_stands(places: Callable[..., dict[str, set[str]]], way: str) -> None:
    found = places("-n", "2", "--dist", way)
    assert int(*found.pop("workers")) >= 4
    assert len(found) == 4


def test_without_xdist_nothing_is_asked_of_it(gate: Gate, tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(graphs.small_cnn().SerializeToString())
    run = gate("--onnx-model=m.onnx", "--onnx-backend=ort-cpu", "-k", "structure", "-p", "no:xdist")
    assert run.status == 0, run.out
