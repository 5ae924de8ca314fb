"""Import and call what a loader, ``package.module:callable``, names; in a worker, with one line for what goes wrong."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from pytest_onnxaccel.core.errors import ConfigError, printable
from pytest_onnxaccel.core.lookup.import_string import at_home, find_callable


def call_loader(loader: str, import_paths: Sequence[str]) -> Any:
    """Call the loader, without arguments, and return what it builds; the weights are loaded into that.

    Args:
        loader: ``package.module:callable``.
        import_paths: folders that its modules are found in, before ``sys.path``; it runs in the first of them.

    Raises:
        ConfigError: it cannot be imported, takes arguments, or raises.
    """
    function = find_loader(loader, import_paths)
    needed = _needed(function)
    if needed:
        raise ConfigError(
            f"loader {loader} needs the arguments {', '.join(needed)}",
            remedy="name a callable without arguments, such as a function that calls it",
        )
    try:
        with at_home(import_paths):
            return function()
    except Exception as error:  # of whoever wrote it
        raise ConfigError(
            f"loader {loader} raises {type(error).__name__}: {printable(str(error), 140)}",
            remedy=f"python -c 'from {loader.partition(':')[0]} import *' and call it, to see where",
        ) from None


def find_loader(loader: str, import_paths: Sequence[str]) -> Callable[[], Any]:
    """Return the callable that *loader* names.

    Raises:
        ConfigError: its module cannot be imported, has no such attribute, or that cannot be called.
    """
    return find_callable(loader, import_paths, f"loader {loader}")


def _needed(function: Callable[..., Any]) -> list[str]:
    """Return the names of the arguments that *function* cannot do without; none where it does not tell."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    loose = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [p.name for p in parameters if p.default is p.empty and p.kind not in loose]
