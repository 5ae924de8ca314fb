"""onnx-tf in its own interpreter agrees with ONNX Runtime on what it takes, and names what it does not.

Needs the environment that ``python -m pytest_onnxaccel env onnx-tf`` builds. Without it these tests are
skipped, unless ``ONNXACCEL_REQUIRE_ONNX_TF`` is set: then it is built first.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from pytest_onnxaccel.backends.onnx_tf.backend import OnnxTf
from pytest_onnxaccel.core.errors import BackendUnavailable, ModelError
from pytest_onnxaccel.environments import build as environment_build
from pytest_onnxaccel.environments import locate as environment
from pytest_onnxaccel.graph.onnx_tf_copy.prepare import prepare
from pytest_onnxaccel.isolation.launch import Launch
from pytest_onnxaccel.isolation.limits import Limits
from pytest_onnxaccel.isolation.orphan_reaper import OrphanReaper
from pytest_onnxaccel.isolation.supervisor import WorkerProcess

ort = pytest.importorskip("onnxruntime")

node = helper.make_node
Feeds = Mapping[str, np.ndarray]
REFERENCE = "pytest_onnxaccel.backends.onnx_tf.backend:OnnxTf"


class Loaded:
    """A model loaded in the worker."""

    def __init__(self, worker: WorkerProcess, said: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        self.worker, self.said, self.answer = worker, said, answer

    def run(self, feeds: Feeds) -> dict[str, np.ndarray]:
        """Outputs by the names of the original model."""
        request = {"op": "run", "session": self.answer["session"]}
        legal = {name: feeds[original] for name, original in self.said["inputs"].items()}
        found = self.worker.call("run", request, legal)["arrays"]
        return {self.said["outputs"][name]: array for name, array in found.items()}

    def time(self, feeds: Feeds, **plan: Any) -> dict[str, Any]:
        request = {"op": "time", "session": self.answer["session"], "plan": plan}
        legal = {name: feeds[original] for name, original in self.said["inputs"].items()}
        timing: dict[str, Any] = self.worker.call("time", request, legal)["timing"]
        return timing


class Host:
    """Starts workers in the legacy interpreter and loads prepared copies in them."""

    def __init__(self, python: str, folder: Path) -> None:
        self.python, self.folder = python, folder
        self.sentinel = OrphanReaper(str(folder))
        self.workers: list[WorkerProcess] = []
        self.count = 0

    def worker(self) -> WorkerProcess:
        command = environment.launcher(self.python)
        limits = Limits(seconds=300)
        launch = Launch(command, str(self.folder), OnnxTf.preload, legacy=True)
        started = WorkerProcess("onnx-tf", launch, self.sentinel, limits)
        self.workers.append(started)
        return started

    def load(self, worker: WorkerProcess, source: Path, **options: Any) -> Loaded:
        self.count += 1
        copy = self.folder / f"copy-{self.count}.onnx"
        said = prepare(str(source), str(copy))
        options = {"optimize": True, "threads": 1, "batch": None, **options}
        request = {"op": "load", "backend": REFERENCE, "path": str(copy), "options": options}
        return Loaded(worker, said, worker.call("load", request))


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    python = environment.interpreter("onnx-tf")
    if python is None and os.environ.get("ONNXACCEL_REQUIRE_ONNX_TF"):
        python = environment_build.build("onnx-tf")
    if python is None:
        pytest.skip("the environment onnx-tf is not built: python -m pytest_onnxaccel env onnx-tf")
    made = Host(python, tmp_path_factory.mktemp("onnx-tf"))
    yield made
    for worker in made.workers:
        worker.close()
    made.sentinel.close()


@pytest.fixture(scope="module")
def worker(host: Host) -> WorkerProcess:
    """One worker for all models without recurrent nodes."""
    return host.worker()


def expected(path: Path, feeds: Feeds) -> dict[str, np.ndarray]:
    options = ort.SessionOptions()
    options.log_severity_level = 4
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, dict(feeds)), strict=True))


def assert_agrees(loaded: Loaded, source: Path, feeds: Feeds, atol: float) -> None:
    want, got = expected(source, feeds), loaded.run(feeds)
    assert list(got) == list(want)
    for name, array in want.items():
        assert got[name].dtype == array.dtype
        np.testing.assert_allclose(got[name], array, rtol=0, atol=atol, err_msg=name)


def images(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)


def save(path: Path, nodes: list[onnx.NodeProto], opset: int = 13, **given: Any) -> Path:
    """A small model of float32 values with the input ``x``, 1x3x8x8 unless *shape* is given."""
    shape = given.get("shape", [1, 3, 8, 8])
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, given.get("result"))],
        [numpy_helper.from_array(value, name) for name, value in given.get("weights", {}).items()],
    )
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("my", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), path)
    return path


@pytest.mark.parametrize("name", ["version-RFB-320", "version-slim-320", "version-RFB-320_simplified"])
def test_real_detectors_agree(name: str, host: Host, worker: WorkerProcess, models_folder: Path) -> None:
    source = models_folder / "ulfd" / f"{name}.onnx"
    # Without the box decoding the outputs are unbounded, and so is their absolute difference
    atol = 2e-5 if name.endswith("_simplified") else 1e-6
    assert_agrees(host.load(worker, source), source, {"input": images(1, 3, 240, 320)}, atol)


CASES: dict[str, tuple[list[onnx.NodeProto], int, dict[str, np.ndarray]]] = {
    "softmax": ([node("Softmax", ["x"], ["y"], axis=1)], 13, {}),
    "softmax-9": ([node("Softmax", ["x"], ["y"], axis=1)], 9, {}),
    "slice": (
        [node("Slice", ["x", "a", "b", "c", "d"], ["y"])],
        13,
        {k: np.array(v) for k, v in {"a": [1, -1], "b": [8, -(2**63)], "c": [2, 3], "d": [2, -1]}.items()},
    ),
    "pad": ([node("Pad", ["x", "p"], ["y"])], 13, {"p": np.array([0, 0, 1, 2, 0, 0, 3, 4])}),
    "pad-reflect": (
        [node("Pad", ["x", "p"], ["y"], mode="reflect")],
        18,
        {"p": np.array([0, 0, 1, 2, 0, 0, 3, 4])},
    ),
    "resize-linear": (
        [node("Resize", ["x", "", "s"], ["y"], mode="linear")],
        13,
        {"s": np.array([1, 1, 2, 2], np.float32)},
    ),
    "resize-torch": (
        [
            node(
                "Resize",
                ["x", "", "s"],
                ["y"],
                mode="linear",
                coordinate_transformation_mode="pytorch_half_pixel",
            )
        ],
        19,
        {"s": np.array([1, 1, 2, 2], np.float32)},
    ),
    "upsample-9": (
        [node("Upsample", ["x", "s"], ["y"], mode="linear")],
        9,
        {"s": np.array([1, 1, 2, 2], np.float32)},
    ),
    "leaky-relu": ([node("LeakyRelu", ["x"], ["y"], alpha=0.2)], 17, {}),
    "gelu": ([node("Gelu", ["x"], ["y"])], 20, {}),
    "layer-norm": ([node("LayerNormalization", ["x", "w"], ["y"])], 17, {"w": np.ones(8, np.float32)}),
    "squeeze": (
        [node("Squeeze", ["x", "a"], ["s"]), node("Unsqueeze", ["s", "b"], ["y"])],
        13,
        {"a": np.array([0]), "b": np.array([1, -1])},
    ),
    "hardmax": ([node("Hardmax", ["x"], ["y"])], 13, {}),
}


@pytest.mark.parametrize("case", CASES)
def test_operators_agree(case: str, host: Host, worker: WorkerProcess, tmp_path: Path) -> None:
    nodes, opset, weights = CASES[case]
    source = save(tmp_path / "model.onnx", nodes, opset, weights=weights)
    assert_agrees(host.load(worker, source), source, {"x": images(1, 3, 8, 8)}, 2e-6)


def test_pad_taken_over_is_said(host: Host, worker: WorkerProcess, tmp_path: Path) -> None:
    nodes, opset, weights = CASES["pad"]
    loaded = host.load(worker, save(tmp_path / "model.onnx", nodes, opset, weights=weights))
    assert any("tf.pad" in line for line in loaded.answer["notes"])


@pytest.mark.parametrize("dynamo", [True, False], ids=["dynamo", "torchscript"])
def test_an_export_of_torch_agrees(dynamo: bool, host: Host, worker: WorkerProcess, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnxscript")
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, padding=1),
        torch.nn.BatchNorm2d(8),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(8, 8, 3, groups=8),
        torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(),
        torch.nn.Linear(8, 5),
        torch.nn.Softmax(-1),
    ).eval()
    source, example = tmp_path / "model.onnx", torch.rand(2, 3, 16, 16)
    given: dict[str, Any] = {"input_names": ["input.1"], "output_names": ["output:0"], "opset_version": 18}
    if dynamo:
        batch = ({0: torch.export.Dim("batch")},)
        torch.onnx.export(network, (example,), source, dynamo=True, dynamic_shapes=batch, verbose=False, **given)
    else:
        axes = {"input.1": {0: "batch"}}
        torch.onnx.export(network, (example,), source, dynamo=False, dynamic_axes=axes, **given)
    loaded = host.load(worker, source)
    assert loaded.said["from_opset"] == 18
    for size in (1, 5):
        assert_agrees(loaded, source, {"input.1": images(size, 3, 16, 16)}, 1e-6)


def test_order_and_case_of_names(host: Host, worker: WorkerProcess, tmp_path: Path) -> None:
    values = {name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in ("z", "Z", "b", "a")}
    nodes = [node("Sub", ["z", "Z"], ["b"]), node("Mul", ["b", "z"], ["a"])]
    graph = helper.make_graph(nodes, "g", [values["z"], values["Z"]], [values["b"], values["a"]])
    source = tmp_path / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=9), source)
    feeds = {"z": np.array([5, 6], np.float32), "Z": np.array([2, 4], np.float32)}
    assert_agrees(host.load(worker, source), source, feeds, 0)


def lstm(path: Path, seed: int, direction: str = "forward") -> Path:
    rng = np.random.default_rng(seed)
    ways = 1 + (direction == "bidirectional")
    weights = {
        "w": rng.normal(size=(ways, 20, 6)).astype(np.float32),
        "r": rng.normal(size=(ways, 20, 5)).astype(np.float32),
        "b": rng.normal(size=(ways, 40)).astype(np.float32),
    }
    nodes = [node("LSTM", ["x", "w", "r", "b"], ["y"], hidden_size=5, direction=direction)]
    return save(path, nodes, 14, weights=weights, shape=[7, 2, 6])


@pytest.mark.parametrize("direction", ["forward", "bidirectional"])
def test_one_recurrent_model_agrees_in_a_fresh_process(direction: str, host: Host, tmp_path: Path) -> None:
    source = lstm(tmp_path / "model.onnx", 1, direction)
    loaded = host.load(host.worker(), source)
    assert_agrees(loaded, source, {"x": images(7, 2, 6)}, 1e-6)
    second = lstm(tmp_path / "second.onnx", 2, direction)
    with pytest.raises(BackendUnavailable, match="weights of the recurrent model loaded before it"):
        host.load(loaded.worker, second)


@pytest.mark.parametrize(
    ("nodes", "opset", "named"),
    [
        ([node("DFT", ["x"], ["y"], axis=2)], 17, "onnx-tf has no operator DFT (opset 17)"),
        ([node("Odd", ["x"], ["y"], domain="my")], 13, "onnx-tf has no operator my.Odd (opset 13)"),
        ([node("Resize", ["x", "", "s"], ["y"], mode="cubic")], 13, "Resize at opset 15: Resize mode=cubic"),
    ],
    ids=["operator", "domain", "attribute"],
)
def test_what_onnx_tf_lacks_is_named(
    nodes: list[onnx.NodeProto], opset: int, named: str, host: Host, worker: WorkerProcess, tmp_path: Path
) -> None:
    weights = {"s": np.array([1, 1, 2, 2], np.float32)} if nodes[0].op_type == "Resize" else {}
    source = save(tmp_path / "model.onnx", nodes, opset, weights=weights)
    with pytest.raises(ModelError) as caught:
        host.load(worker, source)
    assert caught.value.code == "E_SCHEMA"
    assert named.replace("opset 13)", "opset 15)") in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("array", "cause"),
    [
        (images(10, 3, 8, 8), "input 'x' is 1x3x8x8, was given 10x3x8x8"),
        (images(1, 3, 8, 8).astype(np.float64), "input 'x' is float32, was given float64"),
    ],
    ids=["batch", "dtype"],
)
def test_inputs_that_are_not_declared_are_refused(
    array: np.ndarray, cause: str, host: Host, worker: WorkerProcess, tmp_path: Path
) -> None:
    loaded = host.load(worker, save(tmp_path / "model.onnx", [node("Relu", ["x"], ["y"])]))
    with pytest.raises(ModelError, match=cause) as caught:
        loaded.run({"x": array})
    assert caught.value.code == "E_INPUT"


def test_a_failing_run_is_one_line(host: Host, worker: WorkerProcess, tmp_path: Path) -> None:
    nodes = [node("Reshape", ["x", "s"], ["y"])]
    source = save(tmp_path / "model.onnx", nodes, shape=["n"], weights={"s": np.array([2, 3])}, result=[2, 3])
    loaded = host.load(worker, source)
    with pytest.raises(ModelError, match="TensorFlow failed on these inputs") as caught:
        loaded.run({"x": images(5)})
    assert caught.value.code == "E_RUN"
    assert "\n" not in str(caught.value)


def test_facts_and_timing(host: Host, worker: WorkerProcess, tmp_path: Path) -> None:
    loaded = host.load(worker, save(tmp_path / "model.onnx", [node("Relu", ["x"], ["y"])]))
    facts = loaded.answer["facts"]
    assert facts["device"] == "CPU"
    assert facts["threads"] == 1
    assert facts["path"] == "frozen graph in a tf.Session"
    assert set(facts["versions"]) == {"onnx", "onnx-tf", "tensorflow"}
    timing = loaded.time({"x": images(1, 3, 8, 8)}, samples=20, warmup=3, seconds=2.0, least=5)
    assert len(timing["wall_ns"]) == 20
    assert all(value > 0 for value in timing["wall_ns"])


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="needs /proc")
def test_threads_belong_to_the_session_not_to_the_process(
    host: Host, worker: WorkerProcess, models_folder: Path
) -> None:
    """CPU time over wall time stays at one for a one-thread session, whatever ran before it."""
    source, feeds = models_folder / "ulfd" / "version-RFB-320.onnx", {"input": images(1, 3, 240, 320)}
    plan = {"samples": 30, "warmup": 5, "seconds": 5.0, "least": 5}
    for threads in (None, 1):
        timing = host.load(worker, source, threads=threads).time(feeds, **plan)
        share = sum(timing["cpu_ns"]) / sum(timing["wall_ns"])
    assert share < 1.1


def test_availability_is_told_without_starting_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONNXACCEL_CACHE", str(tmp_path))
    monkeypatch.delenv("ONNXACCEL_PYTHON_ONNX_TF", raising=False)
    found = OnnxTf().availability()
    assert not found.ok
    assert found.remedy == "python -m pytest_onnxaccel env onnx-tf"
    assert "/nowhere/python" in OnnxTf("/nowhere/python").availability().reason


@pytest.mark.parametrize("operators", [{"LSTM": 2}, {"GRU": 1, "LSTM": 1, "Relu": 9}])
def test_several_recurrent_nodes_are_refused_by_name(operators: dict[str, int]) -> None:
    with pytest.raises(ModelError, match="recurrent") as caught:
        OnnxTf().prepare(operators, 17)
    assert caught.value.code == "E_SCHEMA"
    assert all(name in str(caught.value) for name in operators if name != "Relu")


def test_what_the_host_is_told() -> None:
    backend = OnnxTf()
    ask: Callable[[Mapping[str, int]], bool] = backend.fresh_process_per_model
    assert backend.prepare({"Conv": 3, "LSTM": 1}, 17) == "legacy"
    assert ask({"Conv": 1, "RNN": 1})
    assert not ask({"Conv": 1})
