"""``package.module:name`` to the callable that it names, with one line for whatever is missing."""

from __future__ import annotations

import contextlib
import difflib
import importlib
import os
import pkgutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pytest_onnxaccel.core.errors import ConfigError, printable
from pytest_onnxaccel.core.lookup.registry import nearest


def resolve(name: str, root: Path, origin: str) -> Callable[[Any], Any]:
    """Return the function that *name* names, in the process of pytest, whose ``sys.path`` keeps its order.

    Args:
        name: ``package.module:function``.
        root: folder whose modules are importable, as they are for ``python -m pytest`` started there.
        origin: where *name* was written, for the message.

    Raises:
        ConfigError: the module cannot be imported, has no such attribute, or that cannot be called.
    """
    if str(root) not in sys.path:
        # First, as `python -m pytest` has it: many a package installs a module `tests` or `utils` of its own
        sys.path.insert(0, str(root))
    return _callable(name, [str(root)], name, origin, "name a function of one image")


def find_callable(name: str, import_paths: Sequence[str], called: str = "") -> Callable[..., Any]:
    """Return the callable that *name* names, in a worker, where *import_paths* come first.

    Args:
        name: ``package.module:callable``.
        import_paths: folders that its modules are found in, before ``sys.path``.
        called: what messages begin with; empty where their subject is *name* already.

    Raises:
        ConfigError: its module cannot be imported, has no such attribute, or that cannot be called.
    """
    for path in reversed(import_paths):
        # First, as `python -m pytest` has it: many a package installs a module `models` or `utils` of its own
        if path in sys.path:
            sys.path.remove(path)
        sys.path.insert(0, path)
    return _callable(name, import_paths, called, "", "name a callable")


def at_home(import_paths: Sequence[str]) -> contextlib.AbstractContextManager[None]:
    """Make the repository the working folder, in which the owner's code finds what it reads by a relative path.

    Args:
        import_paths: folders; the first that exists is the repository.
    """
    home = next((path for path in import_paths if os.path.isdir(path)), None)
    return contextlib.chdir(home) if home else contextlib.nullcontext()


def _callable(name: str, places: Sequence[str], called: str, subject: str, remedy: str) -> Callable[..., Any]:
    module, _, attribute = name.partition(":")
    begin = f"{called}: " if called else ""
    found: Any = _module(module, places, begin, subject)
    for part in attribute.split("."):
        if not hasattr(found, part):
            public = [key for key, value in vars(found).items() if callable(value) and not key.startswith("_")]
            raise ConfigError(
                f"{begin}{getattr(found, '__name__', found)} has no {part!r}",
                subject=subject,
                remedy=nearest(part, public) if public else "name a callable of the module",
            )
        found = getattr(found, part)
    if not callable(found):
        cause = f"is a {type(found).__name__}" + ("" if called else ", which cannot be called")
        raise ConfigError(f"{called} {cause}" if called else cause, subject=subject, remedy=remedy)
    return found  # type: ignore[no-any-return]


def _module(module: str, places: Sequence[str], begin: str, subject: str) -> Any:
    if "/" in module:
        cause, remedy = _of_a_file(module)
        raise ConfigError(f"{begin}{cause}", subject=subject, remedy=remedy)
    importlib.invalidate_caches()
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        cause, remedy = _absent(module, error.name or module, places)
        raise ConfigError(f"{begin}{cause}", subject=subject, remedy=remedy) from None
    except (Exception, SystemExit) as error:  # whatever a module does when it is imported
        cause = f"importing {module} raises {type(error).__name__}: {printable(str(error), 120)}"
        raise ConfigError(
            f"{begin}{cause}", subject=subject, remedy=f"python -c 'import {module}' shows where"
        ) from None


def _of_a_file(file: str) -> tuple[str, str]:
    """Return what is told of a path where a module's name is asked for, and what to write."""
    parts = file.removesuffix(".py").split("/")
    name = ".".join(part for part in parts if part not in ("", ".", ".."))
    return f"{file!r} is a file, not the name of a module", f"write {name!r}"


def _absent(module: str, missing: str, places: Sequence[str]) -> tuple[str, str]:
    """Return what is told of the module *missing* that importing *module* asked for, and what to do."""
    if module.endswith(".py"):
        return _of_a_file(module)
    if module != missing and not module.startswith(f"{missing}."):
        return f"no module named {missing!r}, which {module} imports", "install it, or put it into the repository"
    package, _, last = missing.rpartition(".")
    found_in = getattr(sys.modules.get(package), "__path__", ()) if package else places
    close = difflib.get_close_matches(last, [found.name for found in pkgutil.iter_modules(found_in)], n=1)
    if close:
        return f"no module named {missing!r}", f"did you mean {'.'.join(filter(None, (package, close[0])))!r}?"
    where = ", ".join(places) or "sys.path"
    return f"no module named {missing!r}", f"modules are found in {where}; pytest's pythonpath adds folders"
