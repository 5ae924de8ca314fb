"""Pickles of PyTorch: opened for their weights alone, refused by the names that they refer to beyond those."""

from __future__ import annotations

import fnmatch
import importlib
import pickle
import pickletools
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from pytest_onnxaccel.errors import ConfigError, ModelError, OnnxAccelError, printable

#: Where checkpoints of training loops keep the state dict.
_NESTED = ("state_dict", "model_state_dict", "model")
_GLOBAL = re.compile(r"GLOBAL ([\w.]+)")
#: A file of the old format is several pickles in a row, of which the fourth is what was saved.
_PICKLES_OF_OLD = 4


def weights_only(path: str, import_paths: Sequence[str], trusted: Sequence[str]) -> Any:
    """What the file at *path*, written by ``torch.save``, holds; nothing but weights and *trusted* names is unpickled.

    Raises:
        ModelError: ``E_UNSAFE``, with the names that it refers to; ``E_PARSE``.
    """
    import torch

    needed = _refers_to(path)
    allowed = [name for name in needed if any(fnmatch.fnmatchcase(name, pattern) for pattern in trusted)]
    try:
        with torch.serialization.safe_globals([(_resolve(name, import_paths), name) for name in allowed]):
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        text = str(error)
        # By the error's own word where the file is of the old format, which cannot be looked into beforehand
        named = [name for name in needed if name not in allowed] or _GLOBAL.findall(text)[:1]
        if "weights_only" in text.lower() or "Unsupported" in text or named:
            raise _unsafe(named, text) from None
        raise unreadable(error, "file of torch.save") from None
    except OnnxAccelError:
        raise
    except Exception as error:
        raise unreadable(error, "file of torch.save") from None


def _refers_to(path: str) -> list[str]:
    """Names beyond PyTorch's safe ones that the pickle at *path* refers to, told without running it."""
    import torch

    try:
        found = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except Exception:  # the old format, or garbage: loading says which
        found = _refers_to_of_old(path)
    # What the user's own names are says more than that a layer of PyTorch is among them
    return sorted(found, key=lambda name: (name.startswith("torch."), name))


def _refers_to_of_old(path: str) -> list[str]:
    names = set()
    try:
        with open(path, "rb") as file:
            for _ in range(_PICKLES_OF_OLD):
                names |= {
                    str(argument).replace(" ", ".")
                    for op, argument, _ in pickletools.genops(file)
                    if op.name == "GLOBAL"
                }
    except Exception:  # garbage, or a newer pickle: loading says what is wrong
        pass
    return [
        name for name in names if not name.startswith(("torch._utils.", "collections.OrderedDict", "torch.storage."))
    ]


def _unsafe(names: Sequence[str], text: str) -> ModelError:
    if not names:
        return ModelError(
            f"is more than weights: {printable(text.partition(chr(10))[0], 120)}",
            code="E_UNSAFE", remedy="save module.state_dict() and name a loader",
        )  # fmt: skip
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return ModelError(
        f"holds more than weights, it refers to {shown}",
        code="E_UNSAFE",
        remedy=f"save the state dict alone, or trust them: --onnx-trust={names[0]}",
    )


def _resolve(name: str, import_paths: Sequence[str]) -> Any:
    """The object that a trusted *name* refers to.

    Raises:
        ConfigError: there is none.
    """
    for path in reversed(import_paths):
        if path not in sys.path:
            sys.path.insert(0, path)
    module, _, attribute = name.rpartition(".")
    try:
        return getattr(importlib.import_module(module), attribute)
    except Exception as error:
        cause = f"the file refers to {name}, which cannot be imported: {printable(str(error), 120)}"
        raise ConfigError(cause, remedy="name its folder in pytest's pythonpath") from None


def state_dict(held: Any) -> Mapping[str, Any]:
    """The state dict in what a file holds: itself, or under a usual key of a training checkpoint.

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
    """The refusal of a file that is not *what* it should be."""
    text = str(error).strip().partition("\n")[0]
    cause = f"is no {what} that this PyTorch reads: {type(error).__name__}: {printable(text, 160)}"
    return ModelError(cause, code="E_PARSE", remedy="export it again with this PyTorch")
