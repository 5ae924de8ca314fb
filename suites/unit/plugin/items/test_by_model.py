"""Which tests are of one model, and who chose how tests are shared out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("xdist")

from pytest_onnxaccel.plugin.items.by_model import ByModel, by_model, chosen, models_of, parameter_of


def state(folder: Path, *names: str) -> Any:
    specs = [SimpleNamespace(name=name, path=str(folder / name)) for name in names]
    by_path = {spec.path: [spec] for spec in specs}
    return SimpleNamespace(
        settings=SimpleNamespace(models=specs), by_path=by_path, config=SimpleNamespace(rootpath=folder)
    )


def config(*arguments: str, addopts: tuple[str, ...] = (), dist: str = "load") -> Any:
    values = {"dist": dist, "tx": ["popen", "popen"], "maxschedchunk": None}
    return SimpleNamespace(
        invocation_params=SimpleNamespace(args=arguments), getini={"addopts": addopts}.__getitem__,
        getvalue=values.__getitem__, getoption=values.__getitem__, option=SimpleNamespace(loadscopereorder=True),
    )  # fmt: skip


def test_checks_and_tests_name_their_model(tmp_path: Path) -> None:
    checks = ["a.onnx::structure", "a.onnx::parity[ort-cpu~reference]", "b.onnx::structure"]
    own = ["t.py::test_x[a.onnx-ort-cpu]", "t.py::test_x[1-b.onnx]", "t.py::test_x[c.onnx]", "t.py::test_y"]
    assert models_of(checks + own, state(tmp_path, "a.onnx", "b.onnx")) == [
        "a.onnx", "a.onnx", "b.onnx", "a.onnx", "b.onnx", "", "",
    ]  # fmt: skip


def test_a_name_with_dashes_is_no_part_of_a_longer_one() -> None:
    models = {name: name for name in ("a", "a-b", "b")}
    assert parameter_of("t.py::test_x[a-b-ort-cpu]", models) == "a-b"
    assert parameter_of("t.py::test_x[b-a]", models) == "b"
    assert parameter_of("t.py::test_x", models) == ""


def test_a_file_that_is_declared_twice_is_two_models(tmp_path: Path) -> None:
    found = state(tmp_path, "one")
    twice = [SimpleNamespace(name=name, path=str(tmp_path / "a.onnx")) for name in ("one", "two")]
    found.settings.models, found.by_path = twice, {twice[0].path: twice}
    assert models_of(["a.onnx::one::parity", "a.onnx::two::parity"], found) == ["one", "two"]


@pytest.mark.parametrize(
    ("arguments", "addopts", "environment", "answer"),
    [
        (("-n", "2"), (), "", False),
        (("-n", "2", "--dist", "load"), (), "", True),
        (("-n", "2", "--dist=loadfile"), (), "", True),
        (("-d", "--tx", "2*popen"), (), "", True),
        (("-n", "2"), ("--dist=load",), "", True),
        (("-n", "2"), (), "-q --dist load", True),
        (("-n", "2", "--distribution=x"), (), "", False),
    ],
)
def test_who_chose(
    arguments: tuple[str, ...],
    addopts: tuple[str, ...],
    environment: str,
    answer: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", environment)
    assert chosen(config(*arguments, addopts=addopts)) is answer


def test_other_ways_and_runs_without_models_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    made = ByModel(state(tmp_path, "a.onnx")).pytest_xdist_make_scheduler
    assert made(config("-n", "2"), None) is not None
    assert made(config("-n", "2", dist="worksteal"), None) is None
    assert ByModel(state(tmp_path)).pytest_xdist_make_scheduler(config("-n", "2"), None) is None


class Node:
    """What a scheduler sees of a process of pytest-xdist."""

    shutting_down = False

    def __init__(self) -> None:
        self.sent: list[int] = []
        self.done = 0
        self.gateway = SimpleNamespace(id="gw")

    def send_runtest_some(self, indices: list[int]) -> None:
        self.sent += indices

    def shutdown(self) -> None:
        self.shutting_down = True


def _run(ids: list[str], folder: Path, end: Callable[[Any, list[Node]], None]) -> list[list[int]]:
    """Share *ids* out to two processes, which finish what they have in turns."""
    scheduler: Any = by_model(state(folder, *{i.partition("::")[0] for i in ids if ".onnx::" in i}), config(), None)
    nodes = [Node(), Node()]
    for node in nodes:
        scheduler.add_node(node)
    for node in nodes:
        scheduler.add_node_collection(node, ids)
    scheduler.schedule()
    end(scheduler, nodes)
    while any(node.done < len(node.sent) for node in scheduler.nodes):
        for node in scheduler.nodes:
            if node.done < len(node.sent):
                node.done += 1
                scheduler.mark_test_complete(node, node.sent[node.done - 1])
    return [node.sent for node in nodes]


@pytest.mark.parametrize("count", [1, 2, 3, 40])
def test_each_test_is_sent_once_and_a_model_to_one_process(tmp_path: Path, count: int) -> None:
    ids = [f"m{model}.onnx::check{number}" for model in range(count) for number in range(7)]
    sent = _run(ids, tmp_path, lambda scheduler, nodes: None)
    assert sorted(sent[0] + sent[1]) == list(range(len(ids)))
    assert not {ids[i].partition("::")[0] for i in sent[0]} & {ids[i].partition("::")[0] for i in sent[1]}
    if count > 1:
        assert abs(len(sent[0]) - len(sent[1])) <= 7


def test_tests_of_a_model_that_stand_apart_go_together(tmp_path: Path) -> None:
    """As those of a backend after those of another one, or those of another file."""
    ids = [f"m{model}.onnx::check{number}" for number in range(7) for model in range(20)]
    ids[70:70] = [f"t.py::test_x[{number}]" for number in range(30)]
    sent = _run(ids, tmp_path, lambda scheduler, nodes: None)
    assert sorted(sent[0] + sent[1]) == list(range(len(ids)))
    first, second = ({ids[i].partition("::")[0] for i in one if ".onnx" in ids[i]} for one in sent)
    assert not first & second
    assert min(len(first), len(second)) >= 5
    own = [sum("t.py" in ids[i] for i in one) for one in sent]
    assert min(own) > 0, "tests of no model are shared out as ever"


def test_what_a_process_that_died_had_is_sent_again(tmp_path: Path) -> None:
    ids = [f"m{model}.onnx::check{number}" for model in range(8) for number in range(5)]

    def die(scheduler: Any, nodes: list[Node]) -> None:
        assert scheduler.remove_node(nodes[0]) == ids[nodes[0].sent[0]]

    sent = _run(ids, tmp_path, die)
    assert sorted({*sent[1], sent[0][0]}) == list(range(len(ids)))
