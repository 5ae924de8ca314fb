"""One of the two functions, with what it is given and the part of its result that counts."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.preprocessing.inputs.forms import Raw
from pytest_onnxaccel.preprocessing.results.leaves import Leaves, leaves_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

#: A preprocessing function: an image in, an array out.
Function = Callable[[Any], Any]


@record(frozen=True)
class Outcome:
    """What one call gave: arrays by path, or the text of its exception; and whether it wrote into its input."""

    leaves: Leaves | None
    error: str = ""
    mutated: bool = False

    @property
    def value(self) -> Array | None:
        """The result where it is one array."""
        return None if self.leaves is None else self.leaves.alone


class Side:
    """A function of a sample.

    Args:
        function: the user's.
        adapt: makes what the function is given of a standard image; a tuple is several arguments.
        arguments: keywords of the function's own.
        path: the leaf that counts; None for the whole result.
    """

    def __init__(
        self,
        function: Function,
        adapt: Callable[[Array], Any] | None = None,
        arguments: Mapping[str, Any] | None = None,
        path: str | None = None,
    ) -> None:
        self.function, self.adapt, self.arguments, self.path = function, adapt, dict(arguments or {}), path
        self.__qualname__ = getattr(function, "__qualname__", "")
        self.__module__ = getattr(function, "__module__", "")

    def __repr__(self) -> str:
        return repr(self.function)

    def at(self, path: str) -> Side:
        """Return the same function of which only the leaf *path* counts."""
        return Side(self.function, self.adapt, self.arguments, path)

    def given(self, sample: Any) -> Any:
        """Return what the function is given of *sample*.

        Raises:
            ConfigError: the user's own adapter raises.
        """
        if isinstance(sample, Raw):
            return copied(sample.value)
        if self.adapt is None or not isinstance(sample, np.ndarray):
            return sample if isinstance(sample, np.ndarray) else copied(sample)
        try:
            return self.adapt(sample)
        except Exception as error:
            raise ConfigError(
                f"inputs= raises {type(error).__name__} on an image of shape {sample.shape}: {error}",
                remedy="name the legal sizes and values with shape=, shapes= and range=",
            ) from None

    def __call__(self, sample: Any) -> Any:
        return self.run(self.given(sample))

    def run(self, given: Any) -> Any:
        value = self.function(*given, **self.arguments) if isinstance(given, tuple) else self._one(given)
        if self.path is None:
            return value
        return leaves_of(value).arrays.get(self.path)

    def _one(self, given: Any) -> Any:
        return self.function(given, **self.arguments) if self.arguments else self.function(given)


def copied(sample: Any) -> Any:
    """Return a copy that a function may write into."""
    if hasattr(sample, "copy") and type(sample).__module__.startswith("PIL."):
        twin = sample.copy()
        twin.info = dict(sample.info)
        return twin
    try:
        return copy.deepcopy(sample)
    except Exception:  # what cannot be copied is handed over itself
        return sample


def call(function: Function | Side, sample: Any) -> Outcome:
    """Run *function* on *sample*; afterwards the sample is as before, whatever the function did to it."""
    side = function if isinstance(function, Side) else Side(function)
    given = side.given(sample)
    before = given.copy() if isinstance(given, np.ndarray) else copied(given)
    try:
        value = side.run(given)
    except ConfigError:
        raise
    except Exception as error:  # whatever a user's function raises is its outcome
        _restore(given, before)
        return Outcome(None, " ".join(f"{type(error).__name__}: {error}".split()))
    leaves = leaves_of(value, name_of(side))
    if unchanged(before, given):
        return Outcome(leaves)
    if isinstance(given, np.ndarray):
        kept = {
            path: array.copy() if np.may_share_memory(array, given) else array for path, array in leaves.arrays.items()
        }
        leaves = Leaves(kept, leaves.weak, leaves.names)
        _restore(given, before)
    return Outcome(leaves, mutated=True)


def _restore(given: Any, before: Any) -> None:
    if isinstance(given, np.ndarray) and not same(before, given):
        given[...] = before


def unchanged(before: Any, after: Any) -> bool:
    """Return whether a function left its input as it was."""
    if isinstance(after, np.ndarray):
        return isinstance(before, np.ndarray) and same(before, after)
    if before is after or isinstance(after, (str, bytes, int, float, type(None))):
        return True
    try:
        left, right = leaves_of(before).arrays, leaves_of(after).arrays
    except Exception:  # what has no arrays cannot be looked at
        return True
    return left.keys() == right.keys() and all(same(left[path], right[path]) for path in left)


def same(left: Array, right: Array) -> bool:
    """Return whether equal bit for bit as far as values go: NaN equals NaN."""
    if left.shape != right.shape or left.dtype != right.dtype:
        return False
    return bool(np.array_equal(left, right, equal_nan=left.dtype.kind in "fc"))


def name_of(function: Any) -> str:
    """Return ``module:qualified.name`` of a function, or what it prints as."""
    name = getattr(function, "__qualname__", "")
    return f"{getattr(function, '__module__', '')}:{name}" if name else repr(function)
