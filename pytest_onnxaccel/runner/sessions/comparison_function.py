"""A function of the user's that compares outputs, called in a worker as other functions of the user's are."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pytest_onnxaccel.backends.function.backend import COMPARISON
from pytest_onnxaccel.backends.function.comparison import AGREE, CANDIDATE, REFERENCE, WHY
from pytest_onnxaccel.backends.protocol import LoadOptions, SourceOptions
from pytest_onnxaccel.core.errors import OnnxAccelError
from pytest_onnxaccel.isolation.engine import Engine

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array


def comparison_function(
    name: str, engine: Engine, import_paths: tuple[str, ...]
) -> Callable[[Array, Array], tuple[bool, str]]:
    """Return what tells whether two arrays agree by the function *name*; what goes wrong is told of the function.

    Raises:
        OnnxAccelError: it cannot be imported, or cannot be called with two arrays.
    """
    options = LoadOptions(source=SourceOptions(COMPARISON, import_paths=import_paths))
    try:
        session = engine.load(name, options)
    except OnnxAccelError as error:
        raise error.about(name) from None

    def run(candidate: Array, reference: Array) -> tuple[bool, str]:
        try:
            found = session.run({CANDIDATE: candidate, REFERENCE: reference})
        except OnnxAccelError as error:
            raise error.about(name) from None
        return bool(found[AGREE]), str(found[WHY][0])

    return run
