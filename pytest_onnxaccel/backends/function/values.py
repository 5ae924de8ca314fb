"""From what a function of the owner's gives to arrays by the model's output names, checked against what it declares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.lookup.registry import nearest
from pytest_onnxaccel.core.printing import named
from pytest_onnxaccel.core.specs import TensorSpec, dtype_label

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array


def named_arrays(result: Any, declared: Sequence[TensorSpec]) -> dict[str, Array]:
    """Convert *result* to arrays by the model's output names, in its order.

    Args:
        result: a mapping by output name; a tuple in the model's order; or the value of the only output.
        declared: the model's outputs. One that is a sequence or a map is a list or a mapping.

    Raises:
        ModelError: ``V_CONTRACT``: other names, another number, no arrays, or another element type.
    """
    found: dict[str, Array] = {}
    for spec, value in zip(declared, _by_output(result, declared), strict=True):
        if spec.kind == "tensor":
            found[spec.name] = _array(value, spec)
        else:
            from pytest_onnxaccel.numerics.unpacked import unpacked

            found |= unpacked(spec.name, _plain(value))
    return found


def _by_output(result: Any, declared: Sequence[TensorSpec]) -> list[Any]:
    """Return one value for each output, in the declared order."""
    names = [spec.name for spec in declared]
    if result is None:
        raise _unlike(f"gives nothing (None), the model declares {named(names, 80)}", "return the outputs")
    if isinstance(result, Mapping) and not (len(names) == 1 and declared[0].kind == "map" and set(result) != {*names}):
        return _of_mapping(result, names)
    values = list(result) if isinstance(result, tuple) else [result]
    if len(values) != len(names):
        what = f"a tuple of {len(values)}" if isinstance(result, tuple) else f"one {_kind(result)}"
        raise _unlike(
            f"gives {what}, the model declares {len(names)} output{'s'[: len(names) != 1]} {named(names, 80)}",
            "give a mapping by output name, or a tuple in this order",
        )
    return values


def _of_mapping(result: Mapping[Any, Any], names: Sequence[str]) -> list[Any]:
    extra = [str(name) for name in result if name not in names]
    missing = [name for name in names if name not in result]
    if extra or missing:
        shown = named(map(str, result), 60)
        remedy = nearest(extra[0], missing) if extra and missing else "give every output of the model, and no other"
        raise _unlike(f"gives the outputs {shown}, the model declares {named(names, 60)}", remedy)
    return [result[name] for name in names]


def _array(value: Any, spec: TensorSpec) -> Array:
    """Return *value*, an array or what its library makes one of, in the element type of *spec*."""
    import numpy as np

    if not (hasattr(value, "__array__") or hasattr(value, "__dlpack__")):
        remedy = "return it" if value is None else "make it an array: numpy.asarray"
        raise _unlike(f"gives {_kind(value)} for output {spec.name!r}, which is not an array", remedy)
    try:
        array: Array = np.asarray(value) if hasattr(value, "__array__") else np.from_dlpack(value)
    except Exception as error:  # of the library that it comes from: a tensor on a GPU, one with a gradient
        cause = f"output {spec.name!r}: no array can be made of a {type(value).__name__}: {error}"
        raise _unlike(cause, "give a NumPy array") from None
    if array.dtype.kind in "US":
        array = array.astype(object)
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    got = "object" if array.dtype.hasobject and not _texts(array) else dtype_label(array.dtype)
    if spec.dtype and got != spec.dtype:
        remedy = "give texts" if spec.dtype == "string" else f'cast it: .astype("{spec.dtype}")'
        raise _unlike(f"gives {got} for output {spec.name!r}, the model declares {spec.dtype}", remedy)
    return array


def _texts(array: Array) -> bool:
    return all(isinstance(item, (str, bytes)) for item in array.reshape(-1).tolist())


def _plain(value: Any) -> Any:
    """Return *value* with numbers of NumPy as those of Python, as runtimes give what maps hold."""
    if isinstance(value, Mapping):
        return {_item(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return _item(value)


def _item(value: Any) -> Any:
    import numpy as np

    return value.item() if isinstance(value, np.generic) else value


def _kind(value: Any) -> str:
    if value is None:
        return "nothing (None)"
    return "array" if hasattr(value, "dtype") else f"{type(value).__name__}"


def _unlike(cause: str, remedy: str) -> ModelError:
    return ModelError(cause, code="V_CONTRACT", remedy=remedy)
