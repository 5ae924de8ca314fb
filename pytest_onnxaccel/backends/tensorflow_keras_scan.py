"""Which Keras files must not be loaded: those whose configuration holds code, names functions of anything, or files.

Keras' own safe mode is not relied on: releases up to 3.11 did not apply it to HDF5 files, and several let a
configuration name functions of other modules. Every class in the configuration must be one of Keras' building blocks.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from typing import Any

from pytest_onnxaccel.errors import BackendUnavailable, ModelError, printable

#: Largest configuration, bytes. That of a large language model is below one megabyte.
LARGEST = 64 << 20
_DEEPEST = 200

#: Modules whose classes build models. ``keras.utils``, ``keras.saving`` and their like hold functions that fetch files.
_MODULES = (
    "keras.layers", "keras.models", "keras.initializers", "keras.regularizers", "keras.constraints",
    "keras.activations", "keras.optimizers", "keras.losses", "keras.metrics", "keras.dtype_policies", "keras.ops",
    "keras.quantizers", "keras.random", "keras.src.layers", "keras.src.models", "keras.src.initializers",
    "keras.src.ops", "keras.src.activations", "keras.src.dtype_policies", "keras.src.quantizers", "keras.src.random",
    "keras.engine", "builtins",
)  # fmt: skip
#: Layers that read a file when they are given its name.
_VOCABULARIES = ("vocabulary", "idf_weights")


def refuse_keras(path: str) -> None:
    """Refuse the Keras file at *path* where loading it could run code or read other files.

    Raises:
        ModelError: ``E_UNSAFE`` naming the layer; ``E_PARSE`` for a file that holds no model.
        BackendUnavailable: an HDF5 file, and h5py is not installed.
    """
    with open(path, "rb") as file:
        archived = file.read(4) == b"PK\x03\x04"
    text = _archived(path) if archived else _in_hdf5(path)
    try:
        config = json.loads(text)
        for layer, found in _objects(config, "", 0):
            _refuse_object(layer, found)
    except (ValueError, RecursionError) as error:
        raise _garbled(f"its configuration is no JSON: {error}") from None


def _archived(path: str) -> bytes:
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo("config.json").file_size > LARGEST:
                raise ModelError("its configuration is over 64 MB", code="E_SIZE")
            with archive.open("config.json") as file:
                text = file.read(LARGEST + 1)
            bad = archive.testzip()
            if bad is None and "model.weights.h5" in archive.namelist():
                with archive.open("model.weights.h5") as file:
                    _look_through_hdf5(file)
            names = archive.namelist()
    except (zipfile.BadZipFile, KeyError, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise _garbled(str(error)) from None
    if len(text) > LARGEST:
        raise ModelError("its configuration is over 64 MB", code="E_SIZE")
    if bad is not None:
        raise _garbled(f"{bad} does not fit its checksum")
    if len(set(names)) < len(names):
        raise _unsafe("holds two entries of one name, of which either may be read")
    return text


def _in_hdf5(path: str) -> bytes:
    found = _look_through_hdf5(path)
    if found is None:
        raise _garbled("it holds weights and no model")
    text: bytes = found.encode() if isinstance(found, str) else bytes(found)
    if len(text) > LARGEST:
        raise ModelError("its configuration is over 64 MB", code="E_SIZE")
    return text


def _look_through_hdf5(file: Any) -> Any:
    """The attribute ``model_config`` of an HDF5 file, a path or open for reading, once its links are known to stay."""
    try:
        import h5py
    except ImportError as error:
        raise BackendUnavailable(
            f"an HDF5 file cannot be looked through: {error}", remedy="python -m pip install h5py"
        ) from error
    try:
        with h5py.File(file, "r") as opened:
            _refuse_links(opened, h5py)
            return opened.attrs.get("model_config")
    except (OSError, KeyError) as error:
        raise _garbled(str(error)) from None


def _refuse_links(group: Any, h5py: Any) -> None:
    """Data that lies in another file is read from there."""
    waiting, seen = [group], 0
    while waiting:
        inside = waiting.pop()
        for name in inside:
            seen += 1
            if seen > 1_000_000:
                raise ModelError("has over a million entries", code="E_SIZE")
            if isinstance(inside.get(name, getlink=True), h5py.ExternalLink):
                raise _unsafe(f"holds a link to another file: {printable(f'{inside.name}/{name}', 80)}")
            if isinstance(inside.get(name, getlink=True), h5py.SoftLink):
                continue
            item = inside[name]
            if isinstance(item, h5py.Group):
                waiting.append(item)
            elif isinstance(item, h5py.Dataset) and (item.external or item.is_virtual):
                raise _unsafe(f"keeps data in another file: {printable(item.name, 80)}")


def _objects(value: Any, layer: str, depth: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every dictionary of the configuration, with the name of the layer that it belongs to."""
    if depth > _DEEPEST:
        raise _garbled("its configuration is nested too deep")
    if isinstance(value, dict):
        inner = value.get("config")
        named = value.get("name") or (inner.get("name") if isinstance(inner, dict) else None)
        layer = named if isinstance(named, str) else layer
        yield layer, value
        for item in value.values():
            yield from _objects(item, layer, depth + 1)
    elif isinstance(value, list):
        for item in value:
            yield from _objects(item, layer, depth + 1)


def _refuse_object(layer: str, found: dict[str, Any]) -> None:
    name, module = found.get("class_name"), found.get("module")
    where = f" in layer {printable(layer, 60)!r}" if layer else ""
    if name in ("Lambda", "__lambda__", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"):
        what = "runs Python code" if name in ("Lambda", "__lambda__") else "loads another model"
        raise _unsafe(f"holds {name}{where}, which {what}")
    if isinstance(module, str) and name is not None and not _is_building_block(module):
        thing = printable(f"{module}.{name}", 80)
        raise _unsafe(f"names {thing}{where}, which is no building block of Keras")
    if module is None and name is not None and found.get("registered_name") not in (None, name):
        registered = printable(str(found["registered_name"]), 60)
        raise _unsafe(f"names the custom object {registered}{where}, whose code is not in the file")
    for key in _VOCABULARIES:
        if isinstance(found.get(key), str):
            raise _unsafe(f"reads a file: {key} is {printable(found[key], 60)!r}{where}")


def _is_building_block(module: str) -> bool:
    return module == "keras" or any(module == known or module.startswith(f"{known}.") for known in _MODULES)


def _unsafe(cause: str) -> ModelError:
    return ModelError(cause, code="E_UNSAFE", remedy="save the model without it, for inference alone")


def _garbled(cause: str) -> ModelError:
    return ModelError(
        f"is truncated or no Keras model: {printable(cause, 100)}", code="E_PARSE", remedy="save the model again"
    )
