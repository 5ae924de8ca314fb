"""Which Keras files must not be loaded: those whose configuration names what only code or files can give.

A file is looked through as Keras reads it: the archive's configuration and weights, or the HDF5 file with its links.
"""

from __future__ import annotations

import json
import stat
import zipfile
from collections.abc import Collection
from typing import Any

from pytest_onnxaccel.backends.tensorflow.keras.config import refuse_config
from pytest_onnxaccel.backends.tensorflow.keras.h5 import look_through
from pytest_onnxaccel.core.errors import ModelError, printable

#: Largest configuration, bytes. That of a large language model is below one megabyte.
LARGEST = 64 << 20
_CONFIG, _WEIGHTS, _ARRAYS = "config.json", "model.weights.h5", "model.weights.npz"


def refuse_keras(path: str, trusted: Collection[str] = ()) -> None:
    """Refuse the Keras file at *path* where loading it could run code or read other files.

    Args:
        path: a ``.keras`` or HDF5 file; it is not loaded.
        trusted: as for :func:`.config.refuse_config`.

    Raises:
        ModelError: ``E_UNSAFE`` naming the layer; ``E_PARSE`` for a file that holds no model.
        BackendUnavailable: an HDF5 file, and h5py is not installed.
    """
    with open(path, "rb") as file:
        archived = file.read(4) == b"PK\x03\x04"
    if archived:
        refuse_config(_parsed(_archived(path)), trusted)
        return
    found = look_through(path)
    if found.get("model_config") is None:
        raise _garbled("it holds weights and no model")
    refuse_config(_parsed(_plain(found["model_config"])), trusted)
    training = found.get("training_config")
    if training is not None:
        # It is not loaded, so that nothing is lost where it is damaged
        try:
            refuse_config(_parsed(_plain(training)), trusted, kept=False)
        except ModelError as error:
            if error.code == "E_UNSAFE":
                raise


def _archived(path: str) -> bytes:
    try:
        with zipfile.ZipFile(path) as archive:
            _refuse_entries(archive)
            if archive.getinfo(_CONFIG).file_size > LARGEST:
                raise _large()
            with archive.open(_CONFIG) as file:
                text = file.read(LARGEST + 1)
            bad = archive.testzip()
            if bad is None and _WEIGHTS in archive.namelist():
                with archive.open(_WEIGHTS) as file:
                    look_through(file)
    except (zipfile.BadZipFile, KeyError, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise _garbled(str(error)) from None
    if bad is not None:
        raise _garbled(f"{printable(bad, 60)} does not fit its checksum")
    return text


def _refuse_entries(archive: zipfile.ZipFile) -> None:
    """Refuse entries that Keras would unpack: files of layers, such as a vocabulary."""
    entries = archive.infolist()
    names = [entry.filename for entry in entries]
    for entry in entries:
        name = entry.filename.replace("\\", "/")
        if name.startswith("/") or ".." in name.split("/") or ":" in name.partition("/")[0]:
            raise _unsafe(f"holds an entry outside of it: {printable(entry.filename, 80)!r}")
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise _unsafe(f"holds a link: {printable(entry.filename, 80)!r}")
    if len(set(names)) < len(names):
        raise _unsafe("holds two entries with one name, and either may be read")
    if _ARRAYS in names and _WEIGHTS not in names:
        raise ModelError(
            f"keeps its weights in {_ARRAYS}, which is not looked through",
            code="E_NOTMODEL",
            remedy=f"save it with {_WEIGHTS}, as model.save does",
        )


def _plain(text: Any) -> bytes:
    """Return a text of an HDF5 file, which gives some as bytes."""
    if isinstance(text, str):
        return text.encode("utf-8", "surrogateescape")
    if isinstance(text, bytes):
        return text
    raise _garbled("its configuration is not text")


def _parsed(text: bytes) -> Any:
    if len(text) > LARGEST:
        raise _large()
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _garbled(f"its configuration is not JSON: {error}") from None


def _large() -> ModelError:
    return ModelError("its configuration is over 64 MB", code="E_SIZE")


def _unsafe(cause: str) -> ModelError:
    return ModelError(cause, code="E_UNSAFE", remedy="save the model again, for inference alone")


def _garbled(cause: str) -> ModelError:
    return ModelError(
        f"is truncated or not a Keras model: {printable(cause, 100)}", code="E_PARSE", remedy="save the model again"
    )
