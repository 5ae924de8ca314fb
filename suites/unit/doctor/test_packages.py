"""What the doctor makes of installed packages and of the machine; no package is installed for it."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_onnxaccel.doctor import machine, packages
from pytest_onnxaccel.doctor.diagnosis import Problem

Install = Callable[..., None]

MODULE = ("onnxruntime/__init__.py", "onnxruntime/capi/build_and_package_info.py")


@pytest.fixture
def install(tmp_path: Path) -> Install:
    """``install(name, version, files)``: what an installer leaves; the last one's files lie there."""

    def run(name: str, version: str, files: tuple[str, ...] = MODULE, record: bool = True) -> None:
        info = tmp_path / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        for file in files:
            (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / file).write_text(f"package_name = '{name}'\n__version__ = '{version}'\n")
        if record:
            (info / "RECORD").write_text("".join(f"{file},,\n" for file in files))

    return run


def problems(folder: Path, driver: bool = False) -> list[Problem]:
    return packages.problems(driver, [str(folder)])


class TestPackages:
    def test_one_complete_distribution_is_no_problem(self, install: Install, tmp_path: Path) -> None:
        install("onnxruntime", "1.32.0")
        install("onnx", "1.23.2", ("onnx/__init__.py",))
        assert problems(tmp_path) == []

    def test_over_each_other_names_whose_files_are_there(self, install: Install, tmp_path: Path) -> None:
        install("onnxruntime", "1.32.0")
        install("onnxruntime-gpu", "1.31.0")
        (found,) = problems(tmp_path)
        assert found.code == "onnxruntime-twice"
        assert "onnxruntime 1.32.0 and onnxruntime-gpu 1.31.0 are installed over each other" in found.what
        assert "the files there are those of onnxruntime-gpu 1.31.0" in found.what
        assert "uninstalling either breaks the other" in found.what
        both = "python -m pip uninstall -y onnxruntime onnxruntime-gpu && python -m pip install "
        assert found.remedy == both + "onnxruntime"

    def test_over_each_other_keeps_the_gpu_where_there_is_one(self, install: Install, tmp_path: Path) -> None:
        install("onnxruntime-gpu", "1.31.0")
        install("onnxruntime", "1.32.0")
        (found,) = problems(tmp_path, driver=True)
        assert "the files there are those of onnxruntime 1.32.0" in found.what
        assert found.remedy.endswith('&& python -m pip install "onnxruntime-gpu[cuda,cudnn]"')

    def test_over_each_other_without_a_trace_of_the_owner(self, install: Install, tmp_path: Path) -> None:
        install("onnxruntime-directml", "1.24.0", MODULE[:1])
        install("onnxruntime-openvino", "1.24.0", MODULE[:1])
        (found,) = problems(tmp_path)
        assert "which one the files belong to is unknown" in found.what

    def test_distributions_without_a_list_of_files(self, install: Install, tmp_path: Path) -> None:
        install("onnxruntime", "1.32.0", record=False)
        assert problems(tmp_path) == []
        install("onnxruntime-gpu", "1.32.0", record=False)
        assert [p.code for p in problems(tmp_path)] == ["onnxruntime-twice"]

    def test_neighbours_of_another_module_do_not_clash(self, install: Install, tmp_path: Path) -> None:
        install("onnxruntime", "1.32.0")
        install("onnxruntime-extensions", "0.14.0", ("onnxruntime_extensions/__init__.py",))
        assert problems(tmp_path) == []

    def test_files_that_went_with_another_distribution(self, install: Install, tmp_path: Path) -> None:
        install("onnxruntime", "1.32.0", (*MODULE, "onnxruntime/LICENSE"))
        (tmp_path / MODULE[0]).unlink()
        (found,) = problems(tmp_path)
        assert found.code == "onnxruntime-incomplete"
        assert "1 of its 3 files are gone, such as onnxruntime/__init__.py" in found.what
        assert found.remedy == "python -m pip install --force-reinstall --no-deps onnxruntime==1.32.0"

    def test_compiled_files_may_be_gone(self, install: Install, tmp_path: Path) -> None:
        install("onnxruntime", "1.32.0", (*MODULE, "onnxruntime/__pycache__/a.cpython-311.pyc"))
        (tmp_path / "onnxruntime/__pycache__/a.cpython-311.pyc").unlink()
        assert problems(tmp_path) == []

    def test_too_old(self, install: Install, tmp_path: Path) -> None:
        install("onnx", "1.20.1", ("onnx/__init__.py",))
        install("onnxruntime", "1.9.0")
        old = problems(tmp_path)
        assert [p.what.split(",")[0] for p in old] == [
            "onnx 1.20.1 is older than 1.21",
            "onnxruntime 1.9.0 is older than 1.24",
        ]
        assert old[0].remedy == 'python -m pip install --upgrade "onnx>=1.21"'

    def test_floors_are_those_of_the_project(self) -> None:
        project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
        extras = project["optional-dependencies"]
        declared = "\n".join([*project["dependencies"], *extras["cpu"], *extras["gpu"]])
        for name, floor in packages.FLOORS.items():
            extra = "[cuda,cudnn]" if name == "onnxruntime-gpu" else ""
            assert f"{name}{extra}>={floor}" in declared


class TestMachine:
    @pytest.mark.parametrize(
        ("text", "version"),
        [
            (
                "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19\nGCC version: 12",
                "535.104.05",
            ),
            ("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.15  Release", "570.86.15"),
            ("something else", "found"),
        ],
    )
    def test_driver_in_proc(self, tmp_path: Path, text: str, version: str) -> None:
        file = tmp_path / "proc/driver/nvidia/version"
        file.parent.mkdir(parents=True)
        file.write_text(text)
        assert machine.nvidia_driver(tmp_path) == version

    def test_driver_without_a_version(self, tmp_path: Path) -> None:
        (tmp_path / "dev").mkdir()
        (tmp_path / "dev/nvidiactl").touch()
        assert machine.nvidia_driver(tmp_path) == "found"

    def test_no_driver(self, tmp_path: Path) -> None:
        assert machine.nvidia_driver(tmp_path) == ""
