"""A function's result as arrays by path: tensors, pictures, dicts, tuples, lists and numbers become leaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import field, fields, is_dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.frozen import record

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

#: How deep a result may be nested: a structure that holds itself ends here.
DEPTH = 12
#: Element types that other libraries give to NumPy, which knows no arithmetic of them: compared as float32.
NARROW = ("bfloat16", "float8_e4m3fn", "float8_e5m2")


@record(frozen=True)
class Leaves:
    """Arrays by path: ``""`` for a result that is one array, else such as ``["boxes"]`` or ``[0].mask``.

    Attributes:
        weak: paths of Python numbers and lists of them, which have no element type of their own.
        names: element types that NumPy has not, such as bfloat16, by path.
    """

    arrays: Mapping[str, Array]
    weak: frozenset[str] = frozenset()
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def alone(self) -> Array | None:
        """The array of a result that is nothing but one."""
        return self.arrays.get("") if len(self.arrays) == 1 else None

    def __str__(self) -> str:
        if self.alone is not None:
            return shown(self.alone)
        parts = [f"{path} {shown(array)}" for path, array in list(self.arrays.items())[:6]]
        return ", ".join(parts) + (" ..." if len(self.arrays) > 6 else "") if parts else "nothing"


def shown(array: Array) -> str:
    """Return size and element type in words."""
    if array.dtype.kind == "U" and array.ndim == 0 and str(array) == "None":
        return "None"
    size = "x".join(str(n) for n in array.shape) or "a scalar"
    return f"{size} {'text' if array.dtype.kind in 'US' else array.dtype}"


def leaves_of(value: Any, name: str = "the function") -> Leaves:
    """Return the arrays of *value* by path.

    Args:
        value: an array, a tensor of torch or TensorFlow, a PIL image, a number, text, or a dict, list, tuple, set or
            dataclass of those.
        name: of the function that gave it, for the message.

    Raises:
        ConfigError: something in it is none of these.
    """
    arrays: dict[str, Array] = {}
    weak: set[str] = set()
    names: dict[str, str] = {}
    _walk(value, "", _Found(arrays, weak, names), name)
    return Leaves(arrays, frozenset(weak), names)


@record(frozen=True)
class _Found:
    """What the walk through a result fills: see :class:`Leaves`."""

    arrays: dict[str, Array]
    weak: set[str]
    names: dict[str, str]


def _walk(value: Any, path: str, found: _Found, name: str) -> None:
    if path.count("[") + path.count(".") > DEPTH:
        raise ConfigError(f"{name} gave a result nested deeper than {DEPTH}", remedy="return less")
    array = _tensor(value)
    if array is not None and array.dtype.name in NARROW:
        array, found.names[path] = array.astype(np.float32), array.dtype.name
    elif array is not None and str(getattr(value, "dtype", "")) == "torch.bfloat16":
        found.names[path] = "bfloat16"
    if array is not None and array.dtype != object:
        found.arrays[path] = array
    elif value is None or isinstance(value, (str, bool, int, float, complex)):
        found.arrays[path] = np.asarray("None" if value is None else value)
        found.weak.add(path)
    elif isinstance(value, (bytes, bytearray)):
        found.arrays[path] = np.frombuffer(bytes(value), np.uint8)
    else:
        numbers = _numbers(value)
        if numbers is not None:
            found.arrays[path] = numbers
            found.weak.add(path)
            return
        for key, part in _parts(value if array is None else list(array), name):
            _walk(part, f"{path}{key}", found, name)


def _parts(value: Any, name: str) -> list[tuple[str, Any]]:
    """Return what *value* is made of, each with the text that its path goes on with."""
    if isinstance(value, Mapping):
        return [(f"[{key!r}]".replace("'", '"'), value[key]) for key in value]
    names: Sequence[str] = getattr(value, "_fields", ()) if isinstance(value, tuple) else ()
    if names:
        return [(f".{field}", getattr(value, field)) for field in names]
    if is_dataclass(value) and not isinstance(value, type):
        return [(f".{field.name}", getattr(value, field.name)) for field in fields(value)]
    if type(value).__module__.partition(".")[0] == "pandas" and hasattr(value, "columns"):
        return [(f'["{column}"]', value[column].to_numpy()) for column in value.columns]
    if isinstance(value, AbstractSet):
        value = sorted(value, key=repr)
    if isinstance(value, Sequence):
        return [(f"[{index}]", part) for index, part in enumerate(value)]
    raise ConfigError(
        f"{name} gave {type(value).__name__}, which cannot be compared",
        remedy="return arrays, tensors, PIL images, numbers, text, or dicts, lists and tuples of them",
    )


def _numbers(value: Any) -> Array | None:
    """Return a list of Python numbers, nested or not, as an array; None where it is none."""
    if not isinstance(value, (list, tuple)) or hasattr(value, "_fields"):
        return None
    flat, seen = list(value), 0
    while flat and seen < 4 and all(isinstance(part, (list, tuple)) for part in flat):
        flat, seen = [inner for part in flat for inner in part], seen + 1
    if not all(isinstance(part, (bool, int, float)) for part in flat) or (isinstance(value, tuple) and not seen):
        return None
    try:
        return np.asarray(value)
    except (ValueError, OverflowError):  # ragged: by element
        return None


def _ragged(rows: list[Any], dtype: Any) -> Array:
    """Return rows of several lengths as an array of arrays, or rows of numbers as one array."""
    if not any(isinstance(row, list) for row in rows):
        return np.asarray(rows, dtype)
    made = np.empty(len(rows), object)
    for place, row in enumerate(rows):
        made[place] = _ragged(row, dtype)
    return made


def _tensor(value: Any) -> Array | None:
    """Return an array or what offers to be one; None for everything else."""
    if isinstance(value, (np.ndarray, np.generic)):
        return np.asarray(value)
    family = type(value).__module__.partition(".")[0]
    if family == "torch" and hasattr(value, "detach"):
        plain = value.detach().cpu()
        if str(plain.dtype) == "torch.bfloat16":
            plain = plain.float()
        return np.asarray(plain.to_dense().numpy() if plain.is_sparse else plain.resolve_conj().resolve_neg().numpy())
    if family == "tensorflow" and hasattr(value, "to_list"):
        return _ragged(value.to_list(), value.dtype.as_numpy_dtype)
    if family == "tensorflow" and hasattr(value, "dense_shape"):
        dense = np.zeros(tuple(value.dense_shape), value.values.numpy().dtype)
        dense[tuple(np.asarray(value.indices).T)] = value.values.numpy()
        return dense
    if (hasattr(value, "__array__") or hasattr(value, "__array_interface__")) and not hasattr(value, "columns"):
        return np.asarray(value)
    return None
