"""All cases, by class."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from suites.hostile import (
    external_contents,
    external_locations,
    file_names,
    inner_names,
    keras_files,
    killers,
    mutated,
    not_models,
    places,
    sample_files,
    tensorflow_graphs,
    torch_pickles,
    torch_programs,
    torch_scripts,
    wire_bytes,
    wrong_functions,
    wrong_graphs,
    wrong_tensors,
)
from suites.hostile.case import Case

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
    "Keras files": keras_files.cases,
    "samples": sample_files.cases,
    "mutations": mutated.cases,
    "killers": killers.cases,
}
