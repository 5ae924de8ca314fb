"""A source's loader, ``package.module:callable``, in the worker: imported and called without arguments.

Whatever goes wrong becomes an error of one line.
"""

from __future__ import annotations

import contextlib
import difflib
import importlib
import inspect
import os
import pkgutil
import sys
from collections.abc import Callable, Sequence
from typing import Any

from pytest_onnxaccel.core.errors import ConfigError, printable
from pytest_onnxaccel.core.registry import nearest


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


def at_home(import_paths: Sequence[str]) -> contextlib.AbstractContextManager[None]:
    """Make the repository the working folder: the owner's code may read by a relative path."""
    home = next((path for path in import_paths if os.path.isdir(path)), None)
    return contextlib.chdir(home) if home else contextlib.nullcontext()


def find_loader(loader: str, import_paths: Sequence[str]) -> Callable[[], Any]:
    """Return the callable that *loader* names.

    Raises:
        ConfigError: its module cannot be imported, has no such attribute, or that cannot be called.
    """
    return find_callable(loader, import_paths, f"loader {loader}")


def find_callable(name: str, import_paths: Sequence[str], called: str = "") -> Callable[..., Any]:
    """Return the callable that *name*, ``package.module:callable``, names.

    Args:
        name: ``package.module:callable``.
        import_paths: folders that its modules are found in, before ``sys.path``.
        called: what messages begin with; empty where their subject is *name* already.

    Raises:
        ConfigError: its module cannot be imported, has no such attribute, or that cannot be called.
    """
    module, _, attribute = name.partition(":")
    begin = f"{called}: " if called else ""
    for path in reversed(import_paths):
        # First, as `python -m pytest` has it: many a package installs a module `models` or `utils` of its own
        if path in sys.path:
            sys.path.remove(path)
        sys.path.insert(0, path)
    importlib.invalidate_caches()
    try:
        found: Any = importlib.import_module(module)
    except ModuleNotFoundError as error:
        cause, remedy = _absent(module, error.name or module, import_paths)
        raise ConfigError(f"{begin}{cause}", remedy=remedy) from None
    except (Exception, SystemExit) as error:  # whatever a module does when it is imported
        cause = f"importing {module} raises {type(error).__name__}: {printable(str(error), 120)}"
        raise ConfigError(f"{begin}{cause}", remedy=f"python -c 'import {module}' shows where") from None
    for part in attribute.split("."):
        if not hasattr(found, part):
            public = [key for key, value in vars(found).items() if callable(value) and not key.startswith("_")]
            raise ConfigError(
                f"{begin}{getattr(found, '__name__', found)} has no {part!r}",
                remedy=nearest(part, public) if public else "name a callable of the module",
            )
        found = getattr(found, part)
    if not callable(found):
        cause = f"is a {type(found).__name__}" + ("" if called else ", which cannot be called")
        raise ConfigError(f"{called} {cause}" if called else cause, remedy="name a callable")
    return found  # type: ignore[no-any-return]


def _absent(module: str, missing: str, import_paths: Sequence[str]) -> tuple[str, str]:
    """Return cause and remedy for the module *missing* that importing *module* asked for."""
    if module != missing and not module.startswith(f"{missing}."):
        return f"no module named {missing!r}, which {module} imports", "install it, or put it into the repository"
    package, _, last = missing.rpartition(".")
    places = getattr(sys.modules.get(package), "__path__", ()) if package else import_paths
    close = difflib.get_close_matches(last, [found.name for found in pkgutil.iter_modules(places)], n=1)
    if close:
        return f"no module named {missing!r}", f"did you mean {'.'.join(filter(None, (package, close[0])))!r}?"
    where = ", ".join(import_paths) or "sys.path"
    return f"no module named {missing!r}", f"modules are found in {where}; pytest's pythonpath adds folders"


def _needed(function: Callable[..., Any]) -> list[str]:
    """Return the names of the arguments that *function* cannot do without; none where it does not tell."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    loose = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [p.name for p in parameters if p.default is p.empty and p.kind not in loose]
