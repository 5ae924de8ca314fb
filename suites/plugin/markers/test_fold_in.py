"""A preprocessing folded into its graph, by marker and by manifest: proven, written, refuted, refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from pytest_onnxaccel.config.manifest import read_folds
from pytest_onnxaccel.core.errors import ConfigError

pytest_plugins = ("pytester",)

FUNCTIONS = """
import numpy as np

def normalise(image):
    return ((image - np.float32(127)) / 128).transpose(2, 0, 1)[None].astype(np.float32)

def other_mean(image):
    return ((image - np.float32(120)) / 128).transpose(2, 0, 1)[None].astype(np.float32)

def photos():
    return [np.full((8, 8, 3), level, np.uint8) for level in (0, 90, 255)]
"""
TABLE = """
[fold_in.camera]
model = "net.onnx"
preprocess = "steps:normalise"
mean = 127
scale = 0.0078125
"""


def network() -> onnx.ModelProto:
    """A padded convolution over three channels of 8 x 8."""
    weights = np.random.default_rng(0).normal(size=(4, 3, 3, 3)).astype(np.float32)
    node = helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1])
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, depth, 8, 8]) for name, depth in (("x", 3), ("y", 4))
    ]
    graph = helper.make_graph([node], "net", ends[:1], ends[1:], [numpy_helper.from_array(weights, "w")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.fixture
def project(pytester: pytest.Pytester) -> Path:
    (pytester.path / "steps.py").write_text(FUNCTIONS)
    (pytester.path / "pytest.ini").write_text("[pytest]\npythonpath = .\n")
    onnx.save(network(), pytester.path / "net.onnx")
    return pytester.path


def test_a_manifest_proves_and_writes(project: Path, pytester: pytest.Pytester) -> None:
    (project / "onnxaccel.toml").write_text(TABLE + 'target = "net-uint8.onnx"\n')
    result = pytester.runpytest_subprocess("--onnx-report=out.json", "-v")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["onnxaccel fold_in: camera (*", "onnxaccel.toml::camera::foldin PASSED*"])
    assert (project / "net-uint8.onnx").is_file()
    row = json.loads((project / "out.json").read_text())["results"][0]
    assert (row["model"], row["check"], row["verdict"]) == ("camera", "foldin", "passed")


def test_the_page_runs(project: Path, pytester: pytest.Pytester) -> None:
    page = (Path(__file__).parents[3] / "docs" / "preprocessing.md").read_text(encoding="utf-8")
    section = page.partition("## Preprocessing inside the model")[2].partition("\n## ")[0]
    table = section.partition("```toml\n")[2].partition("```")[0]
    marker = section.partition("```python\n@pytest")[2].partition("```")[0]
    (project / "onnxaccel.toml").write_text(table)
    (project / "test_it.py").write_text(f"import pytest\n@pytest{marker}")
    (project / "train").mkdir()
    (project / "train" / "data.py").write_text(FUNCTIONS)
    (project / "net.onnx").rename(project / "model.onnx")
    pytester.runpytest_subprocess().assert_outcomes(passed=2)
    assert (project / "model-uint8.onnx").is_file()


def test_an_id_runs_alone_and_writes_nothing(project: Path, pytester: pytest.Pytester) -> None:
    twin = TABLE.replace("camera", "other").replace("normalise", "other_mean")
    (project / "onnxaccel.toml").write_text(TABLE + twin)
    pytester.runpytest_subprocess("onnxaccel.toml::camera::foldin").assert_outcomes(passed=1)
    failed = pytester.runpytest_subprocess("onnxaccel.toml::other::foldin")
    failed.assert_outcomes(failed=1)
    failed.stdout.fnmatch_lines(["*V_PREPROCESSING*"])
    assert sorted(path.name for path in project.glob("*.onnx")) == ["net.onnx"]


def test_a_marker_takes_functions_and_images(project: Path, pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        import pytest
        from steps import normalise, photos

        @pytest.mark.fold_in(model="net.onnx", preprocess=normalise, mean=127, scale=1 / 128, images=photos())
        def test_right(): ...

        @pytest.mark.fold_in(model="net.onnx", preprocess="steps:other_mean", mean=[127] * 3, scale=1 / 128,
                             images="steps:photos", method="conv", target="wrong.onnx")
        def test_wrong(): ...

        @pytest.mark.fold_in(model="gone.onnx", preprocess=normalise, mean=127, scale=1 / 128)
        def test_gone(): ...
    """)
    result = pytester.runpytest_subprocess("-rA")
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(["*V_PREPROCESSING*", "*gone.onnx*"])
    assert not (project / "wrong.onnx").exists()


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ('model="net.onnx"', "names no preprocess"),
        ('model="net.pb", preprocess=len, mean=1, scale=1', "'net.pb' is not an .onnx file"),
        ('model="net.onnx", preprocess=len, mean="1", scale=1', "'1' is not a number for each channel"),
        ('model="net.onnx", preprocess=len, mean=1, scale=float("nan")', "nan is not finite"),
        ('model="net.onnx", preprocess=len, mean=1, scale=1, method="both"', "'both' is not a method"),
        ('model="net.onnx", preprocess=len, mean=1, scale=1, layout="CHWN"', "'CHWN' is not a layout"),
        ('model="net.onnx", preprocess=len, mean=1, scale=1, std=2', "has no argument 'std'"),
    ],
)
def test_a_marker_that_cannot_be_used(said: str, told: str, project: Path, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(f"import pytest\n@pytest.mark.fold_in({said})\ndef test_it(): ...\n")
    result = pytester.runpytest_subprocess()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{told}*"])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (TABLE.replace("mean = 127\n", ""), r"\[fold_in.camera\] has no mean"),
        (TABLE + "std = 1\n", "'std' is not a key"),
        (TABLE + 'channel_order = "BGR"\n', "'BGR' is not a channel order"),
        (TABLE.replace('"net.onnx"', "1"), "1 is not the path"),
        ("fold_in = 3\n", "fold_in is 3"),
    ],
)
def test_a_manifest_that_cannot_be_used(text: str, told: str, tmp_path: Path) -> None:
    file = tmp_path / "onnxaccel.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=told):
        read_folds(file)
    file.write_text(TABLE)
    assert [spec.name for spec in read_folds(file)] == ["camera"]
