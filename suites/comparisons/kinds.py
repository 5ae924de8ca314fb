"""The list that each kind of output is put on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import onnx

from suites.planted.making import FLOAT as FLOAT
from suites.planted.making import INT as INT

#: Makes the model ``original``, its ``healthy`` conversion, or one with the fault of that name.
Make = Callable[[str], onnx.ModelProto]


@dataclass(frozen=True)
class Kind:
    """One kind of output that must not be compared element by element.

    Attributes:
        faults: names of what is planted, each of which must be found.
        luck: whether it would fail element by element is a matter of how the processor rounds.
    """

    name: str
    make: Make
    faults: tuple[str, ...]
    luck: bool = False


KINDS: dict[str, Kind] = {}


def kind(name: str, faults: tuple[str, ...], luck: bool = False) -> Callable[[Make], Make]:
    """Put the function below on the list of kinds."""

    def decorate(make: Make) -> Make:
        assert name not in KINDS
        KINDS[name] = Kind(name, make, faults, luck)
        return make

    return decorate
