"""Builds an isolated environment, with uv or with venv and pip; once, however many processes ask."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from pytest_onnxaccel.core.errors import BackendUnavailable, ConfigError, printable
from pytest_onnxaccel.environments.locate import (
    READY,
    bootstrap,
    is_ready,
    location,
    pins_file,
    python_of,
    recipe,
    variable,
    versions_tried,
)

Say = Callable[[str], object]

#: What would send packages elsewhere than into the environment, or show the installer another environment.
_DROPPED = (
    "PIP_PREFIX", "PIP_ROOT", "PIP_TARGET", "PIP_USER", "PYTHONDONTWRITEBYTECODE", "PYTHONHOME", "PYTHONPATH",
    "VIRTUAL_ENV", "__PYVENV_LAUNCHER__",
)  # fmt: skip
#: Lines of an installer's output that are shown when it fails.
_TAIL = 15


class _Failed(Exception):
    """A step of the building failed; the text is the line that says why."""


def build(name: str, *, gpu: bool = False, say: Callable[[str], object] = print) -> str:
    """Build environment *name* unless it is there, and return its interpreter.

    Args:
        name: that of the environment, such as ``onnx-tf``.
        gpu: in its form for NVIDIA GPUs.
        say: called with one line for each step.

    Raises:
        BackendUnavailable: it cannot be built; ``say`` was given the end of the installer's output.
        ConfigError: there is no such environment, or it has no such form.
    """
    if gpu and not recipe(name).gpu:
        raise ConfigError(f"the environment {name} has no form for GPUs", remedy="leave out --gpu")
    if gpu and (sys.platform, platform.machine()) != ("linux", "x86_64"):
        here = f"this is {sys.platform} on {platform.machine()}"
        raise BackendUnavailable(
            f"{name} for GPUs is made of wheels for Linux on x86_64, {here}", remedy="leave out --gpu"
        )
    version, base = find_python(name)
    folder = location(name, version, gpu)
    log = folder.with_name(folder.name + ".log")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _lock(folder.with_name(folder.name + ".lock"), name, say):
            if not is_ready(folder):
                _build(name, version, base, gpu, log, say)
    except _Failed as error:
        for line in _tail(log):
            say(line)
        raise BackendUnavailable(
            f"the environment {name} could not be built: {error}", where=base, remedy=f"see {log}"
        ) from None
    except OSError as error:
        raise BackendUnavailable(
            f"the environment {name} could not be built in {folder.parent}: {error.strerror or error}",
            remedy="set ONNXACCEL_CACHE to a folder with room",
        ) from error
    say(f"{name} is ready: {python_of(folder)}")
    return str(python_of(folder))


def find_python(name: str) -> tuple[tuple[int, int], str]:
    """Return the version and path of the interpreter that environment *name* is made with.

    Raises:
        BackendUnavailable: no Python that it runs on is here.
    """
    tried = versions_tried(name)
    if sys.version_info[:2] in tried:
        return sys.version_info[:2], sys.executable
    uv = shutil.which("uv")
    for version in tried:
        word = f"{version[0]}.{version[1]}"
        found = [shutil.which(f"python{word}")]
        if uv:
            found.append(_answer([uv, "python", "find", "--no-python-downloads", word]))
        for python in found:
            # A shim of a version manager may be on PATH for a version that is not installed
            if python and _answer([python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]) == word:
                return version, python
    words = ", ".join(f"{major}.{minor}" for major, minor in sorted(tried))
    raise BackendUnavailable(
        f"{name} runs on Python {words}; this is {platform.python_version()} and none of those is on PATH",
        remedy=f"install one, or name one that has {name} in {variable(name)}",
    )


def _answer(command: Sequence[str]) -> str:
    """Return the one line that *command* prints, empty when it fails."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _build(name: str, version: tuple[int, int], base: str, gpu: bool, log: Path, say: Say) -> None:
    folder = location(name, version, gpu)
    room = recipe(name).gpu_room if gpu else recipe(name).room
    free = shutil.disk_usage(folder.parent).free >> 20
    if free < room:
        raise OSError(f"needs {room} MB, {free} MB are free")
    say(f"building {name} with Python {version[0]}.{version[1]}, about {room} MB, in {folder}")
    log.write_text("", encoding="utf-8")
    _install(base, folder, pins_file(name, version, gpu), log, say)
    # Also compiles what a worker imports: uv leaves that to the first import
    code = f"import json, {recipe(name).smoke}\nfrom importlib.metadata import distributions\n"
    code += "print(json.dumps({d.metadata['Name'].replace('_', '-'): d.version for d in distributions()}))"
    say("checking that it imports")
    lines = _run([str(python_of(folder)), "-c", bootstrap(code)], log).splitlines()
    reported = recipe(name).reported
    found = {key: value for key, value in json.loads(lines[-1]).items() if key in reported}
    noted = {"python": f"{version[0]}.{version[1]}", "versions": found}
    partial = folder / (READY + ".part")
    partial.write_text(json.dumps(noted), encoding="utf-8")
    partial.rename(folder / READY)


def _install(base: str, folder: Path, pins: Path, log: Path, say: Say) -> None:
    """Make a virtual environment in *folder*, its final place: a moved one has wrong paths in its scripts."""
    python = str(python_of(folder))
    wanted = ["--no-deps", "-r", str(pins)]
    uv = shutil.which("uv")
    if uv:
        try:
            _clear(folder)
            say("installing with uv")
            _run([uv, "venv", "--python", base, str(folder)], log)
            _run([uv, "pip", "install", "--python", python, *wanted], log)
            return
        except _Failed as error:
            say(f"uv failed, which does not read pip's settings: {error}")
    _clear(folder)
    say("installing with pip")
    _run([base, "-m", "venv", str(folder)], log)
    _run([python, "-m", "pip", "install", *wanted], log)


def _clear(folder: Path) -> None:
    """Remove what a broken build left, the marker first."""
    (folder / READY).unlink(missing_ok=True)
    if folder.exists():
        shutil.rmtree(folder)


def _run(command: Sequence[str], log: Path) -> str:
    """Run *command*, keep its output in *log*, return its standard output.

    Raises:
        _Failed: it did not end well.
    """
    environment = {key: value for key, value in os.environ.items() if key not in _DROPPED}
    with log.open("a", encoding="utf-8") as file:
        file.write(f"$ {printable(' '.join(command), 200)}\n")
        file.flush()
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=file,
                env=environment,
                text=True,
            )
        except OSError as error:
            raise _Failed(f"{command[0]}: {error.strerror or error}") from error
        file.write(done.stdout)
    if done.returncode:
        raise _Failed(_why(_tail(log), done.returncode))
    return done.stdout


def _tail(log: Path) -> list[str]:
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    return [printable(line, 300) for line in lines if line.strip()][-_TAIL:]


def _why(lines: Sequence[str], status: int) -> str:
    """Return the last line that calls itself an error, else the last line."""
    errors = [line for line in lines if line.lower().lstrip("× ").startswith("error") or "Error:" in line]
    return (errors or list(lines) or [f"exit status {status}"])[-1]


@contextlib.contextmanager
def _lock(path: Path, name: str, say: Say) -> Iterator[None]:
    """Lock out other builders; the system drops the lock of a builder that dies."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"another process builds {name}, waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
