"""What a conversion makes of borders and sizes, against its TensorFlow source: node and attribute are named."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from pytest_onnxaccel.core.results import Verdict
from pytest_onnxaccel.runner.conversion.convert import convert_source
from suites.localise.borders import OPTIONS, assert_named, judged, with_attribute

#: The kernel of TensorFlow's SAME lies elsewhere than PyTorch's for even sizes, and that is what goes wrong.
FAULTS = {
    "padding moved to one end": ("pads", with_attribute("Conv", "pads", [0, 0, 2, 2])),
    "padding of a depthwise layer": ("pads", with_attribute("Conv", "pads", [2, 2, 0, 0], 1)),
    "explicit padding at the other end": ("pads", with_attribute("Conv", "pads", [1, 1, 0, 0], 2)),
    "SAME as PyTorch places its strides": ("pads", with_attribute("AveragePool", "pads", [1, 1, 0, 0])),
    "padding counted in a mean": ("count_include_pad", with_attribute("AveragePool", "count_include_pad", 1)),
    "a pooling window at the other end": ("pads", with_attribute("MaxPool", "pads", [0, 0, 2, 2])),
    "aligned corners": ("coordinate_transformation_mode", with_attribute(
        "Resize", "coordinate_transformation_mode", "align_corners"
    )),
}  # fmt: skip


@pytest.fixture(scope="module", params=["net.keras", "saved"])
def converted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, onnx.ModelProto]:
    """A source with every kind of border, as a Keras file and as a SavedModel, and its conversion."""
    keras = pytest.importorskip("keras")
    pytest.importorskip("tf2onnx")
    keras.utils.set_random_seed(3)
    layers, start = keras.layers, keras.layers.Input((33, 33, 3), name="x")
    y = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(start)
    y = layers.DepthwiseConv2D(3, strides=2, padding="same")(y)
    y = layers.ZeroPadding2D(((0, 1), (0, 1)))(y)
    y = layers.Conv2D(8, 3, strides=2, padding="valid")(y)
    y = layers.UpSampling2D(2, interpolation="bilinear")(y)
    y = layers.AveragePooling2D(3, 2, padding="same")(y)
    y = layers.MaxPooling2D(3, 1, padding="same")(y)
    net = keras.Model(start, layers.Conv2D(4, 1)(y))
    path = tmp_path_factory.mktemp("borders") / request.param
    if path.suffix:
        net.save(path)
    else:
        net.export(path, verbose=False)
    convert_source(path, path.parent / "net.onnx", options=OPTIONS)
    return path, onnx.load(path.parent / "net.onnx")


def test_the_conversion_itself_passes(converted: tuple[Path, onnx.ModelProto], tmp_path: Path) -> None:
    found = judged(*converted, tmp_path)
    assert found.verdict is Verdict.PASSED, str(found)


@pytest.mark.parametrize("name", FAULTS)
def test_the_node_and_what_changed_are_named(
    name: str, converted: tuple[Path, onnx.ModelProto], tmp_path: Path
) -> None:
    assert_named(FAULTS[name], *converted, tmp_path)
