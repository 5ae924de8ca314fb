"""Names of files and names in models may be anything: no output line is a command, every report can be read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from fixtures import graphs
from suites.unit.core.test_printing import INLINE, LINE

#: What files are called; two of them read alike once they can be read.
FILES = (
    b"a.onnx",
    b"bad\xff\xfe.onnx",
    b"bad\\xff\\xfe.onnx",
    b"::error::x.onnx",
    b" ::set-output name=a::b.onnx",
    b".error::y.onnx",
    b"##vso[task.setvariable variable=a]b.onnx",
    b"##[error]x.onnx",
    b"new\n::warning::line\x1b[31m.onnx",
    "\u202eturned\u2028.onnx".encode(),
)
IDS = {
    "a.onnx",
    "bad\\xff\\xfe~6c9712.onnx",
    "bad\\xff\\xfe~432edc.onnx",
    ": :error: :x.onnx",
    " : :set-output name=a: :b.onnx",
    ".error: :y.onnx",
    "# #vso[task.setvariable variable=a]b.onnx",
    "# #[error]x.onnx",
    "new\\n: :warning: :line\\x1b[31m.onnx",
    "\\u202eturned\\u2028.onnx",
}
#: What a folder gives of them.
VISIBLE = IDS - {".error: :y.onnx"}
EVIL = "::error::\n##vso[task.complete]\u202e"


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., tuple[int, list[str]]]:
    """``run(*arguments)``: pytest in *tmp_path*; its status and output, of which no line may be a command."""

    def made(*arguments: str | bytes, folder: Path = tmp_path) -> tuple[int, list[str]]:
        command = [sys.executable, "-m", "pytest", "--onnx-backend=ort-cpu", "--onnx-report=r.json", "--junitxml=j.xml"]
        done = subprocess.run(
            [*command, *arguments], cwd=folder, env={**os.environ, "COLUMNS": "80", "PYTHONUTF8": "1"},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300, check=False,
        )  # fmt: skip
        text = done.stdout.decode()  # UTF-8, whatever the names were
        assert "INTERNALERROR" not in text, text
        # Split as terminals and CI services do
        obeyed = [line for line in text.replace("\r", "\n").split("\n") if LINE.match(line) or INLINE.search(line)]
        assert not obeyed, (obeyed, text)
        assert "\x1b" not in text
        return done.returncode, text.splitlines()

    return made


def written(folder: Path) -> tuple[dict[str, Any], list[ElementTree.Element]]:
    """The JSON report and JUnit's test cases, both readable, with no command and no overlong message in them."""
    for name in ("r.json", "j.xml"):
        assert not INLINE.search((folder / name).read_bytes().decode()), name
    report = json.loads((folder / "r.json").read_text())
    json.dumps(report, ensure_ascii=False).encode()
    assert all(len(row["message"]) <= 300 and row["message"].isprintable() for row in report["results"])
    cases = list(ElementTree.parse(folder / "j.xml").iter("testcase"))
    messages = [part.get("message") or "" for case in cases for part in case]
    assert all(len(message) <= 300 for message in messages), messages
    return report, cases


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder of models, and of files that are none, under hostile names."""
    (tmp_path / "models").mkdir()
    for name in FILES:
        content = graphs.mlp().SerializeToString() if b"bad" in name or name == b"a.onnx" else b"no model"
        (Path(tmp_path / "models") / os.fsdecode(name)).write_bytes(content)
    return tmp_path


@pytest.mark.parametrize(
    "how",
    [("-v",), ("-q",), ("-vv", "-rA", "--durations=0", "-W", "default"), ("-n", "2", "-v"), ("-n", "2", "-q", "-rA")],
    ids=" ".join,
)
@pytest.mark.parametrize("inside", [False, True], ids=["above", "inside"])
def test_every_file_has_its_case(run: Callable, files: Path, how: tuple[str, ...], inside: bool) -> None:
    folder = files / "models" if inside else files
    named = [b"--onnx-model=" + (b"" if inside else b"models/") + name for name in FILES]
    status, _ = run(*named, "-p", "no:cacheprovider", "-k", "structure", *how, folder=folder)
    assert status == 1
    report, cases = written(folder)
    assert {row["model"] for row in report["results"]} == IDS
    assert {model["name"] for model in report["models"]} == IDS
    assert len(cases) == len(report["results"]) == len(FILES)
    assert sum(row["verdict"] == "passed" for row in report["results"]) == 3


@pytest.mark.parametrize("how", [(), ("-q",), ("-v",)], ids=["", "-q", "-v"])
def test_names_are_listed(run: Callable, files: Path, how: tuple[str, ...]) -> None:
    status, lines = run("--onnx-model=models", "--collect-only", "-k", "structure", *how)
    assert status == 0
    if how == ("-q",):
        assert {line for line in lines if "::structure" in line} == {f"models/{name}::structure" for name in VISIBLE}


def test_ids_name_tests_as_others_do(run: Callable, files: Path) -> None:
    """Run again what failed; leave out by id; select by a part of a name."""
    _, first = run("--onnx-model=models", "-k", "structure", "-q")
    failed = {line.removeprefix("FAILED ").partition("::structure")[0] for line in first if line.startswith("FAILED ")}
    assert len(failed) == 6
    _, again = run("--onnx-model=models", "--lf", "-q")
    assert any("6 failed" in line for line in again), again
    gone = [f"--deselect={name}::structure" for name in failed]
    status, _ = run("--onnx-model=models", "-k", "structure", "-p", "no:cacheprovider", *gone)
    assert status == 0
    assert len(written(files)[1]) == 3
    run("--onnx-model=models", "-k", "turned and structure", "-p", "no:cacheprovider")
    assert len(written(files)[1]) == 1


def test_markers_and_fixtures_take_such_models(run: Callable, files: Path) -> None:
    (files / "test_x.py").write_text(
        "import pytest\n"
        "@pytest.mark.conversion_parity\n"
        "def test_x(onnx_model, backend):\n"
        "    assert backend.run(onnx_model, onnx_model.sample())\n"
    )
    for parallel in ((), ("-n", "2")):
        run("--onnx-model=models", "test_x.py", "-k", "test_x", "-v", "-p", "no:cacheprovider", *parallel)
        report, cases = written(files)
        assert len(cases) == len(VISIBLE)
        assert sum(row["verdict"] == "passed" for row in report["results"]) == 3


def evil(scale: float) -> onnx.ModelProto:
    """A model all names of which are hostile."""
    names = [EVIL + end for end in "xmy"]
    weight = numpy_helper.from_array(np.full(4, scale, np.float32), EVIL + "w")
    nodes = [
        helper.make_node("Mul", [names[0], weight.name], [names[1]], name=EVIL, doc_string=EVIL),
        helper.make_node("Relu", [names[1]], [names[2]], name=EVIL + "2"),
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in (names[0], names[2])]
    graph = helper.make_graph(nodes, EVIL, ends[:1], ends[1:], [weight], doc_string=EVIL)
    opsets = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, ir_version=8, opset_imports=opsets, producer_name=EVIL, domain=EVIL)


def test_names_in_a_model_reach_no_line(run: Callable, tmp_path: Path) -> None:
    name, other = "::error::m.onnx", "##vso[x]other.onnx"
    (tmp_path / name).write_bytes(evil(1).SerializeToString())
    (tmp_path / other).write_bytes(evil(2).SerializeToString())
    quick = ("-p", "no:cacheprovider", "-k", "not latency", "-vv", "-rA")
    status, lines = run(f"--onnx-model={name}", f"--onnx-reference={other}", *quick)
    assert status == 1
    report, _ = written(tmp_path)
    (row,) = (row for row in report["results"] if row["check"] == "parity")
    assert (row["code"], row["reference"]) == ("V_PARITY", "# #vso[x]other.onnx")
    assert any("origin: " in line for line in row["details"]), row
    (case,) = (tmp_path / "onnxaccel-failures").iterdir()
    assert not INLINE.search((case / "report.txt").read_text())
    assert any(case.name in line for line in lines)
    script = subprocess.run([sys.executable, "repro.py"], cwd=case, capture_output=True, text=True, check=False)
    assert script.returncode == 1, script.stderr
    assert "alone, both sides fed the same" in script.stdout
    assert not [line for line in script.stdout.splitlines() if LINE.match(line) or INLINE.search(line)]


def test_a_lock_holds_for_such_names(run: Callable, tmp_path: Path) -> None:
    (tmp_path / "::m.onnx").write_bytes(evil(3).SerializeToString())
    parity = ("--onnx-model=::m.onnx", "-k", "parity", "-p", "no:cacheprovider")
    assert run(*parity, "--onnx-lock=write")[0] == 0
    text = (tmp_path / "onnxaccel.lock.toml").read_text()
    assert not [line for line in text.splitlines() if LINE.match(line) or INLINE.search(line)]
    (outputs,) = tomllib.loads(text)["models"][": :m.onnx"].values()
    assert list(outputs) == [": :error::\\n# #vso[task.complete]\\u202ey"]
    assert run(*parity)[0] == 0
    ((figures,),) = ([row["figures"]["outputs"].values()] for row in written(tmp_path)[0]["results"])
    assert "onnxaccel.lock.toml" in next(iter(figures))["tolerance_from"]


def test_a_thousand_outputs_are_one_short_message(run: Callable, tmp_path: Path) -> None:
    outputs = [f"output_{number}" for number in range(1000)]
    nodes = [helper.make_node("Identity", ["x"], [name]) for name in outputs]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in ("x", *outputs)]
    graph = helper.make_graph(nodes, "g", values[:1], values[1:])
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    (tmp_path / "many.onnx").write_bytes(model.SerializeToString())
    status, _ = run("--onnx-model=many.onnx", "-k", "contract", "-p", "no:cacheprovider")
    (row,) = written(tmp_path)[0]["results"]
    assert (status, row["verdict"]) == (0, "passed")
    assert row["message"].startswith("runs, finite, repeatable: output_0 float32[1, 4], output_1 float32[1, 4]")
    assert row["message"].endswith(" more")
    assert "output_9 " in " ".join(row["details"])
    assert len(row["figures"]["outputs"]) == 1000


def test_the_commands_say_such_names_harmlessly(tmp_path: Path) -> None:
    name = "::error::\udcff##vso[x].onnx"
    (tmp_path / name).write_bytes(graphs.mlp().SerializeToString())
    for arguments in (["freeze", name, "--batch", "2"], ["freeze", "::gone##[x].onnx", "--batch", "2"]):
        done = subprocess.run(
            [sys.executable, "-m", "pytest_onnxaccel", *arguments], cwd=tmp_path,
            env={**os.environ, "PYTHONUTF8": "1"}, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        text = done.stdout + done.stderr
        assert text.strip()
        assert "Traceback" not in text
        assert not [line for line in text.splitlines() if LINE.match(line) or INLINE.search(line)], text
