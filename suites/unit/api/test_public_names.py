"""What ``import pytest_onnxaccel`` gives: the same names to a program, to a type checker and to a reader."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import pytest_onnxaccel
from pytest_onnxaccel import strategies

PACKAGE = Path(pytest_onnxaccel.__file__).parent


def _for_checkers(file: Path) -> dict[str, str]:
    """Module by name, of the imports that only type checkers see."""
    found = {}
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for one in node.body:
                if isinstance(one, ast.ImportFrom):
                    found |= {alias.name: str(one.module) for alias in one.names}
    return found


def test_checkers_see_what_programs_get() -> None:
    seen = _for_checkers(PACKAGE / "__init__.py")
    assert set(pytest_onnxaccel.__all__) == {*seen, "__version__"}
    for name, module in seen.items():
        assert getattr(pytest_onnxaccel, name) is getattr(sys.modules[module], name)
    assert set(pytest_onnxaccel.__all__) <= set(dir(pytest_onnxaccel))


def test_checkers_see_the_strategies() -> None:
    pytest.importorskip("hypothesis")
    seen = _for_checkers(PACKAGE / "strategies" / "__init__.py")
    assert set(strategies.__all__) <= set(seen)
    for name, module in seen.items():
        assert getattr(strategies, name) is getattr(sys.modules[module], name)


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="'pytest_onnxaccel' has no attribute 'valdate'"):
        _ = pytest_onnxaccel.valdate  # type: ignore[attr-defined]


def test_the_version_is_that_of_the_distribution() -> None:
    assert pytest_onnxaccel.__version__ == version("pytest-onnxaccel")


def test_importing_it_loads_none_of_it() -> None:
    script = (
        "import sys, pytest_onnxaccel\n"
        "assert [n for n in sys.modules if n.startswith('pytest_onnxaccel')] == ['pytest_onnxaccel']\n"
        "pytest_onnxaccel.ModelSpec, pytest_onnxaccel.__version__\n"
        "assert not {'numpy', 'onnx', 'pytest_onnxaccel.runner'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["ModelSpec", "RunOptions", "Request", "Tolerance", "LatencyBudget", "CheckResult"])
def test_signatures_show_the_fields(name: str) -> None:
    cls = getattr(pytest_onnxaccel, name)
    parameters = inspect.signature(cls).parameters
    assert list(parameters) == [f for f, spec in cls.__dataclass_fields__.items() if spec._field_type.name == "_FIELD"]
    assert all(one.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD for one in parameters.values())


def test_types_are_shipped() -> None:
    assert (PACKAGE / "py.typed").is_file()
