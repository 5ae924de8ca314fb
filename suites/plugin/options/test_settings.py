"""Settings of a run: models expanded and named, the manifest beneath the options, and all with origins."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_onnxaccel.core.lookup import registry
from pytest_onnxaccel.core.specs import BatchPlan, LatencyBudget, Tolerance
from pytest_onnxaccel.plugin.options.header import header
from pytest_onnxaccel.plugin.options.model_paths import distinct
from pytest_onnxaccel.plugin.options.settings import Settings
from suites.plugin.probe import Read

pytest_plugins = ("pytester",)

MANIFEST = """
[defaults]
rtol = 1e-3
batch = [1, 3]

[models.rfb]
path = "models/rfb.onnx"
reference = "onnx-tf"
outputs.scores.rtol = 1e-5
budget.p95 = "12ms"
budget.threads = 1
"""


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setattr(registry, "names", lambda group: ("onnx-tf", "ort-cpu", "reference"))


@pytest.fixture
def files(pytester: pytest.Pytester) -> Path:
    """Models in two folders of the same layout, with other files beside them."""
    for name in (
        "models/rfb.onnx",
        "models/rfb.onnx.data",
        "models/README.md",
        "models/old/rfb.onnx",
        "models/old/slim.onnx",
        "models/.cache/hidden.onnx",
        "models/env/pyvenv.cfg",
        "models/env/lib/installed.onnx",
        "models/onnxaccel-failures/rfb.onnx-parity/candidate.onnx",
    ):
        (pytester.path / name).parent.mkdir(parents=True, exist_ok=True)
        (pytester.path / name).write_bytes(b"")
    return pytester.path


def named(settings: Settings) -> list[tuple[str, str]]:
    return [(model.name, model.shown) for model in settings.models]


def test_a_file(read: Read, files: Path) -> None:
    (model,) = read("--onnx-model=models/old/slim.onnx").models
    assert (model.name, model.shown, model.origin) == ("slim.onnx", "models/old/slim.onnx", "--onnx-model")
    assert model.path == str(files / "models/old/slim.onnx")
    assert model.batch == BatchPlan()
    assert model.tolerance == Tolerance()
    assert not model.budget


def test_a_folder_gives_its_models_sorted(read: Read, files: Path) -> None:
    assert named(read("--onnx-model=models")) == [
        ("old/rfb.onnx", "models/old/rfb.onnx"),
        ("slim.onnx", "models/old/slim.onnx"),
        ("models/rfb.onnx", "models/rfb.onnx"),
    ]


def test_a_glob_gives_models_only(read: Read, files: Path) -> None:
    assert named(read("--onnx-model=models/*")) == [("rfb.onnx", "models/rfb.onnx")]
    assert len(read("--onnx-model=models/**/*.onnx").models) == 4
    assert len(read("--onnx-model=models/onnxaccel-failures/**/*.onnx").models) == 1  # asked for by name
    assert named(read(f"--onnx-model={files}/models/old/s*")) == [("slim.onnx", f"{files}/models/old/slim.onnx")]


def test_a_file_whose_name_looks_like_a_glob(read: Read, files: Path) -> None:
    (files / "a[1].onnx").write_bytes(b"")
    assert named(read("--onnx-model=a[1].onnx")) == [("a[1].onnx", "a[1].onnx")]


def test_each_file_once(read: Read, files: Path) -> None:
    both = read("--onnx-model=models/rfb.onnx", "--onnx-model=./models/../models/rfb.onnx", "--onnx-model=models/rfb*")
    assert named(both) == [("rfb.onnx", "models/rfb.onnx")]


def test_what_is_no_file_is_left_to_the_checks(read: Read, files: Path) -> None:
    (files / "folder.onnx").mkdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo(files / "pipe.onnx")
    names = ["missing.onnx", "folder.onnx", "pipe.onnx", "models/README.md"]
    settings = read(*(f"--onnx-model={name}" for name in names))
    assert [model.shown for model in settings.models] == names


def test_names_are_distinct_and_printable() -> None:
    assert distinct(["/a/x/m.onnx", "/b/x/m.onnx", "/b/n.onnx"]) == ["a/x/m.onnx", "b/x/m.onnx", "n.onnx"]
    assert distinct(["/a/m.onnx"], taken={"m.onnx"}) == ["a/m.onnx"]
    assert distinct(["/a/new\nline\x1b.onnx", "/a/\udcff.onnx"]) == ["new\\nline\\x1b.onnx", "\\xff.onnx"]


def test_relative_to_the_configuration_file(pytester: pytest.Pytester, read: Read, files: Path) -> None:
    pytester.makefile(".ini", pytest="[pytest]\nonnx_model = models/old/*.onnx\nonnx_report = out/r.json\n")
    (files / "sub").mkdir()
    os.chdir(files / "sub")
    settings = read()
    assert [model.path for model in settings.models] == [str(files / f"models/old/{n}.onnx") for n in ("rfb", "slim")]
    assert settings.report == (str(files / "out/r.json"),)
    assert read("--onnx-report=r.json").report == (str(files / "sub/r.json"),)


def test_the_command_line_wins_over_the_file(pytester: pytest.Pytester, read: Read, files: Path) -> None:
    pytester.makefile(".ini", pytest="[pytest]\nonnx_model = models\nonnx_rtol = 1e-2\nonnx_batch = 1,3\n")
    settings = read("--onnx-model=models/rfb.onnx", "--onnx-batch=10")
    (model,) = settings.models
    assert model.batch == BatchPlan((10,), "--onnx-batch")
    assert model.tolerance == Tolerance(1e-2, None, "pytest.ini: onnx_rtol")
    assert settings.origin("rtol") == "pytest.ini: onnx_rtol"


def test_a_reference_file_is_absolute(read: Read, files: Path) -> None:
    settings = read("--onnx-model=models/rfb.onnx", "--onnx-reference=models/old/rfb.onnx")
    assert settings.models[0].reference == settings.reference == str(files / "models/old/rfb.onnx")


def test_the_manifest_of_the_rootdir(pytester: pytest.Pytester, read: Read, files: Path) -> None:
    pytester.makefile(".toml", onnxaccel=MANIFEST)
    settings = read()
    (rfb,) = settings.models
    assert (rfb.name, rfb.path) == ("rfb", str(files / "models/rfb.onnx"))
    assert settings.manifest == str(files / "onnxaccel.toml")
    assert header(settings) == [
        "onnxaccel models: rfb (onnxaccel.toml)",
        "onnxaccel backends: every one that runs here (default)",
        f"onnxaccel manifest: {files}/onnxaccel.toml (found there)",
    ]


def test_a_model_of_both_keeps_the_manifests_entry(pytester: pytest.Pytester, read: Read, files: Path) -> None:
    pytester.makefile(".toml", onnxaccel=MANIFEST)
    assert named(read("--onnx-model=models")) == [
        ("rfb", "models/rfb.onnx"),
        ("rfb.onnx", "models/old/rfb.onnx"),
        ("slim.onnx", "models/old/slim.onnx"),
    ]


def test_options_replace_what_the_manifest_says(pytester: pytest.Pytester, read: Read, files: Path) -> None:
    pytester.makefile(".toml", onnxaccel=MANIFEST)
    settings = read(
        "--onnx-rtol=1e-4",
        "--onnx-batch=7",
        "--onnx-budget=p95=20ms",
        "--onnx-budget=p99=30ms",
        "--onnx-backend=ort-cpu",
        "--onnx-reference=reference",
    )
    (rfb,) = settings.models
    assert rfb.tolerance == Tolerance(1e-4, None, "--onnx-rtol")
    assert rfb.output_tolerances["scores"] == Tolerance(1e-4, None, "--onnx-rtol")
    assert rfb.batch == BatchPlan((7,), "--onnx-batch")
    budget_from = "onnxaccel.toml [models.rfb.budget], --onnx-budget"
    assert rfb.budget == LatencyBudget(p95_ns=20e6, p99_ns=30e6, threads=1, origin=budget_from)
    assert (rfb.backends, rfb.reference) == (("ort-cpu",), "reference")


def test_one_tolerance_over_the_manifests_other(pytester: pytest.Pytester, read: Read, files: Path) -> None:
    pytester.makefile(".toml", onnxaccel=MANIFEST)
    (rfb,) = read("--onnx-atol=1e-6").models
    assert rfb.tolerance == Tolerance(1e-3, 1e-6, "onnxaccel.toml [defaults], --onnx-atol")
    scores = "onnxaccel.toml [models.rfb.outputs.scores], --onnx-atol"
    assert rfb.output_tolerances["scores"] == Tolerance(1e-5, 1e-6, scores)


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (
            'backends = ["ort-cpuu"]',
            "onnxaccel.toml [models.a]: no backend is named 'ort-cpuu' - did you mean 'ort-cpu'?",
        ),
        (
            'source = "a.pth"\nreference = "b.pth"',
            "onnxaccel.toml:4: 'b.pth' is given as reference together with the source 'a.pth' in [models.a] - keep",
        ),
        (
            'source = "refs:predict"',
            "onnxaccel.toml:3: source in [models.a]: 'refs:predict' is a function, not a file - write reference = ",
        ),
        (
            'reference = "refs:predict:twice"',
            "onnxaccel.toml [models.a]: 'refs:predict:twice' names no function - write \"package.module:function\"",
        ),
        (
            'reference = "onnx_tf"',
            "onnxaccel.toml [models.a]: no backend is named 'onnx_tf' - did you mean 'onnx-tf'?",
        ),
        ('budget.speedup_over = "onx-tf:3"', "no backend is named 'onx-tf' - did you mean 'onnx-tf'?"),
        ("rtoll = 1", "onnxaccel.toml:3: 'rtoll' is not a key of [models.a] - did you mean 'rtol'?"),
    ],
)
def test_a_wrong_manifest(pytester: pytest.Pytester, read: Read, key: str, said: str) -> None:
    pytester.makefile(".toml", onnxaccel=f'[models.a]\npath = "a.onnx"\n{key}\n')
    with pytest.raises(pytest.UsageError) as caught:
        read()
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_header_names_every_value_that_is_not_the_default(read: Read, files: Path) -> None:
    settings = read(
        "--onnx-model=models",
        "--onnx-model=x.onnx",
        "--onnx-model=y.onnx",
        "--onnx-backend=ort-cpu,onnx-tf",
        "--onnx-memory=8GB",
        "--onnx-timeout=90",
        "--onnx-budget=speedup_over=onnx-tf:3",
        "--onnx-budget=p95=1.5ms",
        "--onnx-python=onnx-tf=/opt/otf/bin/python",
        "--onnx-in-process",
    )
    assert header(settings) == [
        "onnxaccel models: old/rfb.onnx, slim.onnx, models/rfb.onnx, x.onnx and 1 more (--onnx-model)",
        "onnxaccel backends: ort-cpu, onnx-tf (--onnx-backend)",
        "onnxaccel timeout: 90s (--onnx-timeout)",
        "onnxaccel memory: 8GB (--onnx-memory)",
        "onnxaccel budget: p95=1.5ms, speedup_over=onnx-tf:3 (--onnx-budget)",
        "onnxaccel python: onnx-tf=/opt/otf/bin/python (--onnx-python)",
        "onnxaccel in-process: on (--onnx-in-process)",
    ]


PROBE = """
from pytest_onnxaccel.plugin.options.read import add_options as pytest_addoption
from pytest_onnxaccel.plugin.options.read_settings import read_settings

def pytest_configure(config):
    print("rtol", read_settings(config).rtol)
"""


def test_a_path_that_moves_the_rootdir_is_told(pytester: pytest.Pytester) -> None:
    project, models = pytester.mkdir("project"), pytester.mkdir("models")
    (project / "pytest.ini").write_text("[pytest]\nonnx_rtol = 1e-6\n")
    (project / "probe.py").write_text(PROBE)
    (models / "a.onnx").write_bytes(b"")
    os.chdir(project)
    result = pytester.runpytest_subprocess("-p", "probe", "--onnx-model", "../models/a.onnx")
    told = f"*PytestConfigWarning: pytest did not read {project}/pytest.ini*write --onnx-model=../models/a.onnx"
    result.stdout.fnmatch_lines(["rtol None", told])
    result = pytester.runpytest_subprocess("-p", "probe", "--onnx-model=../models/a.onnx")
    result.stdout.fnmatch_lines(["rtol 1e-06"])
    result.stdout.no_fnmatch_line("*PytestConfigWarning*")
