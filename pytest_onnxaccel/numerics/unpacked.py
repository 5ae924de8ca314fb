"""Sequences, maps and optionals as named arrays: the arrays are what is fed, carried, compared and put together.

* element *i* of the sequence ``parts`` is ``parts/0``, ``parts/1`` ...;
* maps with the same keys, one for each row (what ZipMap gives), are one array of rows x keys, keys sorted, whose name
  lists the keys: ``probabilities[cat, dog]``;
* an optional that holds a tensor is that tensor, under its own name;
* what holds nothing is an empty array under its own name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.generic]

#: Values that lie deeper in each other than this are not looked into.
_DEEPEST = 8
#: Keys are listed in a name up to this length; of more, the first ones and a digest of all.
_LONGEST = 60


def unpacked(name: str, value: Any) -> dict[str, Array]:
    """Return the arrays in *value*, a runtime's output *name*, by the names that they are compared under.

    Returns:
        Nothing where it holds what is not an array: a sparse tensor.
    """
    return dict(_arrays(name, value, _DEEPEST))


def _arrays(name: str, value: Any, depth: int) -> Iterator[tuple[str, Array]]:
    if not depth:
        return
    if value is None or (isinstance(value, (list, tuple, dict)) and not value):
        yield name, np.empty(0, np.float32)
    elif isinstance(value, Mapping):
        yield from _map(name, value, depth)
    elif isinstance(value, (list, tuple)):
        rows = _rows(value)
        if rows is not None:
            yield f"{name}[{_listed(rows[0])}]", rows[1]
            return
        for place, item in enumerate(value):
            yield from _arrays(f"{name}/{place}", item, depth - 1)
    elif getattr(getattr(value, "dtype", None), "hasobject", False) and any(
        hasattr(item, "dtype") for item in value.reshape(-1)
    ):
        yield from _arrays(name, list(value), depth)
    elif isinstance(value, (bool, int, float, str, bytes)) or hasattr(value, "dtype"):
        yield name, np.asarray(value, dtype=object if isinstance(value, (str, bytes)) else None)


def _map(name: str, value: Mapping[Any, Any], depth: int) -> Iterator[tuple[str, Array]]:
    rows = _rows([value])
    if rows is not None:
        yield f"{name}[{_listed(rows[0])}]", rows[1][0]
        return
    for key in _sorted(value):
        yield from _arrays(f"{name}[{_text(key)}]", value[key], depth - 1)


def _rows(maps: Any) -> tuple[list[Any], Array] | None:
    """Return sorted keys and rows x keys of *maps*.

    None where they are not maps of numbers or texts with the same keys.
    """
    if not all(isinstance(one, Mapping) and one for one in maps):
        return None
    keys = _sorted(maps[0])
    if any(set(one) != set(keys) for one in maps[1:]):
        return None
    values = [[one[key] for key in keys] for one in maps]
    if not all(
        np.ndim(value) == 0 and isinstance(value, (bool, int, float, str, np.generic))
        for row in values
        for value in row
    ):
        return None
    flat = [value for row in values for value in row]
    if any(isinstance(value, str) for value in flat):
        return keys, np.asarray(values, dtype=object)
    # A runtime hands Python floats over, which are wider than what ONNX's operators on maps compute
    return keys, np.asarray(values, dtype=np.float32 if all(type(value) is float for value in flat) else None)


def _sorted(keys: Iterable[Any]) -> list[Any]:
    return sorted(keys, key=lambda key: (isinstance(key, str), key))


def _text(key: Any) -> str:
    return key.decode("utf-8", "replace") if isinstance(key, bytes) else str(key)


def _listed(keys: list[Any]) -> str:
    texts = [_text(key) for key in keys]
    whole = ", ".join(texts)
    if len(whole) <= _LONGEST:
        return whole
    digest = hashlib.sha256("\0".join(texts).encode("utf-8", "backslashreplace")).hexdigest()[:8]
    return f"{whole[: _LONGEST - 20]}… {len(keys)} keys {digest}"


def holder(name: str, declared: Iterable[str]) -> str:
    """Return the declared output that array *name* is, or is a part of; *name* itself where there is none."""
    known = set(declared)
    if name in known:
        return name
    parts = (one for one in known if name.startswith((f"{one}/", f"{one}[")))
    return max(parts, key=len, default=name)


def packed(kind: str, name: str, feeds: Mapping[str, Any]) -> Any:
    """Return the value that input *name* of *kind* takes, from arrays in the names that :func:`unpacked` gives.

    Returns:
        A list for a sequence, an array or None for an optional.
    """
    if kind == "tensor" or name in feeds:
        return feeds[name]
    parts: list[Any] = []
    while f"{name}/{len(parts)}" in feeds:
        parts.append(feeds[f"{name}/{len(parts)}"])
    return parts if parts or kind == "sequence" else None
