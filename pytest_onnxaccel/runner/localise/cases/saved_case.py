"""A failed parity check on disk: inputs, both outputs, the models, what they were reduced to, and a script."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.core.errors import OnnxAccelError, printable
from pytest_onnxaccel.core.files.failure_folder import case_folder
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.results import CheckResult
from pytest_onnxaccel.numerics.compare.distance import magnitude
from pytest_onnxaccel.numerics.sampling.npz import write_npz
from pytest_onnxaccel.runner.localise.cases.reproduce import script
from pytest_onnxaccel.runner.localise.nodes.isolate_node import Reduced
from pytest_onnxaccel.runner.sessions.comparison_sides import ComparisonSide
from pytest_onnxaccel.runner.sessions.workers.engines import Engines

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array

#: A model beyond this size, external data included, is named in the case and not copied.
LARGEST = 1 << 30


@record(frozen=True)
class FailedCase:
    """One sample on which a parity check failed.

    Attributes:
        result: what is known of the check.
        sides: candidate and reference; of what is not a file, its name alone.
        feeds: the sample, one array per input.
        outputs: of candidate and reference on it, by name.
        reduced: what the difference was reduced to; None where it was not.
    """

    result: CheckResult
    sides: tuple[ComparisonSide, ComparisonSide | str]
    feeds: Mapping[str, Array]
    outputs: tuple[Mapping[str, Array], Mapping[str, Array]]
    reduced: Reduced | None = None

    def tolerance(self, name: str) -> tuple[float, float]:
        """Return the tolerance of output *name*, as (rtol, atol)."""
        told = self.result.figures.get("outputs", {}).get(name, {})
        return float(told.get("rtol") or 0.0), float(told.get("atol") or 0.0)


def folder_of(failures: str, result: CheckResult) -> Path:
    """Return the folder below *failures* for the case of one parity check."""
    batch = f"b{result.batch}" if result.batch is not None else ""
    return case_folder(failures, result.model, "parity", result.backend, result.reference, batch)


def save_case(folder: Path, case: FailedCase, engines: Engines) -> Path:
    """Write *case* to *folder*, in place of what an earlier run left there; gives the folder.

    Raises:
        OSError: the folder cannot be written.
    """
    _clear(folder)
    folder.mkdir(parents=True, exist_ok=True)
    names = ("candidate", "reference")
    write_npz(folder / "inputs.npz", case.feeds)
    told: dict[str, object] = {}
    for name, side, arrays in zip(names, case.sides, case.outputs, strict=True):
        write_npz(folder / f"{name}.npz", arrays)
        # One file for two backends is copied once, unless a backend runs another copy of it
        told[name] = _side(folder, name, side, engines) if isinstance(side, ComparisonSide) else _unseen(side)
    ours, theirs = case.outputs
    pairs = [(name, name, *case.tolerance(name)) for name in theirs if name in ours]
    (folder / "repro.py").write_text(script(told, pairs, _reduced(folder, case, engines)), encoding="utf-8")
    (folder / "report.txt").write_text(f"{case.result}\n", encoding="utf-8")
    return folder


def _unseen(label: str) -> dict[str, Any]:
    """Return a side that is not a file: what it gave is there, and no script can call it."""
    return {"label": printable(label), "model": "", "runtime": "", "optimize": True}


def _side(folder: Path, name: str, side: ComparisonSide, engines: Engines) -> dict[str, Any]:
    runtime = getattr(engines.backend(side.backend), "script", "")
    model = ""
    if _size(side.file) <= LARGEST:
        model = f"{name}.onnx"
        runtime = runtime if _model(side, engines, side.file, folder / model) else ""
    info = side.model_session.declared(side.file)
    if any(spec.kind != "tensor" for spec in (*info.inputs, *info.outputs)):
        runtime = ""  # the script feeds and compares arrays alone
    optimize = side.options is None or side.options.optimize
    return {"label": printable(side.label), "model": model, "runtime": runtime if model else "", "optimize": optimize}


def _model(side: ComparisonSide, engines: Engines, source: str, target: Path) -> bool:
    """Copy what the side's backend runs, external data included; whether the copy is what it runs."""
    upgrades = getattr(engines.backend(side.backend), "upgrades", None)
    info = side.model_session.info
    if upgrades is not None and upgrades(info.opset):
        try:
            _written(side, target, "upgrade", source=source, opset=upgrades(info.opset))
            return True
        except OnnxAccelError:
            shutil.copyfile(source, target)
            return False
    if not info.external:
        shutil.copyfile(source, target)
    else:
        _written(side, target, "expose", source=source, values=[], known={})
    return True


def _written(side: ComparisonSide, target: Path, function: str, **arguments: Any) -> None:
    """Copy what a graph function writes, with its data files, to *target*: the worker may not write there."""
    folder = os.path.join(side.model_session.folder, f"case-{os.urandom(6).hex()}")
    os.mkdir(folder, 0o700)
    try:
        side.model_session.graph(function, target=os.path.join(folder, target.name), **arguments)
        for name in os.listdir(folder):
            shutil.copyfile(os.path.join(folder, name), target.with_name(name))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _reduced(folder: Path, case: FailedCase, engines: Engines) -> dict[str, object]:
    reduced = case.reduced
    if reduced is None:
        return {}
    suspect = reduced.suspect
    files = {}
    for which in (0, 1):
        name = ("candidate", "reference")[which]
        value = (suspect.value, suspect.counterpart)[which]
        write_npz(folder / f"reduced-{name}-inputs.npz", reduced.feeds[which])
        write_npz(folder / f"reduced-{name}.npz", {value: reduced.outputs[which]})
        path, side = reduced.files[which], case.sides[which]
        files[name] = f"reduced-{name}.onnx" if path else ""
        if path and isinstance(side, ComparisonSide):
            _model(side, engines, path, folder / files[name])
    title = printable(", ".join(f"{node.op} {node.name or node.outputs[0]}" for node in suspect.nodes[-3:]))
    limit = suspect.limit * magnitude(reduced.outputs[1]) if reduced.outputs[1].dtype.kind in "fV" else 0.0
    return {"title": title, **files, "pair": (suspect.value, suspect.counterpart, 0.0, limit)}


def _size(path: str) -> int:
    folder, stem = os.path.dirname(path), os.path.getsize(path)
    beside = (os.path.join(folder, name) for name in os.listdir(folder) if not name.endswith(".onnx"))
    return stem + sum(os.path.getsize(file) for file in beside if os.path.isfile(file))


#: What a case consists of: nothing else in the folder is touched.
_PARTS = ("inputs.npz", "candidate.npz", "reference.npz", "repro.py", "report.txt")


def _clear(folder: Path) -> None:
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        ours = path.name in _PARTS or path.name.startswith(("reduced-", "candidate.onnx", "reference.onnx"))
        if ours and path.is_file():
            path.unlink()
