"""A failing case on disk: arrays, pictures that any viewer opens, and a script that shows the difference again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.core.printing import escaped, harmless, printable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_onnxaccel.preprocessing.report import Report

    Array = NDArray[Any]

_REPRO = '''"""Shows the difference again. Needs NumPy and the two functions:

    python repro.py
    python repro.py pkg:reference pkg:candidate
"""
import importlib
import pathlib
import sys

import numpy as np

folder = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(pathlib.Path.cwd())]
names = sys.argv[1:3] if len(sys.argv) > 2 else [{reference!r}, {candidate!r}]


def load(name):
    module, _, path = name.partition(":")
    if "<" in path or not path or module == "__main__":
        sys.exit(name + " cannot be imported: python repro.py pkg:reference pkg:candidate")
    thing = importlib.import_module(module)
    for part in path.split("."):
        thing = getattr(thing, part)
    return thing


def image():
    """The image of the case, with the strides it failed with."""
    case = np.load(folder / "case.npz")
    block, offset = case["memory"].copy(), int(case["offset"])
    view = np.ndarray(case["image"].shape, case["image"].dtype, block, offset, tuple(case["strides"]))
    view.flags.writeable = bool(case["writeable"])
    return view


def show(name):
    given = image()
    before = given.copy()
    try:
        result = load(name)(given)
    except Exception as error:
        print(name, "raises", type(error).__name__, error)
        return None
    changed = "" if np.array_equal(before, given) else "  (and wrote into its input)"
    print(name, "gives", result.dtype.str, result.shape, result.strides, changed)
    return result


print({sentence!r})
reference, candidate = show(names[0]), show(names[1])
if reference is not None and candidate is not None and reference.shape == candidate.shape:
    apart = np.abs(candidate.astype("f8") - reference.astype("f8"))
    where = np.unravel_index(int(np.argmax(apart)), apart.shape) if apart.size else ()
    print("largest difference", apart.max(initial=0), "at", tuple(int(i) for i in where))
    if apart.size:
        print("reference", reference[where], "candidate", candidate[where])
'''


def save(report: Report, folder: Path) -> Path:
    """Write *report*'s case to *folder*, which is made where missing; gives the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(json.dumps(harmless(report.to_json()), indent=1), encoding="utf-8")
    text = "\n".join(map(escaped, str(report).splitlines()))
    (folder / "report.txt").write_text(text + "\n", encoding="utf-8")
    if report.minimal is None:
        return folder
    if not isinstance(report.minimal, np.ndarray):
        (folder / "sample.txt").write_text(escaped(repr(report.minimal)) + "\n", encoding="utf-8")
        return folder
    arrays: dict[str, Any] = {"image": report.minimal, **memory(report.minimal)}
    for side, output in zip(("reference", "candidate"), report.outputs, strict=True):
        if output is not None:
            arrays[side] = output
    np.savez(folder / "case.npz", **arrays)
    pictures(report.minimal, folder / "image")
    left, right = report.outputs
    numbers = all(side is not None and side.dtype.kind in "iufb" for side in report.outputs)
    if left is not None and right is not None and numbers and left.shape == right.shape:
        with np.errstate(all="ignore"):
            pictures(np.abs(right.astype(np.float64) - left.astype(np.float64)), folder / "difference")
    names = {"reference": report.reference, "candidate": report.candidate, "sentence": printable(report.sentence)}
    (folder / "repro.py").write_text(_REPRO.format(**names), encoding="utf-8")
    return folder


def memory(image: Array) -> dict[str, Any]:
    """Return what rebuilds *image* with its strides: a block of memory, an offset, and the strides."""
    low = sum(min(0, step * (size - 1)) for step, size in zip(image.strides, image.shape, strict=True))
    high = sum(max(0, step * (size - 1)) for step, size in zip(image.strides, image.shape, strict=True))
    block = np.zeros(high - low + image.itemsize, np.uint8)
    view: Array = np.ndarray(image.shape, image.dtype, block.data, -low, image.strides)
    view[...] = image
    return {
        "memory": block,
        "offset": np.array(-low),
        "strides": np.array(image.strides, dtype=np.int64),
        "writeable": np.array(image.flags.writeable),
    }


def pictures(array: Array, path: Path) -> None:
    """Write *array* as PPM (three channels last) or PGM (other two axes), spread over 0 to 255 unless uint8."""
    flat = array
    while flat.ndim > 3 or (flat.ndim == 3 and flat.shape[0] == 1 and flat.shape[-1] != 3):
        flat = flat[0] if len(flat) else flat.reshape(-1)
    if flat.ndim == 3 and flat.shape[-1] != 3:
        flat = flat.transpose(1, 2, 0) if flat.shape[0] == 3 else flat[..., 0]
    flat = np.atleast_2d(flat)
    if not flat.size:
        return
    if flat.dtype != np.uint8:
        values = np.nan_to_num(flat.astype(np.float64), posinf=0, neginf=0)
        top = float(np.abs(values).max()) or 1.0
        flat = (np.abs(values) / top * 255).astype(np.uint8)
    colour = flat.ndim == 3
    head = f"P{6 if colour else 5} {flat.shape[1]} {flat.shape[0]} 255\n".encode()
    path.with_suffix(".ppm" if colour else ".pgm").write_bytes(head + np.ascontiguousarray(flat).tobytes())
