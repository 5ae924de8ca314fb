"""The form that this package writes: ``golden.json``, which people review, and ``golden.npz`` with the arrays."""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from pytest_onnxaccel.golden.arrays import read_npz
from pytest_onnxaccel.golden.layout import ARRAYS, RECORD, wrong
from pytest_onnxaccel.golden.tables import parsed
from pytest_onnxaccel.golden.values import Value, dtype_called

_FORMAT = 1
#: What of ``golden.json`` is told to whoever asks.
_TOLD = ("model", "source", "by", "seed", "tolerances")


def read_recorded(opened: Callable[[str], bytes], largest: int) -> tuple[list[tuple[str, Any]], dict[str, Any]]:
    """Return the sets, each a name with its values by ``input`` and ``output``; and what is stored next to them.

    Raises:
        ModelError: ``E_GOLDEN``.
    """
    try:
        told = parsed(opened(RECORD))
        if not isinstance(told, dict) or told.get("format") != _FORMAT:
            raise ValueError(f"its format is not {_FORMAT}")
        data = opened(ARRAYS)
        if hashlib.sha256(data).hexdigest() != told["arrays"]["sha256"]:
            raise wrong(f"was not recorded with this {ARRAYS}: its hash is another", remedy="record both again")
        arrays = read_npz(data, largest)
        sets = [
            (str(entry["name"]), {side: _values(entry[f"{side}s"], arrays) for side in ("input", "output")})
            for entry in told["sets"]
        ]
        if not sets:
            raise ValueError("it has no sets")
    except FileNotFoundError:
        raise wrong(f"has no {ARRAYS} next to it", remedy="commit both files") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise wrong(f"cannot be read: {error}", remedy="record it again") from None
    return sets, {key: told[key] for key in _TOLD if key in told}


def _values(entries: Mapping[str, Any], arrays: Mapping[str, Value]) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for name, entry in entries.items():
        shape = tuple(entry["shape"])
        if "text" in entry:
            found[name] = np.array([str(text) for text in entry["text"]], dtype=object).reshape(shape)
            continue
        dtype, raw = dtype_called(str(entry["dtype"])), arrays[entry["array"]]
        found[name] = raw.view(dtype).reshape(shape) if raw.dtype != dtype else raw.reshape(shape)
    return found


def render(sets: Sequence[tuple[str, Mapping[str, Mapping[str, Value]]]], told: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the bytes of both files, by name; the same data gives the same bytes.

    Args:
        sets: a name, and arrays by name under ``input`` and ``output``.
        told: what is stored next to them, in JSON.
    """
    buffer = io.BytesIO()
    entries = []
    with zipfile.ZipFile(buffer, "w") as archive:
        for number, (name, sides) in enumerate(sets):
            entry: dict[str, Any] = {"name": name}
            for side, named in sides.items():
                entry[f"{side}s"] = {}
                for place, (value, array) in enumerate(named.items()):
                    # Names of values may be anything, and archives are unpacked by people: members are numbered
                    key = f"set{number}-{side}{place}"
                    entry[f"{side}s"][value] = _stored(archive, key, np.asarray(array))
            entries.append(entry)
    arrays = buffer.getvalue()
    text = {"format": _FORMAT, **told, "arrays": {"sha256": hashlib.sha256(arrays).hexdigest()}, "sets": entries}
    # A shape on one line: people read this
    lines = re.sub(
        r"\[\s+([\d,\s]+?)\s+\]", lambda found: f"[{' '.join(found[1].split())}]", json.dumps(text, indent=1)
    )
    return {RECORD: f"{lines}\n".encode(), ARRAYS: arrays}


def _stored(archive: zipfile.ZipFile, key: str, array: Any) -> dict[str, Any]:
    shape = list(array.shape)
    if array.dtype.kind in "OUS":
        return {"text": [str(text) for text in array.ravel()], "shape": shape}
    name = array.dtype.name
    dtype_called(name)
    # NumPy has no form for the types that it lacks: their bits are stored as unsigned integers
    plain = np.ascontiguousarray(array)
    if array.dtype.isbuiltin != 1:
        plain = plain.reshape(-1).view(np.dtype(f"u{array.dtype.itemsize}"))
    with archive.open(zipfile.ZipInfo(f"{key}.npy"), "w") as member:
        np.lib.format.write_array(member, plain.reshape(shape), allow_pickle=False)
    return {"array": key, "dtype": name, "shape": shape}
