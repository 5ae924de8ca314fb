"""A third party adds a check without touching us: the example of docs/own-checks.md, installed as a distribution."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper

from suites.plugin.pythonpath import before

DOCS = Path(__file__).parents[3] / "docs" / "own-checks.md"


def as_ini(toml: str) -> str:
    """``pyproject.toml``'s table of entry points as an installer writes it."""
    groups = tomllib.loads(toml)["project"]["entry-points"]
    lines = []
    for group, points in groups.items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in points.items())]
    return "\n".join(lines)


def model(*operators: str) -> onnx.ModelProto:
    nodes = [helper.make_node(name, [f"v{i}"], [f"v{i + 1}"]) for i, name in enumerate(operators)]
    ends = [helper.make_tensor_value_info(f"v{i}", TensorProto.FLOAT, [1, 4]) for i in (0, len(operators))]
    graph = helper.make_graph(nodes, "net", ends[:1], ends[1:])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder for PYTHONPATH with the documented check, its test, its manifest and its distribution's metadata."""
    folder = tmp_path / "site"
    info = folder / "onnx_operators-0.1.dist-info"
    info.mkdir(parents=True)
    for language, code in re.findall(r"```(python|toml)\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL):
        name = re.match(r"# (\S+)\n", code)
        if name:
            (folder / name.group(1)).write_text(code, encoding="utf-8")
        elif language == "toml":
            (info / "entry_points.txt").write_text(as_ini(code), encoding="utf-8")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: onnx-operators\nVersion: 0.1\n", encoding="utf-8")
    return folder


def ran(site: Path, *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
        cwd=site,
        env={**os.environ, "PYTHONPATH": before(site)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def results(site: Path, *arguments: str) -> tuple[int, list[dict[str, Any]], str]:
    code, out = ran(site, "--onnx-report=report.json", "--onnx-backend=ort-cpu", *arguments)
    found = json.loads((site / "report.json").read_text(encoding="utf-8"))["results"] if code < 2 else []
    return code, [result for result in found if result["check"] == "operators"], out


def test_the_documented_check_is_short() -> None:
    (code,) = re.findall(r"```python\n# onnx_operators.py\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert len(code.splitlines()) < 30


def test_the_documented_check_conforms(site: Path) -> None:
    code, out = ran(site, "-q", "-rs", "test_onnx_operators.py")
    assert code == 0, out
    assert "5 passed, 1 skipped" in out, out


def test_it_runs_beside_the_built_in_checks(site: Path) -> None:
    onnx.save(model("Relu", "Relu"), site / "net.onnx")
    code, found, out = results(site)
    assert (code, [(r["verdict"], r["figures"]) for r in found]) == (0, [("passed", {"operators": 1})]), out
    # In its place among the others, by its order
    code, out = ran(site, "--collect-only", "-q")
    ids = [line for line in out.splitlines() if line.startswith(("onnxaccel.toml", "net"))]
    assert [bool("operators" in line) for line in ids[:3]] == [False, True, False], ids


def test_it_fails_a_model_with_its_own_words(site: Path) -> None:
    onnx.save(model("Relu", "Erf"), site / "net.onnx")
    code, found, out = results(site, "-k", "operators")
    assert code == 1, out
    assert [(r["verdict"], r["code"]) for r in found] == [("failed", "V_OPERATORS")]
    assert found[0]["message"] == "operators outside the list: Erf (1); replace them, or extend allowed"
    assert "Erf (1)" in out
    assert "Traceback" not in out


def test_a_check_without_its_settings_is_one_line(site: Path) -> None:
    onnx.save(model("Relu"), site / "net.onnx")
    manifest = site / "onnxaccel.toml"
    manifest.write_text(manifest.read_text(encoding="utf-8").replace("allowed", "alowed"), encoding="utf-8")
    code, found, out = results(site, "-k", "operators")
    assert (code, found[0]["verdict"]) == (1, "failed"), out
    assert "has no list of operators" in found[0]["message"]


def test_settings_of_a_check_that_is_not_installed(site: Path) -> None:
    manifest = site / "onnxaccel.toml"
    manifest.write_text(
        manifest.read_text(encoding="utf-8").replace("checks.operators", "checks.operator"), encoding="utf-8"
    )
    onnx.save(model("Relu"), site / "net.onnx")
    code, _, out = results(site)
    assert code == 4, out
    assert "did you mean 'operators'?" in out


@pytest.mark.parametrize(
    ("registered", "cause"),
    [
        ("onnx_operators:run", "is not a pytest_onnxaccel.check_api.Check"),
        ("onnx_operators:NOTHING", "cannot be loaded: AttributeError"),
        ("onnx_operators_lost:CHECK", "cannot be loaded: ModuleNotFoundError"),
    ],
)
def test_what_is_registered_wrongly_is_one_line(site: Path, registered: str, cause: str) -> None:
    (site / "onnx_operators-0.1.dist-info" / "entry_points.txt").write_text(
        f"[pytest_onnxaccel.checks]\noperators = {registered}\n", encoding="utf-8"
    )
    onnx.save(model("Relu"), site / "net.onnx")
    code, _, out = results(site)
    assert code == 4, out
    assert cause in out
    assert "Traceback" not in out


def test_a_built_in_name_is_taken(site: Path) -> None:
    check = (site / "onnx_operators.py").read_text(encoding="utf-8").replace('"operators", run', '"parity", run')
    (site / "onnx_operators.py").write_text(check, encoding="utf-8")
    (site / "onnx_operators-0.1.dist-info" / "entry_points.txt").write_text(
        "[pytest_onnxaccel.checks]\nparity = onnx_operators:CHECK\n", encoding="utf-8"
    )
    (site / "onnxaccel.toml").unlink()
    onnx.save(model("Relu"), site / "net.onnx")
    code, _, out = results(site, "--onnx-model=net.onnx")
    assert code == 4, out
    assert "is taken by a built-in check" in out


def test_the_kit_fails_a_check_that_does_not_keep_its_promises(site: Path) -> None:
    check = (site / "onnx_operators.py").read_text(encoding="utf-8")
    broken = check.replace('context.failed("V_OPERATORS", ', "context.passed(").replace(
        "from pytest_onnxaccel", "import onnx\nfrom pytest_onnxaccel", 1
    )
    (site / "onnx_operators.py").write_text(broken, encoding="utf-8")
    code, out = ran(site, "-q", "test_onnx_operators.py")
    assert code == 1, out
    assert "it fails nowhere" in out
    assert "loads numpy onnx" in out
