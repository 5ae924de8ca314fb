"""What an export makes of borders and sizes, against its PyTorch source: the node and its attribute are named."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from pytest_onnxaccel.core.results import Verdict
from pytest_onnxaccel.runner.conversion.convert import convert_source
from suites.localise.borders import OPTIONS, assert_named, judged, with_attribute


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, onnx.ModelProto]:
    """A source with every kind of border, and its export."""
    torch = pytest.importorskip("torch")
    nn = torch.nn
    torch.manual_seed(1)
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2, ceil_mode=True),
        nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(), nn.AvgPool2d(3, 2, padding=1, count_include_pad=False),
        nn.Upsample(scale_factor=2, mode="bilinear"), nn.ReflectionPad2d(1), nn.Conv2d(8, 4, 3),
    ).eval()  # fmt: skip
    path = tmp_path_factory.mktemp("borders") / "net.pt"
    torch.jit.trace(net, torch.randn(1, 3, 33, 33)).save(str(path))
    convert_source(path, path.with_suffix(".onnx"), inputs=["x:float32:1x3x33x33"], outputs=["y"], options=OPTIONS)
    return path, onnx.load(path.with_suffix(".onnx"))


FAULTS = {
    "padding moved to one end": ("pads", with_attribute("Conv", "pads", [0, 0, 2, 2])),
    "padding of a later layer": ("pads", with_attribute("Conv", "pads", [2, 2, 0, 0], 1)),
    "padding counted in a mean": ("count_include_pad", with_attribute("AveragePool", "count_include_pad", 1)),
    "aligned corners": ("coordinate_transformation_mode", with_attribute(
        "Resize", "coordinate_transformation_mode", "align_corners"
    )),
    "nearest pixels": ("mode", with_attribute("Resize", "mode", "nearest")),
    "an edge that is not reflected": ("mode", with_attribute("Pad", "mode", "edge")),
}  # fmt: skip


def test_the_export_itself_passes(exported: tuple[Path, onnx.ModelProto], tmp_path: Path) -> None:
    found = judged(*exported, tmp_path)
    assert found.verdict is Verdict.PASSED, str(found)


@pytest.mark.parametrize("name", FAULTS)
def test_the_node_and_what_changed_are_named(name: str, exported: tuple[Path, onnx.ModelProto], tmp_path: Path) -> None:
    assert_named(FAULTS[name], *exported, tmp_path)
