"""Libraries of custom operators, which the owner names and ONNX Runtime loads: they are code."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from pytest_onnxaccel.config.validators import is_function
from pytest_onnxaccel.core.errors import ConfigError, printable


def register(options: Any, libraries: Sequence[str], import_paths: Sequence[str]) -> None:
    """Let sessions of *options* use the operators of *libraries*.

    Args:
        options: ``SessionOptions``.
        libraries: a path, or ``package.module:function`` that gives one.
        import_paths: folders that such functions are found in, before ``sys.path``.

    Raises:
        ConfigError: one cannot be loaded, or its function gives no path.
    """
    for library in libraries:
        path = _path(library, import_paths)
        try:
            options.register_custom_ops_library(path)
        except Exception as error:  # of ONNX Runtime, which says what the linker said
            said = printable(str(error).rpartition("Failed to load library ")[2] or str(error), 160)
            raise ConfigError(
                f"the operator library {library} cannot be loaded: {said}",
                remedy="name a library that was built for this machine and this onnxruntime",
            ) from None


def _path(library: str, import_paths: Sequence[str]) -> str:
    if not is_function(library):
        if not os.path.isfile(library):
            raise ConfigError(f"there is no operator library at {library}", remedy="correct --onnx-ort-library")
        return library
    from pytest_onnxaccel.backends.loader import call_loader

    found = call_loader(library, import_paths)
    if not isinstance(found, (str, os.PathLike)):
        cause = f"{library} gives a {type(found).__name__}, which is not the path of an operator library"
        raise ConfigError(cause, remedy="name a function such as onnxruntime_extensions:get_library_path")
    return os.fspath(found)
