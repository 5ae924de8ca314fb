"""Which configurations of Keras must not be loaded: those that name code, other models, files, or what Keras has not.

Keras' own safe mode is not relied on: releases up to 3.11 did not apply it to HDF5 files, and several let a
configuration name functions of other modules. Every class and function must be on the list of
:mod:`.names`, wherever in the configuration it is named, and by whatever form of a name.
"""

from __future__ import annotations

import builtins
import fnmatch
import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from pytest_onnxaccel.backends.tensorflow.keras import names
from pytest_onnxaccel.core.errors import ModelError, printable

_DEEPEST = 200
_CODE = "runs Python code"
_MODEL = "loads another model"
#: Classes that are refused for a reason of their own.
_REASONS: Mapping[str, str] = {
    "Lambda": _CODE, "__lambda__": _CODE, "TFSMLayer": _MODEL, "TorchModuleWrapper": _MODEL, "JaxLayer": _MODEL,
    "FlaxLayer": _MODEL,
}  # fmt: skip
#: What is not a class: values that JSON does not have.
_VALUES = frozenset(
    {
        "__keras_tensor__",
        "__tensor__",
        "__numpy__",
        "__bytes__",
        "__ellipsis__",
        "__slice__",
        "__tuple__",
        "TensorShape",
    }
)
#: Layers that read a file when they are given its name.
_VOCABULARIES = ("vocabulary", "idf_weights")
#: Keys whose texts Keras takes for names of classes and functions.
_NAMING = ("activation", "initializer", "regularizer", "constraint", "quantizer", "optimizer", "loss", "metrics", "fn")
#: Packages that Keras imports because a configuration names them.
_IMPORTED = ("keras_hub", "keras_cv", "keras_nlp")


def refuse_config(config: Any, trusted: Collection[str] = (), kept: bool = True) -> None:
    """Refuse the parsed *config* of a model.

    Args:
        config: dictionaries, lists, texts and numbers, as JSON has them.
        trusted: patterns of classes that the owner of the model allows, such as ``keras_hub.*``.
        kept: the model is made of it. False for what is known not to be loaded, how the model was trained: there a
            plain name of something that Keras does not have is only the name of the trainer's own loss.

    Raises:
        ModelError: ``E_UNSAFE`` naming the class or function and the layer; ``E_PARSE``: it is nested too deep.
    """
    for layer, found, loaded in _objects(config, "", 0, kept):
        _refuse_object(found, f" in layer {printable(layer, 60)!r}" if layer else "", trusted, loaded)


def _objects(value: Any, layer: str, depth: int, kept: bool) -> Iterator[tuple[str, dict[str, Any], bool]]:
    """Yield every dictionary of *value*, with the name of the layer that it belongs to, and whether it is loaded."""
    if depth > _DEEPEST:
        raise ModelError("is truncated or not a Keras model: its configuration is nested too deep")
    if isinstance(value, dict):
        inner = value.get("config")
        named = value.get("name") or (inner.get("name") if isinstance(inner, dict) else None)
        layer = named if isinstance(named, str) else layer
        yield layer, value, kept
        for key, item in value.items():
            # Of the model itself it is not loaded; of a model within it is
            trained = depth == 0 and key in ("compile_config", "training_config")
            yield from _objects(item, layer, depth + 1, kept and not trained)
    elif isinstance(value, list):
        for item in value:
            yield from _objects(item, layer, depth + 1, kept)
    elif isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            parsed = json.loads(value)
        except (ValueError, RecursionError):
            return
        yield from _objects(parsed, layer, depth + 1, kept)


def _refuse_object(found: dict[str, Any], where: str, trusted: Collection[str], kept: bool) -> None:
    if "class_name" in found:
        _refuse_named(found, where, trusted, kept)
    for key, value in found.items():
        if key in _VOCABULARIES and isinstance(value, str):
            raise _unsafe(f"reads a file: {key} is {printable(value, 60)!r}{where}")
        if key.endswith(_NAMING):
            for text in _texts(value):
                if not names.is_shorthand(text) and (kept or not _is_own(text)):
                    raise _unsafe(f"names {printable(text, 80)} as its {printable(key, 40)}{where}, {_NONE}")


_NONE = "which is not a building block of Keras"


def _refuse_named(found: dict[str, Any], where: str, trusted: Collection[str], kept: bool) -> None:
    name, module, registered = found["class_name"], found.get("module"), found.get("registered_name")
    if not isinstance(name, str) or not isinstance(module, str | None) or not isinstance(registered, str | None):
        raise _unsafe(f"names {printable(str(name), 60)}{where} by something other than text")
    if name in _REASONS:
        raise _unsafe(f"holds {name}{where}, which {_REASONS[name]}")
    if name in _VALUES:
        return
    called = found.get("config") if name == "function" else name
    if not isinstance(called, str):
        raise _unsafe(f"names a function{where} by something other than text")
    full = f"{module}.{called}" if module else called
    if any(fnmatch.fnmatchcase(full, pattern) for pattern in trusted) and full.partition(".")[0] in _IMPORTED:
        return
    ours = names.is_function(called, module) if name == "function" else names.is_class(called, module)
    # A name that somebody has registered comes before the module's
    if ours and registered in (None, "", called, name):
        return
    if not kept and module in (None, "builtins") and _is_own(called):
        return
    if ours or (module is None and registered not in (None, called)):
        raise _unsafe(f"names the custom object {printable(str(registered), 60)}{where}, whose code is not in the file")
    raise _unsafe(f"names {printable(full, 80)}{where}, {_NONE}", full)


def _texts(value: Any) -> Iterator[str]:
    """Yield the texts in *value*, which is one, or lists and dictionaries of some that name no class."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict) and "class_name" not in value:
        for item in value.values():
            yield from _texts(item)


def _is_own(name: str) -> bool:
    """Return whether *name* can be that of a function of the trainer's own."""
    return all(part.isidentifier() for part in name.split(">")) and not hasattr(builtins, name)


def _unsafe(cause: str, name: str = "") -> ModelError:
    remedy = "save the model without it, for inference alone"
    if name.partition(".")[0] in _IMPORTED and all(part.isidentifier() for part in name.split(".")):
        remedy = f"save the model without it, or, where you trust that package: --onnx-trust={printable(name, 80)}"
    return ModelError(cause, code="E_UNSAFE", remedy=remedy)
