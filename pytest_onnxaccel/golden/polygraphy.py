"""Runs and inputs that Polygraphy saved, as arrays by name. Runs in workers: JSON is parsed, and nothing is unpickled.

It writes arrays as ``.npy`` files in base64, in a table with ``polygraphy_class``; what it names otherwise
(``RunResults``, ``IterationResult``) is a table as well. Inputs are a list with one table of arrays for each sample.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from pytest_onnxaccel.golden.arrays import read_npy
from pytest_onnxaccel.golden.layout import wrong
from pytest_onnxaccel.golden.tables import parsed
from pytest_onnxaccel.golden.values import Value


def read_polygraphy(data: bytes) -> list[dict[str, Value]]:
    """Return the samples: inputs, or outputs of the first runner, by name.

    Raises:
        ModelError: ``E_GOLDEN``: it holds none.
    """
    try:
        told = parsed(data)
    except (ValueError, RecursionError) as error:
        raise wrong(f"is not JSON: {error}") from None
    tables = list(_samples(told))
    if not tables:
        raise wrong("holds no samples", remedy="save it with polygraphy run --save-inputs or --save-outputs")
    return [{str(name): _array(entry, str(name)) for name, entry in table.items()} for table in tables]


def _samples(told: Any) -> Iterator[dict[str, Any]]:
    if isinstance(told, dict) and isinstance(told.get("lst"), list):  # results: pairs of a runner and its runs
        runs = told["lst"][0] if told["lst"] else ()
        if not isinstance(runs, list) or len(runs) != 2 or not isinstance(runs[1], list):
            raise wrong("holds no runs of a runner")
        told = runs[1]
    for entry in told if isinstance(told, list) else [told]:
        if not isinstance(entry, dict):
            raise wrong("holds something other than samples")
        table = entry.get("outputs") if "polygraphy_class" in entry else entry
        # Of results, an older release wrote the table of outputs as a class of its own
        table = table.get("dct", table) if isinstance(table, dict) and "polygraphy_class" in table else table
        if not isinstance(table, dict):
            raise wrong("holds a sample without arrays")
        yield {name: value for name, value in table.items() if name != "polygraphy_class"}


def _array(entry: Any, name: str) -> Value:
    while isinstance(entry, dict) and "values" in entry:
        entry = entry["values"]
    if not isinstance(entry, dict) or not isinstance(entry.get("array"), str):
        kind = entry.get("polygraphy_class", "a table") if isinstance(entry, dict) else type(entry).__name__
        raise wrong(f"holds {name!r} as {kind}, not as an array", remedy="save NumPy arrays with Polygraphy")
    try:
        return read_npy(base64.b64decode(entry["array"], validate=True))
    except ValueError:  # binascii.Error is one
        raise wrong(f"holds {name!r} in no base64") from None
