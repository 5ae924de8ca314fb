"""The models of onnx's own backend suite, with the inputs and outputs that lie beside them."""

from __future__ import annotations

import functools
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

#: Folders of models that come with onnx itself; ``real`` is left out: those would be downloaded.
FOLDERS = ("simple", "pytorch-operator", "pytorch-converted", "light")


@dataclass(frozen=True)
class Case:
    """One model.

    Attributes:
        kind: ``node`` or the folder that it comes from.
        sets: pairs of inputs and outputs, each in the declared order; an element is an array, a list or None.
        rtol, atol: what the suite allows.
        path: of the file, where there is one.
    """

    name: str
    kind: str
    model: Any
    sets: tuple[tuple[list[Any], list[Any]], ...]
    rtol: float
    atol: float
    path: str = ""

    @property
    def fed(self) -> list[Any]:
        """Inputs that no initializer gives a value to."""
        given = {tensor.name for tensor in self.model.graph.initializer}
        return [value for value in self.model.graph.input if value.name not in given]

    def save(self, folder: Path) -> str:
        """Write ``model.onnx`` alone into *folder*."""
        path = folder / "model.onnx"
        onnx.save(self.model, path)
        return str(path)

    def save_data(self, folder: Path) -> None:
        """Write ``test_data_set_*`` beside the model, as a model zoo has them."""
        for number, sides in enumerate(self.sets):
            place = folder / f"test_data_set_{number}"
            place.mkdir()
            for side, values, declared in zip(
                ("input", "output"), sides, (self.fed, self.model.graph.output), strict=True
            ):
                for index, (value, item) in enumerate(zip(values, declared, strict=False)):
                    (place / f"{side}_{index}.pb").write_bytes(_proto(value, item).SerializeToString())


def _proto(value: Any, declared: Any) -> Any:
    kind = declared.type.WhichOneof("value")
    if kind == "sequence_type":
        return numpy_helper.from_list(list(value), declared.name)
    if kind == "optional_type":
        return numpy_helper.from_optional(value, declared.name)
    return numpy_helper.from_array(np.asarray(value), declared.name)


@functools.cache
def all_cases() -> tuple[Case, ...]:
    """Every case, in the order of their names within a kind."""
    return (*_nodes(), *_from_folders())


def _nodes() -> Iterator[Case]:
    from onnx.backend.test.loader import load_node_model_tests

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the generators divide by zero on purpose
        found = load_node_model_tests()
    for test in sorted(found, key=lambda test: test.name):
        sets = tuple((_arrays(inputs), _arrays(outputs)) for inputs, outputs in test.data_sets)
        yield Case(test.name, "node", test.model, sets, test.rtol, test.atol)


def _arrays(values: Any) -> list[Any]:
    """Values of which some are stored as a file has them."""
    return [numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value for value in values]


def _from_folders() -> Iterator[Case]:
    from onnx.backend.test.loader import load_model_tests

    for kind in FOLDERS:
        for test in sorted(load_model_tests(kind=kind), key=lambda test: test.name):
            path = os.path.join(test.model_dir, "model.onnx") if test.model_dir else ""
            if not path:
                continue
            model = onnx.load(path)
            sets = tuple(_sets(Path(test.model_dir), model))
            yield Case(test.name, kind, model, sets, test.rtol, test.atol, path)


def _sets(folder: Path, model: Any) -> Iterator[tuple[list[Any], list[Any]]]:
    for one in sorted(folder.glob("test_data_set_*")):
        yield (_values(one, "input", model.graph.input), _values(one, "output", model.graph.output))
    for one in sorted(folder.glob("test_data_*.npz")):
        with np.load(one, allow_pickle=False) as arrays:
            yield list(arrays["inputs"]), list(arrays["outputs"])


def _values(folder: Path, side: str, declared: Any) -> list[Any]:
    files = sorted(folder.glob(f"{side}_*.pb"), key=lambda path: int(path.stem.rpartition("_")[2]))
    return [_value(path, value.type) for path, value in zip(files, declared, strict=False)]


def _value(path: Path, declared: Any) -> Any:
    data = path.read_bytes()
    kind = declared.WhichOneof("value")
    if kind == "sequence_type":
        return numpy_helper.to_list(onnx.SequenceProto.FromString(data))
    if kind == "optional_type":
        return numpy_helper.to_optional(onnx.OptionalProto.FromString(data))
    return numpy_helper.to_array(onnx.TensorProto.FromString(data))
