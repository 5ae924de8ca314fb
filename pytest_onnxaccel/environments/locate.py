"""Isolated environments by name: where one is, and how our worker is started in it. Standard library only.

Looking an environment up reads a few small files and starts nothing; building one is in
:mod:`~pytest_onnxaccel.environments.build`.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import platform
import shutil
import sys
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path

from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.frozen import record

#: Written into an environment as the last step of its building.
READY = "onnxaccel-ready.json"

_PACKAGE = Path(__file__).resolve().parent.parent
_PINS = Path(__file__).resolve().parent / "pins"


@record(frozen=True)
class Recipe:
    """What an environment is made of.

    Attributes:
        pins: requirements file by Python version, the preferred version first.
        smoke: module of this package that must import there.
        room: megabytes that it takes.
        reported: distributions whose versions go into reports.
        gpu: requirements file by Python version of the form for NVIDIA GPUs; empty where there is none.
        gpu_room: megabytes that this form takes.
    """

    pins: Mapping[tuple[int, int], str]
    smoke: str
    room: int
    reported: tuple[str, ...]
    gpu: Mapping[tuple[int, int], str] = field(default_factory=dict)
    gpu_room: int = 0


RECIPES = {
    "onnx-tf": Recipe(
        pins={
            (3, 11): "onnx-tf.txt",
            (3, 10): "onnx-tf.txt",
            (3, 13): "onnx-tf-py312.txt",
            (3, 12): "onnx-tf-py312.txt",
        },
        smoke="pytest_onnxaccel.backends.onnx_tf.preload",
        room=1700,
        reported=("onnx-tf", "tensorflow", "tensorflow-cpu", "tensorflow-macos", "onnx", "numpy"),
        gpu={
            (3, 11): "onnx-tf-gpu.txt",
            (3, 10): "onnx-tf-gpu.txt",
            (3, 13): "onnx-tf-gpu-py312.txt",
            (3, 12): "onnx-tf-gpu-py312.txt",
        },
        gpu_room=6000,
    ),
    "ort-openvino": Recipe(
        pins=dict.fromkeys(((3, 11), (3, 12), (3, 13)), "ort-openvino.txt"),
        smoke="pytest_onnxaccel.backends.onnxruntime.providers.preload",
        room=500,
        reported=("onnxruntime-openvino",),
    ),
}


def recipe(name: str) -> Recipe:
    """Return the recipe of environment *name*.

    Raises:
        ConfigError: there is none.
    """
    if name not in RECIPES:
        near = difflib.get_close_matches(name, RECIPES, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(RECIPES)}"
        raise ConfigError(f"no environment is named {name!r}", remedy=hint)
    return RECIPES[name]


def cache_folder() -> Path:
    """Return where this package keeps what it builds: ``$ONNXACCEL_CACHE``, else a folder in the user's cache."""
    chosen = os.environ.get("ONNXACCEL_CACHE")
    if chosen:
        return Path(chosen).expanduser().absolute()
    if sys.platform == "darwin":
        base = "~/Library/Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser().absolute() / "pytest-onnxaccel"


def pins_file(name: str, version: tuple[int, int], gpu: bool = False) -> Path:
    """Return the requirements of environment *name* for Python *version*, or of its form for GPUs."""
    made = recipe(name)
    return _PINS / (made.gpu if gpu else made.pins)[version]


def location(name: str, version: tuple[int, int], gpu: bool = False) -> Path:
    """Return the folder of environment *name* for Python *version*: another one for other pins or another machine."""
    digest = hashlib.sha256(pins_file(name, version, gpu).read_bytes())
    digest.update(f"{version} {sys.platform} {platform.machine()}".encode())
    return cache_folder() / "env" / f"{name}-{digest.hexdigest()[:12]}"


def python_of(folder: Path) -> Path:
    """Return the interpreter of the environment in *folder*."""
    return folder / "bin" / "python"


def is_ready(folder: Path) -> bool:
    """Return whether the environment in *folder* was built to the end and its interpreter is still there."""
    return (folder / READY).is_file() and os.access(python_of(folder), os.X_OK)


def versions_tried(name: str) -> list[tuple[int, int]]:
    """Return Python versions that environment *name* can have: the one that runs this first."""
    own = sys.version_info[:2]
    return sorted(recipe(name).pins, key=lambda version: version != own)


def variable(name: str) -> str:
    """Return the environment variable that names an interpreter for environment *name*."""
    return "ONNXACCEL_PYTHON_" + name.upper().replace("-", "_")


def configured(name: str, override: str | None = None) -> str | None:
    """Return the interpreter that the user named for environment *name*, there or not; *override* comes first."""
    return override or os.environ.get(variable(name)) or None


def interpreter(name: str, override: str | None = None) -> str | None:
    """Return the path of the interpreter of environment *name*, or None when it is not there. Starts no process.

    Args:
        name: that of the environment, such as ``onnx-tf``.
        override: an interpreter, or a command on PATH, instead of the built environment.

    Raises:
        ConfigError: there is no such environment.
    """
    named = configured(name, override)
    if named is not None:  # it may be of a backend for which nothing is built here
        return shutil.which(os.path.expanduser(named))
    # The form for GPUs first: it computes on the CPU, too, and was asked for on purpose
    forms = (True, False) if recipe(name).gpu else (False,)
    folders = [location(name, version, gpu) for gpu in forms for version in versions_tried(name)]
    return next((str(python_of(folder)) for folder in folders if is_ready(folder)), None)


def versions(python: str) -> dict[str, str]:
    """Return the versions of the main distributions next to *python*, as noted when it was built; empty for another."""
    try:
        noted = json.loads((Path(python).parent.parent / READY).read_text(encoding="utf-8"))
        return {str(name): str(version) for name, version in noted["versions"].items()}
    except (OSError, ValueError, KeyError, AttributeError):
        return {}


def bootstrap(statement: str) -> str:
    """Return Python code that makes this package importable, nothing else of ours, and runs *statement*.

    The package is registered by its folder: with that folder's parent on ``sys.path`` the other interpreter
    would see every package next to ours, built for another Python.
    """
    return (
        "import sys, types\n"
        # python -c puts the working folder first, where a model's folder may hold an onnx.py
        "sys.path[:] = [p for p in sys.path if p]\n"
        "package = types.ModuleType('pytest_onnxaccel')\n"
        f"package.__path__ = [{str(_PACKAGE)!r}]\n"
        "sys.modules['pytest_onnxaccel'] = package\n"
        f"{statement}\n"
    )


def launcher(python: str) -> list[str]:
    """Start of the command that runs our worker in *python*; the worker's own arguments follow it."""
    return [python, "-c", bootstrap("from pytest_onnxaccel.isolation.worker import main\nmain()")]
