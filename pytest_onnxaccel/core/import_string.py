"""``package.module:function`` to the function: with pytest's rootdir importable, and one line for what is missing."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pytest_onnxaccel.core.errors import ConfigError, printable
from pytest_onnxaccel.core.registry import nearest


def resolve(name: str, root: Path, origin: str) -> Callable[[Any], Any]:
    """Return the function that *name* names.

    Args:
        name: ``package.module:function``.
        root: folder whose modules are importable, as they are for ``python -m pytest`` started there.
        origin: where *name* was written, for the message.

    Raises:
        ConfigError: the module cannot be imported, has no such attribute, or that cannot be called.
    """
    module_name, _, attribute = name.partition(":")
    if str(root) not in sys.path:
        # First, as `python -m pytest` has it: many a package installs a module `tests` or `utils` of its own
        sys.path.insert(0, str(root))
    found: Any = _module(module_name, name, root, origin)
    for part in attribute.split("."):
        if not hasattr(found, part):
            public = [key for key, value in vars(found).items() if callable(value) and not key.startswith("_")]
            raise ConfigError(
                f"{name}: {getattr(found, '__name__', found)} has no {part!r}",
                subject=origin,
                remedy=nearest(part, public) if public else "name a function of the module",
            )
        found = getattr(found, part)
    if not callable(found):
        raise ConfigError(f"{name} is a {type(found).__name__}", subject=origin, remedy="name a function of one image")
    return found  # type: ignore[no-any-return]


def _module(module: str, name: str, root: Path, origin: str) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        remedy = f"modules are found on sys.path and in {root}"
        raise ConfigError(f"{name}: no module named {error.name!r}", subject=origin, remedy=remedy) from None
    except Exception as error:  # whatever a module does when it is imported
        raise ConfigError(
            f"{name}: importing {module} raises {type(error).__name__}: {printable(str(error), 120)}",
            subject=origin,
            remedy=f"python -c 'import {module}' shows where",
        ) from None
