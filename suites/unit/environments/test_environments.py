"""An isolated environment is found without starting a process, built once, and mended when it broke."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_onnxaccel.core.errors import BackendUnavailable, ConfigError
from pytest_onnxaccel.environments import build as environment_build
from pytest_onnxaccel.environments import locate as environment

OWN = sys.version_info[:2]


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment ``tiny`` of one wheel, and an empty cache folder, which is returned."""
    pins = tmp_path / "pins"
    pins.mkdir()
    with zipfile.ZipFile(pins / "tiny-1.0-py3-none-any.whl", "w") as wheel:
        info = "tiny-1.0.dist-info"
        wheel.writestr("tiny.py", "")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", f"tiny.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    (pins / "tiny.txt").write_text(f"{pins / 'tiny-1.0-py3-none-any.whl'}\n")
    recipe = environment.Recipe({OWN: "tiny.txt"}, "pytest_onnxaccel.core.errors", 1, ("tiny",))
    monkeypatch.setattr(environment, "_PINS", pins)
    monkeypatch.setattr(environment, "RECIPES", {"tiny": recipe})
    monkeypatch.setenv("ONNXACCEL_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("ONNXACCEL_PYTHON_TINY", raising=False)
    return tmp_path / "cache"


class FakeInstaller:
    """Stands for the commands that a build runs."""

    def __init__(self) -> None:
        self.commands: list[list[str]] = []
        self.failing: Callable[[list[str]], str] = lambda command: ""
        self.started = threading.Event()
        self.go_on = threading.Event()
        self.go_on.set()

    def __call__(self, command: list[str], log: Path) -> str:
        self.commands.append(list(command))
        self.started.set()
        assert self.go_on.wait(10)
        why = self.failing(list(command))
        if why:
            log.write_text(f"line one\n{why}\n")
            raise environment_build._Failed(why)
        if "venv" in command:
            python = environment.python_of(Path(command[-1]))
            python.parent.mkdir(parents=True)
            python.symlink_to(sys.executable)
        return json.dumps({"tiny": "1.0", "other": "2"})


@pytest.fixture
def installer(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> FakeInstaller:
    fake = FakeInstaller()
    monkeypatch.setattr(environment_build, "_run", fake)
    monkeypatch.setattr(environment_build.shutil, "which", lambda command: f"/usr/bin/{command}")
    return fake


def quiet(line: str) -> None:
    """Say nothing."""


def test_lookup_starts_no_process(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "Popen", None)
    assert environment.interpreter("tiny") is None
    assert not tiny.exists()


def test_an_override_comes_before_the_variable(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONNXACCEL_PYTHON_TINY", "/nowhere/python")
    assert environment.interpreter("tiny") is None
    assert environment.configured("tiny") == "/nowhere/python"
    assert environment.interpreter("tiny", sys.executable) == sys.executable
    assert environment.versions(sys.executable) == {}


def test_unknown_environment_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'onnx-tf'"):
        environment.interpreter("onnxtf")


def test_build_with_pip(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment_build.shutil, "which", lambda command: None)
    said: list[str] = []
    python = environment_build.build("tiny", say=said.append)
    assert environment.interpreter("tiny") == python
    assert environment.versions(python) == {"tiny": "1.0"}
    assert "installing with pip" in said
    done = subprocess.run([python, "-c", "import tiny"], check=False)
    assert done.returncode == 0


def test_a_ready_environment_is_not_built_again(installer: FakeInstaller) -> None:
    first = environment_build.build("tiny", say=quiet)
    installer.commands.clear()
    assert environment_build.build("tiny", say=quiet) == first
    assert installer.commands == []


def test_other_pins_are_another_environment(installer: FakeInstaller) -> None:
    environment_build.build("tiny", say=quiet)
    environment.pins_file("tiny", OWN).write_text("# nothing\n")
    assert environment.interpreter("tiny") is None


def test_a_broken_build_is_cleared_away(installer: FakeInstaller) -> None:
    folder = environment.location("tiny", OWN)
    left = folder / "lib" / "half.py"
    left.parent.mkdir(parents=True)
    left.touch()
    assert environment.interpreter("tiny") is None
    environment_build.build("tiny", say=quiet)
    assert not left.exists()


def test_an_environment_whose_python_is_gone_is_built_again(installer: FakeInstaller) -> None:
    python = Path(environment_build.build("tiny", say=quiet))
    python.unlink()
    python.symlink_to("/nowhere/python")
    assert environment.interpreter("tiny") is None
    assert environment_build.build("tiny", say=quiet) == str(python)
    assert environment.interpreter("tiny") == str(python)


def test_pip_takes_over_when_uv_fails(installer: FakeInstaller) -> None:
    why = "no such index"
    installer.failing = lambda command: why if command[0].endswith("/uv") and "pip" in command else ""
    said: list[str] = []
    environment_build.build("tiny", say=said.append)
    assert any("no such index" in line for line in said)
    assert [command[1:3] for command in installer.commands] == [
        ["venv", "--python"],
        ["pip", "install"],
        ["-m", "venv"],
        ["-m", "pip"],
        ["-c", installer.commands[-1][2]],
    ]


def test_nothing_given_to_pip_overrides_the_users_settings(installer: FakeInstaller) -> None:
    environment_build.build("tiny", say=quiet)
    for command in installer.commands:
        assert not {"--index-url", "--find-links", "--no-index", "--isolated", "--extra-index-url"} & set(command)


def test_a_failure_is_one_line_and_the_end_of_the_output(installer: FakeInstaller) -> None:
    installer.failing = lambda command: "ERROR: No matching distribution found for tiny" if "pip" in command else ""
    said: list[str] = []
    with pytest.raises(BackendUnavailable) as caught:
        environment_build.build("tiny", say=said.append)
    assert "tiny could not be built: ERROR: No matching distribution" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "line one" in said
    assert environment.interpreter("tiny") is None


def test_a_cache_that_cannot_be_written_is_one_line(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("ONNXACCEL_CACHE", str(tmp_path / "file"))
    with pytest.raises(BackendUnavailable, match="set ONNXACCEL_CACHE"):
        environment_build.build("tiny", say=quiet)


def test_a_full_disk_is_one_line(installer: FakeInstaller, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = environment_build.shutil.disk_usage("/")._replace(free=0)
    monkeypatch.setattr(environment_build.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(BackendUnavailable, match="needs 1 MB, 0 MB are free"):
        environment_build.build("tiny", say=quiet)


def test_of_two_builders_one_builds(installer: FakeInstaller) -> None:
    installer.go_on.clear()
    said: list[str] = []
    found: list[str] = []

    def build(say: Callable[[str], object]) -> None:
        found.append(environment_build.build("tiny", say=say))

    waiting = threading.Event()

    def told(line: str) -> None:
        said.append(line)
        waiting.set()

    first = threading.Thread(target=build, args=(quiet,))
    first.start()
    assert installer.started.wait(10)
    second = threading.Thread(target=build, args=(told,))
    second.start()
    assert waiting.wait(10)
    installer.go_on.set()
    first.join(10)
    second.join(10)
    assert found[0] == found[1]
    assert "another process builds tiny, waiting for it" in said
    assert sum("venv" in command for command in installer.commands) == 1


def test_no_fitting_python_is_one_line(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = environment.Recipe({(3, 99): "tiny.txt"}, "pytest_onnxaccel.core.errors", 1, ())
    monkeypatch.setattr(environment, "RECIPES", {"tiny": other})
    with pytest.raises(BackendUnavailable, match=r"tiny runs on Python 3\.99.* ONNXACCEL_PYTHON_TINY"):
        environment_build.build("tiny", say=quiet)


def test_the_launcher_shows_only_this_package(tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('a file of the model folder was imported')")
    code = (
        "import json, sys\n"
        "from pytest_onnxaccel.core.errors import ModelError\n"
        "print(json.dumps([sys.path, sys.argv, 'pytest_onnxaccel.plugin' in sys.modules]))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", environment.bootstrap(code), "3", "4"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    path, arguments, plugin = json.loads(done.stdout)
    assert arguments == ["-c", "3", "4"]
    assert "" not in path
    assert not plugin


def test_the_launcher_needs_no_package_of_the_other_interpreter() -> None:
    package = Path(environment.__file__).parent.parent
    code = f"import sys\nassert {str(package.parent)!r} not in sys.path\n"
    code += "import pytest_onnxaccel.isolation.worker"
    command = environment.launcher(sys.executable)
    assert command[:2] == [sys.executable, "-c"]
    # -S: without site-packages, so that whatever is found is ours or the standard library's
    subprocess.run([sys.executable, "-I", "-S", "-c", environment.bootstrap(code)], check=True)


@pytest.mark.parametrize("name", sorted(environment.RECIPES))
def test_pins_are_pinned(name: str) -> None:
    for version in environment.recipe(name).pins:
        lines = environment.pins_file(name, version).read_text().splitlines()
        pins = [line for line in lines if line and not line.startswith("#")]
        assert pins
        assert all("==" in pin.partition(";")[0] for pin in pins)
        assert not [line for line in lines if "://" in line or line.startswith("-")]


class TestForGpus:
    @pytest.fixture
    def both(self, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The environment of one wheel, with a form for GPUs that has other pins."""
        pins = environment.pins_file("tiny", OWN)
        pins.with_name("tiny-gpu.txt").write_text("# with CUDA\n" + pins.read_text())
        recipe = replace(environment.recipe("tiny"), gpu={OWN: "tiny-gpu.txt"}, gpu_room=1)
        monkeypatch.setattr(environment, "RECIPES", {"tiny": recipe})
        monkeypatch.setattr(environment_build.sys, "platform", "linux")
        monkeypatch.setattr(environment_build.platform, "machine", lambda: "x86_64")

    def test_it_is_beside_the_other_one_and_comes_first(self, both: None, installer: FakeInstaller) -> None:
        plain = environment_build.build("tiny", say=lambda _: None)
        assert environment.interpreter("tiny") == plain
        for_gpus = environment_build.build("tiny", gpu=True, say=lambda _: None)
        assert for_gpus != plain
        assert environment.interpreter("tiny") == for_gpus

    def test_not_on_another_system(self, both: None, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(environment_build.platform, "machine", lambda: "aarch64")
        with pytest.raises(BackendUnavailable, match="for Linux on x86_64, this is linux on aarch64"):
            environment_build.build("tiny", gpu=True)

    def test_one_without_such_a_form(self, tiny: Path) -> None:
        with pytest.raises(ConfigError, match="has no form for GPUs"):
            environment_build.build("tiny", gpu=True)

    @pytest.mark.parametrize("version", [(3, 11), (3, 12)])
    def test_pins_differ_in_tensorflow_and_cuda_alone(self, version: tuple[int, int]) -> None:
        plain, for_gpus = (
            {line for line in environment.pins_file("onnx-tf", version, gpu).read_text().splitlines() if "==" in line}
            for gpu in (False, True)
        )
        assert all(line.startswith("tensorflow") for line in plain - for_gpus)
        more = sorted(line for line in for_gpus - plain if not line.startswith("nvidia-"))
        assert [line.partition("==")[0] for line in more] == ["tensorflow"]
        (release,) = {line.partition("==")[2].partition(";")[0] for line in plain - for_gpus}
        assert more == [f"tensorflow=={release}"]
        assert any(line.startswith("nvidia-cudnn-cu12==") for line in for_gpus)
