"""``python -m pytest_onnxaccel env``: builds the isolated environment of a backend."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from pytest_onnxaccel.commands.shared import PROG
from pytest_onnxaccel.core.printing import escaped

#: What ``--help`` says of it.
HELP = "build the isolated environment of a backend"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``env``."""
    parser.description = "Build the environment of pinned packages that a backend such as onnx-tf runs in."
    parser.add_argument("name", metavar="NAME", help="name of the environment, such as onnx-tf")
    parser.add_argument("--rebuild", action="store_true", help="build it again even if it exists")
    parser.add_argument("--gpu", action="store_true", help="with the packages for NVIDIA GPUs, which onnx-tf has")
    parser.add_argument("--path", action="store_true", help="print its interpreter and build nothing")


def run(given: argparse.Namespace, show: Callable[[str], object]) -> int:
    """Build the environment, or print its interpreter, and return the exit status.

    Args:
        show: prints.

    Raises:
        OnnxAccelError: there is no such environment, or it cannot be built.
    """
    return _path(given.name, show) if given.path else _build(given, show)


def _path(name: str, show: Callable[[str], object]) -> int:
    from pytest_onnxaccel.environments import locate as environment

    python = environment.interpreter(name)
    if python is None:
        named = environment.configured(name)
        what = f"{named}, named for {name}, is not an interpreter" if named else f"{name} is not built"
        print(escaped(f"{what}; build it with {PROG} env {name}"), file=sys.stderr)
        return 1
    show(python)
    return 0


def _build(given: argparse.Namespace, show: Callable[[str], object]) -> int:
    from pytest_onnxaccel.environments import build
    from pytest_onnxaccel.environments import locate as environment

    name, gpu = given.name, given.gpu
    if given.rebuild and (not gpu or environment.recipe(name).gpu):
        for version in environment.versions_tried(name):
            # Without this mark it counts as not built, and the next building clears it away
            (environment.location(name, version, gpu) / environment.READY).unlink(missing_ok=True)
    build.build(name, gpu=gpu, say=show)
    return 0
