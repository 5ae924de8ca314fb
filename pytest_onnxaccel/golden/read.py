"""Staged files of golden data to values by name. Runs in workers, which alone parse what somebody else wrote."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from pytest_onnxaccel.core.errors import OnnxAccelError
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.printing import named
from pytest_onnxaccel.core.specs import TensorSpec
from pytest_onnxaccel.golden import layout
from pytest_onnxaccel.golden.arrays import read_npy, read_npz, read_safetensors
from pytest_onnxaccel.golden.layout import Files, misfit, wrong
from pytest_onnxaccel.golden.polygraphy import read_polygraphy
from pytest_onnxaccel.golden.protos import read_proto
from pytest_onnxaccel.golden.recorded import read_recorded
from pytest_onnxaccel.golden.values import Value, write_packed

#: Bytes that the arrays of all sets may take.
LARGEST = 1 << 30


@record(frozen=True)
class _Side:
    """Inputs or outputs: what the model declares of them."""

    word: str
    specs: tuple[TensorSpec, ...]

    @property
    def names(self) -> list[str]:
        return [spec.name for spec in self.specs]


def read(
    folder: str,
    paths: Sequence[str],
    alone: str,
    inputs: Sequence[Mapping[str, Any]],
    outputs: Sequence[Mapping[str, Any]],
    target: str,
) -> dict[str, Any]:
    """Return the golden data in the files *paths* of *folder*, its arrays written to the new file *target*.

    Args:
        folder: the private copy.
        paths: relative to *folder*.
        alone: the one of *paths* that the user named, where that was a file.
        inputs: what the model declares, as JSON.
        outputs: what the model declares, as JSON.
        target: the file that is written, all arrays one after the other.

    Returns:
        ``sets``: a list of ``name``, ``files`` (by value) and ``values``; ``record``: what is stored next to them.

    Raises:
        ModelError: ``E_GOLDEN``, naming the file.
    """
    sides = (
        _Side("input", tuple(map(TensorSpec.from_json, inputs))),
        _Side("output", tuple(map(TensorSpec.from_json, outputs))),
    )
    found, told = [], {}
    for files in layout.sets_of(paths, alone):
        if files.inputs == (layout.RECORD,):
            stored, told = _told(layout.RECORD, read_recorded, _open(folder), LARGEST)
            found += [(name, dict.fromkeys(("input", "output"), layout.RECORD), values) for name, values in stored]
        elif files.by_place:
            found.append(_placed(folder, files, sides))
        else:
            found += _named(folder, files, sides)
    flat = {f"{number}/{word}": named for number, (_, _, values) in enumerate(found) for word, named in values.items()}
    packed = write_packed(target, flat)
    return {
        "sets": [
            {"name": name, "files": files, **{word: packed[f"{number}/{word}"] for word in ("input", "output")}}
            for number, (name, files, _) in enumerate(found)
        ],
        "record": told,
    }


_Found = tuple[str, dict[str, str], dict[str, dict[str, Value]]]


def _placed(folder: str, files: Files, sides: Iterable[_Side]) -> _Found:
    """Return a set of one file for each input and output, in the model's order."""
    values: dict[str, dict[str, Value]] = {}
    where: dict[str, str] = {}
    for side, paths in zip(sides, (files.inputs, files.outputs), strict=True):
        if len(paths) != len(side.specs):
            verb = "takes" if side.word == "input" else "gives"
            raise misfit(f"holds {len(paths)} {side.word}s, the model {verb} {len(side.specs)}", files.name)
        values[side.word] = {}
        for place, (spec, path) in enumerate(zip(side.specs, paths, strict=True)):
            data = _open(folder)(path)
            if path.endswith(".npy"):
                name, value = "", _told(path, read_npy, data)
            else:
                name, value = _told(path, read_proto, data, spec.kind)
            if name not in ("", spec.name):
                raise misfit(f"holds {name!r}, {side.word} {place} of the model is {spec.name!r}", path)
            values[side.word][spec.name] = value
            where[f"{side.word}/{spec.name}"] = path
    return files.name, where, values


def _named(folder: str, files: Files, sides: tuple[_Side, _Side]) -> list[_Found]:
    """Return the samples of files that hold inputs and outputs by name."""
    for side, paths in zip(sides, (files.inputs, files.outputs), strict=True):
        if not paths and side.specs:
            raise wrong(
                f"holds no {side.word}s to go with the {'inputs' if side.word == 'output' else 'outputs'}", files.name
            )
    one = files.inputs == files.outputs
    names = sides[0].names + sides[1].names
    samples: dict[str, list[dict[str, Value]]] = {}
    for side, paths in zip(sides, (files.inputs, files.outputs), strict=True):
        known = names if one else side.names
        path = paths[0] if paths else ""
        content = _told(path, _arrays, path, folder) if path else [{}]
        samples[side.word] = _told(path, _samples, content, side, known)
    counts = {word: len(found) for word, found in samples.items() if sides[word == "output"].specs}
    if len(set(counts.values())) > 1:
        raise wrong(f"holds {counts['input']} samples of inputs and {counts['output']} of outputs", files.name)
    total = next(iter(counts.values()), 0)
    where = {word: (paths or ("",))[0] for word, paths in (("input", files.inputs), ("output", files.outputs))}
    return [
        (
            files.name if total == 1 else f"{files.name} sample {i}",
            where,
            {word: found[i] if i < len(found) else {} for word, found in samples.items()},
        )
        for i in range(total)
    ]


def _arrays(path: str, folder: str) -> list[dict[str, Value]]:
    data = _open(folder)(path)
    if path.endswith(".json"):
        return read_polygraphy(data)
    return [read_safetensors(data) if path.endswith(".safetensors") else read_npz(data, LARGEST)]


def _samples(content: list[dict[str, Value]], side: _Side, known: Sequence[str]) -> list[dict[str, Value]]:
    """Return the values of *side* in *content* by sample; without an ``x``, ``x_0`` and ``x_1`` are samples of it."""
    found: list[dict[str, Value]] = []
    for table in content:
        keys = {name: _keys(table, name, known) for name in known}
        alien = set(table).difference(*keys.values())
        if alien:
            raise misfit(f"holds {min(alien)!r}, which the model does not have: it has {named(known, 100)}")
        missing = [name for name in side.names if not keys[name]]
        if missing:
            raise misfit(f"lacks {side.word} {missing[0]!r}")
        counts = {len(keys[name]) for name in side.names} or {1}
        if len(counts) > 1:
            raise wrong(f"holds more samples of one {side.word} than of another")
        found += [{name: table[keys[name][i]] for name in side.names} for i in range(counts.pop())]
    return found


def _keys(table: Mapping[str, Value], name: str, known: Sequence[str]) -> list[str]:
    if name in table:
        return [name]
    tails = {key: key[len(name) + 1 :] for key in table if key.startswith(f"{name}_") and key not in known}
    return sorted((key for key, tail in tails.items() if tail.isdecimal()), key=lambda key: int(tails[key]))


def _open(folder: str) -> Callable[[str], bytes]:
    def opened(path: str) -> bytes:
        with open(os.path.join(folder, *path.split("/")), "rb") as file:
            return file.read()

    return opened


def _told(path: str, read_it: Callable[..., Any], *arguments: object) -> Any:
    """Return what *read_it* gives; its refusals name the file."""
    try:
        return read_it(*arguments)
    except OnnxAccelError as error:
        raise error.about(path) from None
