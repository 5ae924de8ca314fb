"""Hypothesis strategies for your own tests: ``from pytest_onnxaccel.strategies import images, model_inputs``.

The only room that imports hypothesis, and only when a strategy is asked for: :mod:`.programs` draws images from a few
integers without it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from pytest_onnxaccel.core.errors import ConfigError

if TYPE_CHECKING:
    from pytest_onnxaccel.strategies.models import model_inputs
    from pytest_onnxaccel.strategies.pictures import batches, image_programs, images, rendered
    from pytest_onnxaccel.strategies.programs import ImageProgram as ImageProgram
    from pytest_onnxaccel.strategies.search import find_failing as find_failing

__all__ = ["batches", "image_programs", "images", "model_inputs", "rendered"]

_PUBLIC = {
    "batches": "pictures", "images": "pictures", "image_programs": "pictures", "model_inputs": "models",
    "find_failing": "search", "ImageProgram": "programs", "rendered": "pictures",
}  # fmt: skip


class HypothesisMissing(ConfigError, ImportError):
    """hypothesis is not installed; ``pytest-onnxaccel[fuzz]`` brings it."""


if not TYPE_CHECKING:  # else a checker would take any name

    def __getattr__(name):
        if name not in _PUBLIC:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        try:
            import_module("hypothesis")
        except ImportError as error:
            raise HypothesisMissing(
                f"{__name__}.{name} needs hypothesis, which is not installed",
                remedy='pip install "pytest-onnxaccel[fuzz]"',
            ) from error
        return getattr(import_module(f"{__name__}.{_PUBLIC[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_PUBLIC})
