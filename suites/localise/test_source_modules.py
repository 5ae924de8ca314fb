"""Results of torch modules against an export: the first module that the export lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from fixtures import faults
from pytest_onnxaccel.core.specs import ModelSpec
from pytest_onnxaccel.runner.localise.describe import Finding
from pytest_onnxaccel.runner.localise.source_modules import localise_source
from pytest_onnxaccel.runner.request import RunOptions
from pytest_onnxaccel.runner.runner import Runner
from pytest_onnxaccel.runner.sessions.comparison_sides import ComparisonSide
from suites.localise.planting import copied

Recorded = list[tuple[str, np.ndarray]]


@pytest.fixture(scope="module")
def source() -> tuple[np.ndarray, Recorded]:
    """An image, and what each module of the detector makes of it, in the order of execution."""
    torch = pytest.importorskip("torch")
    from fixtures.detectors import build_rfb

    model = build_rfb().eval()
    recorded: Recorded = []

    def hook(name: str) -> Any:
        def record(module: Any, given: Any, result: Any) -> None:
            first = result[0] if isinstance(result, tuple) else result
            recorded.append((name, first.detach().numpy().copy()))

        return record

    for name, module in model.named_modules():
        module.register_forward_hook(hook(name))
    image = np.random.default_rng(0).uniform(-1, 1, (1, 3, 240, 320)).astype(np.float32)
    with torch.no_grad():
        model(torch.from_numpy(image))
    return image, recorded


@pytest.fixture
def localised(source: tuple[np.ndarray, Recorded], tmp_path: Path) -> Iterator[Callable[..., Finding]]:
    made: list[Runner] = []

    def run(model: onnx.ModelProto, recorded: Any = None, **more: Any) -> Finding:
        path = tmp_path / "export.onnx"
        path.write_bytes(model.SerializeToString())
        made.append(Runner([ModelSpec("m", str(path), "m")], {"m": ("ort-cpu",)}, RunOptions(in_process=True)))
        side = ComparisonSide("export", made[-1].model_sessions.of("m"), "ort-cpu")
        return localise_source(side, recorded or source[1], {"input": source[0]}, **more)

    yield run
    for runner in made:
        runner.close()


@pytest.fixture
def good(shipped: Path) -> onnx.ModelProto:
    return onnx.load(shipped / "rfb-320.onnx")


def test_a_right_export_lost_no_module(localised: Callable[..., Finding], good: onnx.ModelProto) -> None:
    found = localised(good)
    assert found.clause == ""
    assert found.details == ("not localised: every module that has a value of its own in the graph agrees with it",)
    assert (found.figures["modules"], found.figures["values"]) == (156, 122)


def test_a_wrong_weight_is_its_module_with_what_was_folded_into_it(
    localised: Callable[..., Finding], good: onnx.ModelProto
) -> None:
    wrong = faults.scale_channel(good, weight="base_net.7.branch1.1.conv.weight")
    found = localised(wrong)
    assert found.clause == "; origin: module base_net.7.branch1.1.bn"
    assert found.figures["origin"]["since"] == ["base_net.7.branch1.1.conv"]
    assert found.figures["origin"]["node"]["name"] == "node_Conv_599"
    assert found.figures["origin"]["agreeing"] > 40
    assert localised(wrong, cap=4 << 20).figures["origin"]["module"] == "base_net.7.branch1.1.bn", "in chunks as well"


def test_a_module_that_became_another(localised: Callable[..., Finding], good: onnx.ModelProto) -> None:
    wrong = copied(good)
    node = next(node for node in wrong.graph.node if node.name == "node_relu_10")
    node.op_type = "Abs"
    assert localised(wrong).figures["origin"]["module"] == "base_net.5.5"


def test_a_function_between_modules_is_named_with_the_next_module(
    localised: Callable[..., Finding], good: onnx.ModelProto
) -> None:
    wrong = copied(good)
    node = next(node for node in wrong.graph.node if node.name == "node_cat")
    node.input[:] = [node.input[1], node.input[0], *node.input[2:]]
    told = localised(wrong).figures["origin"]
    assert told["module"] == "base_net.7.ConvLinear.bn"
    assert "node_cat" in [node["name"] for node in told["nodes"]]


def test_results_by_path_and_several_calls(
    localised: Callable[..., Finding], good: onnx.ModelProto, source: tuple[np.ndarray, Recorded]
) -> None:
    by_path: dict[str, Any] = {}
    for path, array in source[1]:
        by_path.setdefault(path, []).append(array)
    assert localised(good, by_path).figures["modules"] == 156
    wrong = faults.scale_channel(good, weight="base_net.7.branch1.1.conv.weight")
    single = {path: arrays[0] for path, arrays in by_path.items()}
    assert localised(wrong, single).figures["origin"]["module"] == "base_net.7.branch1.1.bn"
