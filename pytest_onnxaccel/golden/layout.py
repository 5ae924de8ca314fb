"""Which files of a folder are golden data, and which of them make one set. Names only: nothing is opened."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.frozen import record

#: What folders of sets begin with, in the collections of onnx and of its model zoo.
SET = "test_data_set_"
#: What this package writes: what is stored, and the arrays.
RECORD, ARRAYS = "golden.json", "golden.npz"
#: Folder beside ``MODEL.onnx`` that this package writes: ``MODEL.golden``.
SUFFIX = ".golden"

#: A set that no folder and no file names.
UNNAMED = "golden data"

_BY_PLACE = re.compile(r"(input|output)_(\d{1,4})\.(pb|npy)", re.ASCII)
_BY_NAME = re.compile(r"(input|output)s\.(npz|safetensors|json)", re.ASCII)
#: Suffixes of a file that holds golden data by itself.
ALONE = (".npz", ".safetensors", ".json")
_REMEDY = "give the folder of test_data_set_*, or an .npz, .safetensors or .json file (docs/golden.md)"


_AGAIN = "record it again, or correct the file"


def wrong(cause: str, model_session: str = "", remedy: str = _AGAIN) -> ModelError:
    """Return the refusal of golden data that cannot be read."""
    return ModelError(cause, code="E_GOLDEN", subject=model_session, remedy=remedy)


def misfit(cause: str, model_session: str = "", remedy: str = _AGAIN) -> ModelError:
    """Return the refusal of golden data that can be read, and is not of this model."""
    return ModelError(cause, code="V_GOLDEN", subject=model_session, remedy=remedy)


@record(frozen=True)
class Files:
    """The files of one set.

    Attributes:
        name: of the set.
        inputs, outputs: paths below the staged folder, in the order of the model's inputs and outputs where
            *by_place*; else one file that holds them by name.
        by_place: the place of a file is that of the input or output it holds.
    """

    name: str
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    by_place: bool = False


def is_set(name: str) -> bool:
    """Return whether *name* is that of a folder with one set."""
    return name.startswith(SET)


def wanted(name: str) -> bool:
    """Return whether a file called *name* in the folder of a set is golden data."""
    return bool(_BY_PLACE.fullmatch(name) or _BY_NAME.fullmatch(name)) or name in (RECORD, ARRAYS)


def pair_of(name: str) -> str:
    """Return the file of the outputs for *name*, that of the inputs: ``outputs.npz`` of ``inputs.npz``; or empty."""
    stem, suffix = os.path.splitext(name)
    head, found, tail = stem.rpartition("input")
    return f"{head}output{tail}{suffix}" if found else ""


def sets_of(paths: Iterable[str], alone: str = "") -> list[Files]:
    """Return the sets that *paths* below a folder make, in the order of their numbers.

    Args:
        paths: relative to the folder.
        alone: a file that the user named; with its pair it is one set, or several.

    Raises:
        ModelError: ``E_GOLDEN``: there is none, or one of them lacks a file.
    """
    paths = list(paths)
    if alone:
        pair = pair_of(alone)
        return [Files(alone, (alone,), (pair if pair in paths else alone,))]
    if RECORD in paths:
        return [Files(RECORD, (RECORD,), (RECORD,))]
    folders: dict[str, list[str]] = {}
    for path in paths:
        folder, _, name = path.rpartition("/")
        if wanted(name):
            folders.setdefault(folder, []).append(name)
    if not folders:
        raise wrong("holds no golden data", remedy=_REMEDY)
    return [_set(folder, folders[folder]) for folder in sorted(folders, key=_number)]


def _number(folder: str) -> tuple[int, str]:
    tail = folder.removeprefix(SET)
    return (int(tail) if tail.isdecimal() and len(tail) < 9 else 1 << 30, folder)


def _set(folder: str, names: list[str]) -> Files:
    above = f"{folder}/" if folder else ""
    named = {match[1]: name for name in sorted(names) if (match := _BY_NAME.fullmatch(name))}
    placed: dict[str, dict[int, str]] = {"input": {}, "output": {}}
    for name in sorted(names):
        if match := _BY_PLACE.fullmatch(name):
            place = int(match[2])
            if place in placed[match[1]]:
                raise wrong(f"holds {match[1]} {place} twice: {placed[match[1]][place]} and {name}", folder)
            placed[match[1]][place] = name
    if named and any(placed.values()):
        raise wrong(f"holds {next(iter(named.values()))} next to numbered files", folder, "keep one of them")
    if named:
        given: tuple[str, ...]
        right: tuple[str, ...]
        given, right = ((above + named[side],) if side in named else () for side in ("input", "output"))
        return Files(folder or UNNAMED, given, right)
    for side, files in placed.items():
        missing = [place for place in range(len(files)) if place not in files]
        if missing:
            raise wrong(f"{side}_{missing[0]} is missing, though there is {files[max(files)]}", folder)
    given, right = (tuple(above + files[place] for place in sorted(files)) for files in placed.values())
    return Files(folder or UNNAMED, given, right, by_place=True)
