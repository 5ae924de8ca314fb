"""Preprocessing moved into the graph: proven where it is right, refuted at the border where zeros are padded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from pytest_onnxaccel.backends.lookup import backend
from pytest_onnxaccel.backends.protocol import LoadOptions, Session
from pytest_onnxaccel.checks.conversion.folded_preprocessing import FoldedModel, foldin
from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.graph.fold_preprocessing.fold import fold_into_first_conv, prepend, tap
from pytest_onnxaccel.runner.conversion.fold_preprocessing import fold_in

Image = NDArray[np.uint8]

SAME = ([127.0], [1 / 128])
DIFFERENT = ([127.0, 120.0, 107.0], [1 / 128, 1 / 127, 1 / 120])


def session(path: Path) -> Session:
    return backend("ort-cpu").load(str(path), LoadOptions(threads=1))


def images(count: int = 2) -> list[Image]:
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (240, 320, 3), np.uint8) for _ in range(count)]


def normalise(mean: list[float], scale: list[float], swapped: bool = False) -> Callable[[Image], NDArray[np.float32]]:
    """The reference preprocessing, written plainly."""

    def preprocess(image: Image) -> NDArray[np.float32]:
        ordered = image[..., ::-1] if swapped else image
        result = (ordered - np.array(mean)) * np.array(scale)
        return result.transpose(2, 0, 1)[None].astype(np.float32)

    return preprocess


def naive(source: Path, target: Path) -> None:
    """Mean and scale folded into weights and bias, while the convolution goes on padding zeros."""
    fold_into_first_conv(str(source), str(target), *SAME)
    model = onnx.load(target)
    pad = next(node for node in model.graph.node if node.op_type == "Pad")
    conv = next(node for node in model.graph.node if pad.output[0] in node.input)
    conv.input[0] = pad.input[0]
    next(a for a in conv.attribute if a.name == "pads").ints[:] = [1, 1, 1, 1]
    model.graph.node.remove(pad)
    onnx.save(model, target)


def judged(source: Path, target: Path, firsts: bool = False, **more: bool) -> CheckResult:
    """The check on *target*, with the sessions of both first convolutions when asked."""
    mean, scale = DIFFERENT if more.pop("different", False) else SAME
    cut = None
    if firsts:
        output = next(n for n in onnx.load(source).graph.node if n.op_type == "Conv").output[0]
        paths = [target.with_name(f"first-{i}.onnx") for i in range(2)]
        for path, model in zip(paths, (source, target), strict=True):
            tap(str(model), str(path), output)
        cut = (session(paths[0]), session(paths[1]))
    pair = FoldedModel(session(source), session(target), normalise(mean, scale, **more), firsts=cut)
    return foldin("slim", "ort-cpu", pair, images())


@pytest.fixture
def slim(shipped: Path) -> Path:
    return shipped / "slim-320.onnx"


@pytest.mark.parametrize("different", [False, True])
@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("fold", [prepend, fold_into_first_conv])
def test_a_right_fold_is_proven(
    fold: Callable[..., dict[str, object]], swapped: bool, different: bool, slim: Path, tmp_path: Path
) -> None:
    target = tmp_path / "folded.onnx"
    mean, scale = DIFFERENT if different else SAME
    told = fold(str(slim), str(target), mean, scale, channel_order="reversed" if swapped else "same")
    onnx.checker.check_model(str(target), full_check=True)
    result = judged(slim, target, swapped=swapped, different=different)
    assert result.verdict is Verdict.PASSED, result
    assert told["method"] in ("prepend", "sub" if different else "pad")
    assert result.figures["max_abs"] < 1e-5


@pytest.mark.parametrize("layout", ["HWC", "NHWC", "NCHW"])
def test_layouts_of_the_new_input(layout: str, slim: Path, tmp_path: Path) -> None:
    target = tmp_path / "folded.onnx"
    prepend(str(slim), str(target), *SAME, layout=layout)
    taken = session(target).info.inputs[0]
    assert taken.dtype == "uint8"
    assert taken.shape == {"HWC": (240, 320, 3), "NHWC": (1, 240, 320, 3), "NCHW": (1, 3, 240, 320)}[layout]
    assert judged(slim, target).verdict is Verdict.PASSED


def test_a_fold_into_a_zero_padded_convolution_fails_at_the_border(slim: Path, tmp_path: Path) -> None:
    target = tmp_path / "naive.onnx"
    naive(slim, target)
    result = judged(slim, target, firsts=True)
    assert (result.verdict, result.code, result.figures["kind"]) == (Verdict.FAILED, "V_PREPROCESSING", "border")
    assert result.message.startswith("border: wrong only at the edge")
    # The outputs of a detector no longer tell where
    assert judged(slim, target).figures["kind"] == "other"


def test_other_mistakes_have_their_kind(slim: Path, tmp_path: Path) -> None:
    target = tmp_path / "folded.onnx"
    prepend(str(slim), str(target), *SAME, channel_order="reversed")
    assert judged(slim, target, firsts=True).figures["kind"] == "channel-swap"
    prepend(str(slim), str(target), [128.0], SAME[1])
    assert judged(slim, target, firsts=True).figures["kind"] == "scale"


def conv_model(path: Path, **attributes: object) -> Path:
    """One Conv with its bias, groups and padding as given, on an input of 9 x 12 with 4 channels."""
    random = np.random.default_rng(1)
    group = int(str(attributes.get("group", 1)))
    weights = random.normal(size=(4, 4 // group, 3, 3)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["y"], **attributes)],
        "conv",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 4, 9, 12])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [onnx.numpy_helper.from_array(weights, "w")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path


@pytest.mark.parametrize(
    ("attributes", "method"),
    [
        ({"pads": [1, 1, 1, 1]}, "pad"),
        ({"pads": [2, 0, 1, 1], "strides": [2, 2]}, "pad"),
        ({"auto_pad": "SAME_UPPER", "strides": [2, 2]}, "pad"),
        ({"auto_pad": "SAME_LOWER", "strides": [2, 3]}, "pad"),
        ({"auto_pad": "VALID"}, "plain"),
        ({"pads": [1, 1, 1, 1], "group": 4}, "pad"),
        ({"group": 2}, "plain"),
        ({}, "plain"),
    ],
)
@pytest.mark.parametrize("different", [False, True])
def test_padding_groups_and_a_missing_bias(
    attributes: dict[str, object], method: str, different: bool, tmp_path: Path
) -> None:
    source, target = conv_model(tmp_path / "conv.onnx", **attributes), tmp_path / "folded.onnx"
    mean = [104.0, 117.0, 123.0, 90.5] if different else [127.0]
    scale = [1 / 57, 1 / 58, 1 / 59, 1 / 60] if different else [1 / 128]
    told = fold_into_first_conv(str(source), str(target), mean, scale)
    assert told["method"] == ("sub" if different and method == "pad" else method)
    random = np.random.default_rng(2)
    pictures = [random.integers(0, 256, (9, 12, 4), np.uint8) for _ in range(3)]
    pair = FoldedModel(session(source), session(target), normalise(mean, scale))
    result = foldin("conv", "ort-cpu", pair, pictures)
    assert result.verdict is Verdict.PASSED, result


def test_what_cannot_be_folded_says_so(slim: Path, tmp_path: Path) -> None:
    target = str(tmp_path / "folded.onnx")
    with pytest.raises(ModelError, match="mean has 2 values, the input 'input' 3 channels"):
        prepend(str(slim), target, [1.0, 2.0], [1.0])
    with pytest.raises(ModelError, match="'CHW' is not a layout"):
        prepend(str(slim), target, *SAME, layout="CHW")
    with pytest.raises(ModelError, match="no input 'image' that is"):
        prepend(str(slim), target, *SAME, name="image")
    prepend(str(slim), target, *SAME)
    with pytest.raises(ModelError, match="no input that is N x C x H x W of floats"):
        fold_into_first_conv(target, str(tmp_path / "again.onnx"), *SAME)
    grouped = conv_model(tmp_path / "conv.onnx", group=2)
    with pytest.raises(ModelError, match="has groups, whose channels cannot be reversed - put the preprocessing"):
        fold_into_first_conv(str(grouped), target, *SAME, channel_order="reversed")


def test_fold_in_writes_what_it_has_proven(slim: Path, tmp_path: Path) -> None:
    for method in ("prepend", "conv"):
        target = tmp_path / f"{method}.onnx"
        result = fold_in(slim, target, normalise(*SAME), *SAME, method=method)
        assert result.verdict is Verdict.PASSED, result
        assert session(target).info.inputs[0].dtype == "uint8"
    refuted = fold_in(slim, tmp_path / "wrong.onnx", normalise([128.0], SAME[1]), *SAME, method="conv")
    assert (refuted.code, refuted.figures["kind"]) == ("V_PREPROCESSING", "scale")
    assert not (tmp_path / "wrong.onnx").exists()


@pytest.mark.parametrize("layout", ["HWC", "NHWC"])
@pytest.mark.parametrize("fold", [prepend, fold_into_first_conv])
def test_an_old_model_lists_its_weights_as_inputs(
    fold: Callable[..., dict[str, object]], layout: str, tmp_path: Path
) -> None:
    model = onnx.load(conv_model(tmp_path / "conv.onnx", pads=[1, 1, 1, 1]))
    model.opset_import[0].version, model.ir_version = 8, 3
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    model.graph.input.append(helper.make_tensor_value_info("w", TensorProto.FLOAT, [4, 4, 3, 3]))
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4, 9, 12]))
    source, target = tmp_path / "old.onnx", tmp_path / "folded.onnx"
    onnx.save(model, source)
    fold(str(source), str(target), *SAME, layout=layout)
    onnx.checker.check_model(str(target), full_check=True)
    picture = np.random.default_rng(2).integers(0, 256, (9, 12, 4), np.uint8)
    pair = FoldedModel(session(source), session(target), normalise(*SAME))
    result = foldin("conv", "ort-cpu", pair, [picture])
    assert result.verdict is Verdict.PASSED, result
