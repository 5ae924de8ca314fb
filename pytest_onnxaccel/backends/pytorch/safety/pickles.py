"""Pickles of PyTorch: opened for their weights alone, refused by the names that they refer to beyond those."""

from __future__ import annotations

import importlib
import inspect
import pickle
import pickletools
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from pytest_onnxaccel.backends.pytorch.safety.trust import may_offer, may_trust, trusted_of
from pytest_onnxaccel.core.errors import ConfigError, ModelError, OnnxAccelError, printable

#: Where checkpoints of training loops keep the state dict.
_NESTED = ("state_dict", "model_state_dict", "model")
_GLOBAL = re.compile(r"GLOBAL ([\w.]+)")
#: A file of the old format is several pickles in a row, of which the fourth is what was saved.
_PICKLES_OF_OLD = 4
_STATE_DICT = "save module.state_dict() alone and name a loader"


def weights_only(path: str, import_paths: Sequence[str], trusted: Sequence[str]) -> Any:
    """Return what the file of ``torch.save`` at *path* holds; only weights and *trusted* names are unpickled.

    Raises:
        ModelError: ``E_UNSAFE``, with the names that it refers to, found before anything is loaded; ``E_PARSE``.
    """
    import torch

    needed = _refers_to(path)
    allowed = trusted_of(needed, trusted)
    refused = [name for name in needed if name not in allowed]
    if refused:
        raise _unsafe(refused, import_paths)
    try:
        with torch.serialization.safe_globals([(_resolve(name, import_paths), name) for name in allowed]):
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        text = str(error)
        named = _GLOBAL.findall(text)[:1]
        if named:
            raise _unsafe(named, import_paths) from None
        if "weights_only" in text.lower() or "Unsupported" in text:
            why = text.partition("WeightsUnpickler error:")[2].strip() or text
            cause = f"is more than weights: {printable(why.partition(chr(10))[0], 120)}"
            raise ModelError(cause, code="E_UNSAFE", remedy=_STATE_DICT) from None
        raise unreadable(error, "file of torch.save") from None
    except OnnxAccelError:
        raise
    except Exception as error:
        raise unreadable(error, "file of torch.save") from None


def _refers_to(path: str) -> list[str]:
    """Return the names beyond PyTorch's safe ones that the pickle at *path* refers to, found without running it."""
    import torch

    try:
        found = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except Exception:  # the old format, or garbage: loading says which
        found = _refers_to_of_old(path)
    # What the user's own names are says more than that a layer of PyTorch is among them
    return sorted(found, key=lambda name: (name.startswith("torch."), name))


def _refers_to_of_old(path: str) -> list[str]:
    from torch import _weights_only_unpickler as unpickler
    from torch._utils import IMPORT_MAPPING, NAME_MAPPING

    names = set()
    try:
        with open(path, "rb") as file:
            for _ in range(_PICKLES_OF_OLD):
                for op, argument, _ in pickletools.genops(file):
                    if op.name in ("GLOBAL", "INST"):
                        module, _, name = str(argument).partition(" ")
                        found = NAME_MAPPING.get((module, name), (IMPORT_MAPPING.get(module, module), name))
                        names.add(".".join(found))
    except Exception:  # garbage, or a newer pickle: loading says what is wrong
        pass
    return sorted(names - set(unpickler._get_allowed_globals()))


def _unsafe(names: Sequence[str], import_paths: Sequence[str]) -> ModelError:
    shown = ", ".join(printable(name, 80) for name in names[:3])
    shown += f" and {len(names) - 3} more" if len(names) > 3 else ""
    offered = all(may_offer(name, import_paths) for name in names)
    return ModelError(
        f"holds more than weights, it refers to {shown}",
        code="E_UNSAFE",
        remedy=f"save the state dict alone, or trust them: --onnx-trust={names[0]}" if offered else _STATE_DICT,
    )


def _resolve(name: str, import_paths: Sequence[str]) -> Any:
    """Return the object that a trusted *name* refers to.

    Raises:
        ConfigError: there is none.
        ModelError: ``E_UNSAFE``: it is another name of what is never trusted.
    """
    for path in reversed(import_paths):
        if path not in sys.path:
            sys.path.insert(0, path)
    module, _, attribute = name.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except Exception as error:
        cause = f"the file refers to {name}, which cannot be imported: {printable(str(error), 120)}"
        raise ConfigError(cause, remedy="name its folder in pytest's pythonpath") from None
    actual = f"{getattr(found, '__module__', module)}.{getattr(found, '__qualname__', attribute)}"
    if inspect.ismodule(found) or not may_trust(actual):
        raise ModelError(
            f"{name} is {printable(actual, 100)}, which is never trusted", code="E_UNSAFE", remedy=_STATE_DICT
        )
    return found


def state_dict(held: Any) -> Mapping[str, Any]:
    """Return the state dict in what a file holds: itself, or under a usual key of a training checkpoint.

    Raises:
        ModelError: ``E_PARSE``: there is none.
    """
    for candidate in (held, *(held.get(key) for key in _NESTED if isinstance(held, Mapping))):
        if isinstance(candidate, Mapping) and candidate and all(map(_is_entry, candidate.items())):
            return candidate
    keys = ", ".join(map(str, list(held)[:4])) if isinstance(held, Mapping) else ""
    what = f"a {type(held).__name__}" + (f" with {keys}" if keys else "")
    raise ModelError(
        f"holds {printable(what, 120)}, and no state dict", code="E_PARSE", remedy="save module.state_dict()"
    )


def _is_entry(item: tuple[Any, Any]) -> bool:
    import torch

    return isinstance(item[0], str) and (isinstance(item[1], torch.Tensor) or item[0].endswith("_extra_state"))


def unreadable(error: Exception, what: str) -> ModelError:
    """Return the refusal of a file that is not *what* it should be."""
    text = str(error).strip().partition("\n")[0]
    cause = f"is not a {what} that this PyTorch reads: {type(error).__name__}: {printable(text, 160)}"
    return ModelError(cause, code="E_PARSE", remedy="export it again with this PyTorch")
