"""The one module that the author of a backend imports: light, complete, and as its page says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

from pytest_onnxaccel import backend_api
from pytest_onnxaccel.backend_api import ModelError, TensorSpec, dtype_label
from pytest_onnxaccel.backends.checked_session import check_feeds
from pytest_onnxaccel.graph.describe import dtype_name

PAGE = (Path(__file__).parents[3] / "docs" / "backends.md").read_text(encoding="utf-8")


def _section(title: str) -> str:
    return re.split(r"^#+ ", PAGE.partition(f"### {title}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def _first_cells(section: str) -> list[str]:
    return [row.split("|")[1] for row in re.findall(r"^\|.*$", section, re.MULTILINE)][2:]


def test_it_loads_nothing_heavy() -> None:
    script = (
        "import sys, pytest_onnxaccel.backend_api\n"
        "heavy = {'numpy', 'onnx', 'ml_dtypes', 'onnxruntime', 'pytest', 'hypothesis'}\n"
        "print(sorted(heavy & set(sys.modules)), [n for n in sys.modules if n.startswith('pytest_onnxaccel.runner')])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[] []\n"


def test_the_page_lists_what_it_holds() -> None:
    listed = re.findall(r"`(\w+)`", " ".join(_first_cells(_section("What `backend_api` holds"))))
    assert sorted(listed) == sorted([*backend_api.__all__, "Array"])
    assert all(hasattr(backend_api, name) for name in backend_api.__all__)


DTYPES = re.findall(r"`(\w+)`", " ".join(_first_cells(_section("Dtypes and shapes"))))


def test_the_page_lists_every_dtype_that_a_model_may_have() -> None:
    elements = [number for number in TensorProto.DataType.values() if number != TensorProto.UNDEFINED]
    known = {dtype_name(number) for number in elements}
    assert set(DTYPES) - {"float6e2m3", "float6e3m2"} <= known <= set(DTYPES)  # which onnx has since 1.22
    assert "empty" in _first_cells(_section("Dtypes and shapes"))[-1]


@pytest.mark.parametrize("dtype", DTYPES)
def test_arrays_of_every_dtype_are_taken_under_its_name(dtype: str) -> None:
    numbers = [n for n in TensorProto.DataType.values() if n and dtype_name(n) == dtype]
    if not numbers:
        pytest.skip(f"this onnx has no {dtype}")
    (number,) = numbers
    array = np.zeros((2,), helper.tensor_dtype_to_np_dtype(number))
    assert dtype_label(array.dtype) == dtype
    check_feeds([TensorSpec("x", dtype, (2,))], {"x": array})
    other = np.zeros((2,), np.float32 if dtype != "float32" else np.float64)
    with pytest.raises(ModelError, match=f"'x' takes {dtype}"):
        check_feeds([TensorSpec("x", dtype, (2,))], {"x": other})


@pytest.mark.parametrize(
    ("shapes", "right", "wrong"),
    [
        ([(2, 3)], [(2, 3)], [(2, 4)]),
        ([(0,)], [(0,)], [(1,)]),
        ([("N", 3), ("N", None)], [(5, 3), (5, 9)], [(5, 3), (4, 9)]),
        ([()], [()], [(1,)]),
        ([(None, None)], [(1, 7)], [(1,)]),
    ],
)
def test_shapes_mean_what_the_page_says(
    shapes: list[tuple[object, ...]], right: list[tuple[int, ...]], wrong: list[tuple[int, ...]]
) -> None:
    specs = [TensorSpec(f"x{i}", "float32", shape) for i, shape in enumerate(shapes)]  # type: ignore[arg-type]
    check_feeds(specs, {f"x{i}": np.zeros(shape, np.float32) for i, shape in enumerate(right)})
    with pytest.raises(ModelError) as caught:
        check_feeds(specs, {f"x{i}": np.zeros(shape, np.float32) for i, shape in enumerate(wrong)})
    assert caught.value.code == "E_INPUT"


def test_a_shape_that_is_not_known_takes_any() -> None:
    for shape in ((), (3,), (1, 2, 3)):
        check_feeds([TensorSpec("x", "float32", None)], {"x": np.zeros(shape, np.float32)})


def test_the_example_of_the_page_runs() -> None:
    (code,) = re.findall(r"```python\n(# specs.py\n.*?)```", PAGE, re.DOTALL)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "image float32[Nx3x240x320]",
        "mask bool[Nx?]",
        "threshold float64[]",
        "anything int64[?]",
    ]
