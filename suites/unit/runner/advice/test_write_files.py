"""The files of an advice: written where something is gained, and a script that does what it says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fixtures import graphs
from pytest_onnxaccel.backends.protocol import LoadOptions
from pytest_onnxaccel.checks.advice.recommend import Advice
from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.runner.advice import write_files as advice_files
from suites.unit.runner.advice.advise import CPU, FAST, Advise


@pytest.mark.parametrize("binding", [False, True])
def test_the_written_script_gives_the_same_outputs(binding: bool, advise: Advise, tmp_path: Path) -> None:
    if binding:
        advise.faster_when(lambda side: side[2].binding)
    else:
        advise.faster_when(lambda side: side[2].threads == 1, lambda side: "initializers" in side[1])
    model = graphs.initializers_as_inputs()
    advice = advise(model, target=str(tmp_path / "advice"))
    folder = tmp_path / "advice" / "given-ort-cpu"
    assert [Path(file) for file in advice.files] == [folder / n for n in ("given.onnx", "session.py", "session.json")]
    inputs = np.random.default_rng(1).uniform(-1, 1, (1, model.graph.input[0].type.tensor_type.shape.dim[1].dim_value))
    np.savez(tmp_path / "feeds.npz", **{model.graph.input[0].name: inputs.astype(np.float32)})
    code = (
        "import sys, numpy, session\n"
        "opened = session.open_session()\n"
        "found = session.run(opened, dict(numpy.load(sys.argv[1])))\n"
        "again = session.run(opened, dict(numpy.load(sys.argv[1])))\n"
        "assert all((found[k] == again[k]).all() for k in found)\n"
        "numpy.savez(sys.argv[2], **found)\n"
        "print(opened.get_session_options().intra_op_num_threads)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "feeds.npz"), str(tmp_path / "found.npz")],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(advice.setup.options.get("threads", 0))]
    expected = shipped_outputs(tmp_path / "given.onnx", inputs.astype(np.float32))
    for name, value in np.load(tmp_path / "found.npz").items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-5, atol=1e-6)
    said = json.loads((folder / "session.json").read_text())
    assert said["model"] == "given.onnx"
    assert said["options"]["binding"] is binding
    assert said["gain"]["low"] == advice.whole.low if advice.whole else False
    assert ("io_binding" in (folder / "session.py").read_text()) is binding


def test_the_options_in_the_script_are_those_of_the_session(tmp_path: Path) -> None:
    options = LoadOptions(threads=3, spin=False, level="extended", arena=False)
    text = advice_files.script("m.onnx", "CPUExecutionProvider", options, Advice((), whole=FAST), "1.31")
    space: dict[str, Any] = {"__file__": str(tmp_path / "session.py")}
    (tmp_path / "m.onnx").write_bytes(graphs.mlp().SerializeToString())
    exec(compile(text, "session.py", "exec"), space)
    made = space["open_session"]().get_session_options()
    assert made.intra_op_num_threads == 3
    assert made.enable_cpu_mem_arena is False
    assert made.graph_optimization_level.name == "ORT_ENABLE_EXTENDED"
    assert made.get_session_config_entry("session.intra_op.allow_spinning") == "0"


def test_options_of_a_provider_are_in_the_script() -> None:
    given = {"device_type": "CPU", "load_config": '{"CPU": {}}'}
    text = advice_files.script(
        "m.onnx", "OpenVINOExecutionProvider", LoadOptions(), Advice((), whole=FAST), "1.24", given
    )
    space: dict[str, Any] = {"__file__": "/nowhere/session.py"}
    exec(compile(text, "session.py", "exec"), space)
    assert space["PROVIDERS"] == [("OpenVINOExecutionProvider", given), "CPUExecutionProvider"]


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    name = 'a"""\nimport os; os.abort()\n"""\\.onnx'
    text = advice_files.script(name, "CPUExecutionProvider", LoadOptions(), Advice((), titles=('"""x',)), '1"""')
    names = {node.name for node in __import__("ast").walk(__import__("ast").parse(text)) if hasattr(node, "name")}
    assert {"open_session", "run"} <= names
    assert "os.abort" not in [line.strip() for line in text.splitlines()]


def test_folders_are_told_apart_and_plain() -> None:
    folder = advice_files.folder_of
    assert folder("d", "a.onnx", CPU, None) == "d/a-ort-cpu"
    assert folder("d", "a.onnx", CPU, 4) == "d/a-ort-cpu-batch-4"
    assert folder("d", "../../e tc.onnx", CPU, None) == "d/_.._e_tc-ort-cpu"
    assert len(folder("d", "模" * 200 + ".onnx", CPU, None).encode()) <= 202


def test_a_model_of_any_name_is_written_under_one_that_can_be_shown(advise: Advise, tmp_path: Path) -> None:
    advise.faster_when(lambda side: side[2].threads == 1)
    advise.name = "::error::\udcff##vso[x].onnx"
    advise(graphs.mlp(), target=str(tmp_path / "advice"))
    (folder,) = (tmp_path / "advice").iterdir()
    name = ": :error: :_xff# #vso[x].onnx"
    assert {path.name for path in folder.iterdir()} == {name, "session.json", "session.py"}
    assert json.loads((folder / "session.json").read_bytes().decode())["model"] == name
    done = subprocess.run(
        [sys.executable, "-c", "import session; session.open_session()"], cwd=folder, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_folder_that_cannot_be_written_is_named(advise: Advise, tmp_path: Path) -> None:
    advise.faster_when(lambda side: side[2].threads == 1)
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        advise(graphs.mlp(), target=str(tmp_path / "file"))


def shipped_outputs(path: Path, array: Any) -> dict[str, Any]:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.log_severity_level = 4
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {session.get_inputs()[0].name: array}), strict=True))


def written(folder: Path, external: tuple[str, ...]) -> None:
    model = folder.parent / "staged" / "model.onnx"
    model.parent.mkdir(exist_ok=True)
    model.write_bytes(b"model")
    (model.parent / "sub").mkdir(exist_ok=True)
    for name in ("w.bin", "sub/w.bin"):
        (model.parent / name).write_bytes(name.encode())
    advised = advice_files.AdvisedFile(str(model), "m.onnx", CPU, LoadOptions(), external)
    advice_files.write(str(folder), advised, Advice(()))


def test_external_data_comes_along_and_replaces_what_an_earlier_run_left(tmp_path: Path) -> None:
    folder = tmp_path / "advice"
    for _ in range(2):
        written(folder, ("w.bin", "./w.bin", "sub//w.bin"))
        assert (folder / "w.bin").read_bytes() == b"w.bin"
        assert (folder / "sub" / "w.bin").read_bytes() == b"sub/w.bin"
        (folder / "w.bin").write_bytes(b"earlier")


@pytest.mark.parametrize("location", ["../w.bin", "/w.bin", "sub/../../w.bin"])
def test_external_data_never_leaves_the_folder_of_the_advice(tmp_path: Path, location: str) -> None:
    with pytest.raises(ConfigError, match="cannot be written"):
        written(tmp_path / "advice", (location,))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["advice", "staged"]


def test_a_link_in_the_folder_of_the_advice_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "advice").mkdir()
    (tmp_path / "advice" / "sub").symlink_to("../elsewhere")
    with pytest.raises(ConfigError, match="passes the symbolic link 'sub'"):
        written(tmp_path / "advice", ("sub/w.bin",))
    assert not list((tmp_path / "elsewhere").iterdir())
