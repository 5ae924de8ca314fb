"""All cases, by class."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from suites.hostile import file_names, killers, mutated, not_models, places, sample_files
from suites.hostile.case import Case
from suites.hostile.onnx_files import (
    external_contents,
    external_locations,
    inner_names,
    wire_bytes,
    wrong_functions,
    wrong_graphs,
    wrong_tensors,
)
from suites.hostile.pytorch import pickles as torch_pickles
from suites.hostile.pytorch import programs as torch_programs
from suites.hostile.pytorch import scripts as torch_scripts
from suites.hostile.tensorflow import graphs as tensorflow_graphs
from suites.hostile.tensorflow import keras_files
from suites.hostile.tensorflow import saved_models as tensorflow_saved

#: Class -> what builds its cases.
CLASSES: dict[str, Callable[[], Iterable[Case]]] = {
    "not models": not_models.cases,
    "wire bytes": wire_bytes.cases,
    "wrong graphs": wrong_graphs.cases,
    "wrong tensors": wrong_tensors.cases,
    "wrong functions": wrong_functions.cases,
    "external locations": external_locations.cases,
    "external contents": external_contents.cases,
    "file names": file_names.cases,
    "names and floods": inner_names.cases,
    "places": places.cases,
    "long paths": places.long_paths,
    "pickles": torch_pickles.cases,
    "TorchScript": torch_scripts.cases,
    "exported programs": torch_programs.cases,
    "TensorFlow graphs": tensorflow_graphs.cases,
    "SavedModels": tensorflow_saved.cases,
    "Keras files": keras_files.cases,
    "samples": sample_files.cases,
    "mutations": mutated.cases,
    "killers": killers.cases,
}

_GRAPHS = ("-k", "structure or contract", "--onnx-backend=ort-cpu")
_RUNS = ("-k", "contract", "--onnx-backend=ort-cpu")
#: A source is opened by parity alone, so that no other check's verdict stands beside its refusal.
_SOURCES = ("-k", "parity", "--onnx-backend=ort-cpu", "--onnx-timeout=60s")

#: Class -> pytest's arguments for it, where they are not those of graphs.
_ARGUMENTS: dict[str, tuple[str, ...]] = {
    # On a busy machine a worker starts within these seconds; each model that never ends costs as many
    "killers": (*_RUNS, "--onnx-timeout=8s", "--onnx-memory=2GB"),
    "file names": (*_GRAPHS, "-v"),
    "samples": _RUNS,
    "mutations": _RUNS,
    "pickles": _SOURCES,
    "TorchScript": _SOURCES,
    "exported programs": _SOURCES,
    "TensorFlow graphs": _SOURCES,
    "SavedModels": _SOURCES,
    "Keras files": _SOURCES,
}

#: Class -> the module without which it cannot be built, or its legal twins do not run.
NEEDS = {
    "pickles": "torch",
    "TorchScript": "torch",
    "exported programs": "torch",
    "TensorFlow graphs": "tensorflow",
    "SavedModels": "tensorflow",
    "Keras files": "tensorflow",
}


def of(name: str) -> list[Case]:
    """The cases of the class *name* that can be built here."""
    return [case for case in CLASSES[name]() if not case.skip]


def arguments(name: str) -> tuple[str, ...]:
    """pytest's arguments for the class *name*."""
    return _ARGUMENTS.get(name, _GRAPHS)
