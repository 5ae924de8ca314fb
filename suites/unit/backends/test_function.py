"""A function as a session: what it is called with, what it may give, and one line for each misuse."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_onnxaccel.backends.function.backend import FunctionBackend
from pytest_onnxaccel.backends.function.values import named_arrays
from pytest_onnxaccel.backends.protocol import LoadOptions, Session, SourceOptions
from pytest_onnxaccel.core.errors import ConfigError, ModelError, OnnxAccelError
from pytest_onnxaccel.core.specs import TensorSpec, TimingPlan

X = TensorSpec("x", "float32", ("N", 4))
OUTPUTS = (TensorSpec("label", "int64", ("N",)), TensorSpec("p", "float32", ("N", 3)))
FEEDS = {"x": np.ones((2, 4), np.float32)}


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Session]:
    """``opened(code, name)``: a session of that function of a new module of this code."""
    monkeypatch.setattr("sys.path", list(__import__("sys").path))
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    numbers = iter(range(100))

    def load(code: str, name: str = "{module}:predict", outputs: Any = OUTPUTS) -> Session:
        module = f"{tmp_path.name.replace('-', '_')}_{next(numbers)}"
        (tmp_path / f"{module}.py").write_text("import numpy as np\n" + code)
        names = tuple(spec.name for spec in outputs)
        source = SourceOptions("function", import_paths=(str(tmp_path),), inputs=(X,), outputs=names, declared=outputs)
        return FunctionBackend().load(name.format(module=module), LoadOptions(source=source))

    return load


def test_arrays_by_name_in_and_out_in_the_models_order(opened: Callable[..., Session]) -> None:
    session = opened(
        "def predict(inputs):\n    x = inputs['x']\n    return {'p': x[:, :3], 'label': np.arange(len(x))}\n"
    )
    found = session.run(FEEDS)
    assert list(found) == ["label", "p"]
    assert found["label"].tolist() == [0, 1]
    # The batch that it is given, whatever it is
    assert session.run({"x": np.ones((5, 4), np.float32)})["p"].shape == (5, 3)
    assert session.time(FEEDS, TimingPlan(samples=3, warmup=1, seconds=0.1)).wall_ns
    session.close()
    with pytest.raises(ModelError, match="closed"):
        session.run(FEEDS)


def test_a_tuple_is_in_the_models_order_and_one_array_is_the_only_output(opened: Callable[..., Session]) -> None:
    pair = opened("def predict(inputs):\n    x = inputs['x']\n    return np.arange(len(x)), x[:, :3]\n")
    assert list(pair.run(FEEDS)) == ["label", "p"]
    one = opened("def predict(inputs):\n    return inputs['x'][:, :3]\n", outputs=OUTPUTS[1:])
    assert one.run(FEEDS)["p"].shape == (2, 3)


def test_it_may_write_into_what_it_is_given(opened: Callable[..., Session]) -> None:
    session = opened(
        "def predict(inputs):\n    inputs['x'] *= 2\n    return {'label': np.arange(2), 'p': inputs['x'][:, :3]}\n"
    )
    assert session.run(FEEDS)["p"][0, 0] == session.run(FEEDS)["p"][0, 0] == 2
    assert FEEDS["x"][0, 0] == 1


def test_files_are_found_from_the_repository(opened: Callable[..., Session], tmp_path: Path) -> None:
    np.save(tmp_path / "w.npy", np.full((4, 3), 2, np.float32))
    session = opened(
        "W = np.load('w.npy')\ndef predict(inputs):\n    return np.arange(2), inputs['x'] @ np.load('w.npy')\n"
    )
    assert session.run(FEEDS)["p"][0, 0] == 8


class OfAnotherLibrary:
    """What JAX, PyTorch and pandas give: no array of NumPy, but it makes one."""

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.ones((2, 3), np.float32)


def test_arrays_of_other_libraries_texts_and_maps() -> None:
    p = OUTPUTS[1:]
    assert named_arrays(OfAnotherLibrary(), p)["p"].shape == (2, 3)
    assert named_arrays(np.ones((2, 3), ">f4"), p)["p"].dtype.isnative
    text = named_arrays(np.array(["a", "b"]), [TensorSpec("t", "string", ("N",))])["t"]
    assert (text.dtype, text.tolist()) == (np.dtype(object), ["a", "b"])
    # As a runtime gives what ZipMap makes: a list of maps
    zipped = [TensorSpec("label", "int64", ("N",)), TensorSpec("p", "", None, "sequence")]
    rows = [{np.int64(1): np.float64(0.25), np.int64(0): np.float64(0.75)}] * 2
    found = named_arrays((np.zeros(2, np.int64), rows), zipped)
    assert list(found) == ["label", "p[0, 1]"]
    assert (found["p[0, 1]"].dtype, found["p[0, 1]"].tolist()) == (np.dtype("float32"), [[0.75, 0.25]] * 2)


@pytest.mark.parametrize(
    ("result", "says"),
    [
        ({"label": 0}, "gives the outputs ['label'], the model declares ['label', 'p']"),
        ({"labl": 0, "p": 0}, "did you mean 'label'?"),
        ((1, 2, 3), "gives a tuple of 3, the model declares 2 outputs ['label', 'p']"),
        (np.ones(3), "gives one array, the model declares 2 outputs"),
        (None, "gives nothing (None), the model declares ['label', 'p'] - return the outputs"),
        ((np.zeros(2, np.int64), [[1.0]]), "gives list for output 'p', which is not an array - make it an array"),
        ((np.zeros(2, np.int64), None), "gives nothing (None) for output 'p'"),
        ((np.zeros(2, np.int64), np.ones((2, 3))), 'the model declares float32 - cast it: .astype("float32")'),
        ((np.zeros(2, np.int64), np.array([{}], object)), "gives object for output 'p'"),
        ((np.zeros(2, np.int64), np.zeros(2, "M8[ns]")), "gives datetime64[ns] for output 'p'"),
    ],
)  # fmt: skip
def test_what_is_not_as_the_model_declares_is_one_line(result: Any, says: str) -> None:
    with pytest.raises(ModelError) as caught:
        named_arrays(result, OUTPUTS)
    assert caught.value.code == "V_CONTRACT"
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("code", "name", "says"),
    [
        ("", "{module}_absent:predict", "no module named"),
        ("", "{module}s:predict", "did you mean"),
        ("", "{module}.py:predict", "is a file, not the name of a module - write "),
        (
            "",
            "./tools/steps.py:predict",
            "'./tools/steps.py' is a file, not the name of a module - write 'tools.steps'",
        ),
        ("import not_installed_here\n", "{module}:predict", "no module named 'not_installed_here', which"),
        ("def predicts(inputs): ...\n", "{module}:predict", "has no 'predict' - did you mean 'predicts'?"),
        ("predict = 3\n", "{module}:predict", "is a int, which cannot be called"),
        ("def predict(): ...\n", "{module}:predict", "takes (), and is called with one argument - take a mapping"),
        ("def predict(a, b): ...\n", "{module}:predict", "takes (a, b), and is called with one argument"),
        ("raise OSError('no weights')\n", "{module}:predict", "raises OSError: no weights"),
        ("raise SystemExit(3)\n", "{module}:predict", "raises SystemExit: 3"),
    ],
)
def test_what_cannot_be_called_is_one_line(opened: Callable[..., Session], code: str, name: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        opened(code, name)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (
            "    raise ValueError('two\\nlines')\n",
            "raises ValueError at {file}:3: two lines - give inputs that it accepts",
        ),
        ("    return inputs['X']\n", "raises KeyError at {file}:3: 'X' - it is called with a mapping of 'x'"),
        ("    raise SystemExit(1)\n", "raises SystemExit at {file}:3: 1"),
    ],
)
def test_what_it_raises_is_one_line_with_its_place(
    opened: Callable[..., Session], tmp_path: Path, code: str, says: str
) -> None:
    session = opened("def predict(inputs):\n" + code)
    with pytest.raises(OnnxAccelError) as caught:
        session.run(FEEDS)
    (file,) = [path.name for path in tmp_path.glob("*.py")]
    assert caught.value.code == "E_RUN"
    assert says.format(file=file) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert any("predict" in line for line in caught.value.traceback)


def test_it_runs_no_onnx_file() -> None:
    with pytest.raises(ConfigError, match=r"--onnx-reference=package\.module:function"):
        FunctionBackend().load("model.onnx", LoadOptions())
