"""The golden data of one model: where it is, which of it fits, and how it judges."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.core.errors import ModelError, OnnxAccelError
from pytest_onnxaccel.core.files.beneath import open_beneath
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.printing import counted
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import GoldenSpec, ModelInfo, ModelSpec, Tolerance, is_function
from pytest_onnxaccel.golden import layout
from pytest_onnxaccel.isolation.staging.copying import opened_folder, read_error
from pytest_onnxaccel.isolation.staging.stage_golden import stage_golden

if TYPE_CHECKING:
    from pytest_onnxaccel.golden.sets import GoldenSet


def golden_of(spec: ModelSpec) -> GoldenSpec | None:
    """Return the golden data of a model: what the user names, else what is next to it. Nothing is opened.

    ``MODEL.golden`` is of ``MODEL.onnx``; ``test_data_set_*`` are of every model in their folder that they fit.
    """
    if spec.golden is not None:
        return spec.golden if spec.golden.path else None
    folder, name = os.path.split(os.path.abspath(spec.path))
    own = os.path.join(folder, os.path.splitext(name)[0] + layout.SUFFIX)
    shown = os.path.dirname(spec.shown)
    if os.path.isdir(own):
        return GoldenSpec(own, os.path.join(shown, os.path.basename(own)), "found next to the model")
    try:
        models, sets = _counted(folder, os.stat(folder).st_mtime_ns)
    except OSError:
        return None
    return GoldenSpec(folder, shown, "found next to the model", found=True, shared=models > 1) if sets else None


@lru_cache(maxsize=8)
def _counted(folder: str, changed_ns: int) -> tuple[int, bool]:
    """Return how many models are in *folder*, and whether sets are: once for a folder of thousands that stays the same.

    Raises:
        OSError: it cannot be read.
    """
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if layout.is_set(entry.name) or entry.name.endswith(".onnx")]
    models = sum(name.endswith(".onnx") for name in names)
    return models, len(names) > models


@record(frozen=True)
class Golden:
    """Golden data that was staged and read.

    Attributes:
        spec: where it is.
        sets: what fits the model; empty where *error* says why nothing does.
        error: why it cannot be used.
        fits: False where it is next to several models and is that of another one.
        told: what is stored next to the sets: ``source``, ``tolerances``, ``by``.
    """

    spec: GoldenSpec
    sets: tuple[GoldenSet, ...] = ()
    error: OnnxAccelError | None = None
    fits: bool = True
    told: Mapping[str, Any] | None = None

    @property
    def fed(self) -> tuple[Mapping[str, Any], ...]:
        """Inputs that checks begin with: those that have the shapes of the first set's."""
        fitting = [one for one in self.sets if not one.unfed]
        return tuple(one.inputs for one in fitting if one.shapes == fitting[0].shapes)

    @property
    def unfinite(self) -> frozenset[str]:
        """Outputs that hold NaN or Inf in some set."""
        import numpy as np

        floats = (
            (name, value.astype(np.float64) if value.dtype.kind == "V" else value)
            for one in self.sets
            for name, value in one.outputs.items()
            if isinstance(value, np.ndarray) and value.dtype.kind in "fcV"
        )
        return frozenset(name for name, value in floats if not np.isfinite(value).all())

    @property
    def recorded_of(self) -> str:
        """What gave its outputs, by name; empty where that is not known."""
        recorded = (self.told or {}).get("source")
        return str(recorded.get("name", "")) if isinstance(recorded, dict) else ""

    def note(self) -> str:
        """Return which sets these are."""
        shown, names = self.spec.shown, [one.name for one in self.sets]
        if not self.spec.named:
            return f"compared with golden data of {counted(names, 120)}"
        # A file has its sets' names itself, and a folder of arrays is one set without a name
        told = [name for name in names if name not in (os.path.basename(shown), layout.UNNAMED)]
        return "compared with golden data" + (f" of {counted(told, 120)}" if told else "") + f" in {shown}"

    def told_in(self, result: CheckResult) -> CheckResult:
        """Return *result* of a check that begins with golden inputs, with what stands against these."""
        if self.error is None or not self.fits:
            return result
        return result.with_(warnings=(*result.warnings, f"golden inputs are left out: {self.error}"))

    def judged(self, result: CheckResult, source: str | None) -> CheckResult:
        """Return *result* of the comparison, with what qualifies it.

        Args:
            result: of the comparison with the golden data.
            source: SHA-256 of what the model was converted from now; None where that is not here.
        """
        recorded = (self.told or {}).get("source")
        known = recorded if isinstance(recorded, dict) else {}
        if source is not None and "sha256" in known and source != known["sha256"]:
            what = "other code of" if is_function(self.recorded_of) else "another file than"
            told = f"the golden data was recorded from {what} {known.get('name')!s}: record it again"
            result = result.with_(warnings=(*result.warnings, told))
        if result.verdict is Verdict.FAILED and not self.spec.named:
            told = f"the golden data was found {'there' if not self.spec.shown else 'in ' + self.spec.shown}"
            hint = f"{told}; golden = false in onnxaccel.toml, or --onnx-golden=no, ignores it"
            result = result.with_(details=(*result.details, hint))
        return result

    def tolerances(self, given: bool) -> dict[str, Tolerance]:
        """Return the tolerances to store, by output: *given* ones, or those that were measured.

        Values that are not tolerances count as none.
        """
        stored = (self.told or {}).get("tolerances")
        found: dict[str, Tolerance] = {}
        for name, entry in stored.items() if isinstance(stored, dict) else ():
            known: Mapping[str, Any] = entry if isinstance(entry, dict) else {}
            numbers: list[Any] = [known.get("rtol"), known.get("atol")]
            if all(map(_is_tolerance, numbers)) and (known.get("origin") == "given") is given:
                origin = layout.RECORD + ("" if given else f" ({known.get('origin', 'measured')!s})")
                found[str(name)] = Tolerance(float(numbers[0]), float(numbers[1]), origin)
        return found


def _is_tolerance(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < float("inf")


def take_in(spec: GoldenSpec, info: ModelInfo, folder: str, graph: Callable[..., Any], seconds: float) -> Golden:
    """Return the golden data at *spec*, for a model that declares *info*; whatever stands against it is in the result.

    Args:
        spec: where it is, and who named it.
        info: what the model declares.
        folder: private to the model; its workers write there.
        graph: calls a graph function in a worker.
        seconds: time limit of copying.
    """
    from pytest_onnxaccel.golden.sets import fitted

    private, target = os.path.join(folder, "golden"), "golden.bin"
    try:
        try:
            paths, alone = stage_golden(spec.path, private, spec.found, seconds)
            specs = {side: [vars(one) for one in getattr(info, side)] for side in ("inputs", "outputs")}
            told = graph("golden", folder=private, paths=paths, alone=alone, target=f"{private}/{target}", **specs)
            sets = fitted(told["sets"], _bytes(private, target), info.inputs, info.outputs)
            return Golden(spec, tuple(sets), told=told["record"])
        finally:
            shutil.rmtree(private, ignore_errors=True)
    except OnnxAccelError as error:
        error.subject = os.path.join(spec.shown, error.subject) if error.subject != spec.shown else spec.shown
        if os.path.isfile(spec.path):
            error.subject = spec.shown
        # Of several models in a folder, the data is that of the one that it fits
        other = spec.shared and error.code == "V_GOLDEN"
        return Golden(spec, error=error, fits=not other)


def _bytes(folder: str, name: str) -> bytes:
    """Return what a worker wrote to the file *name*; it may have put anything there."""
    with opened_folder(folder, read_error) as above:
        handle = open_beneath(above, name)
        with os.fdopen(handle, "rb") as file:
            size = os.fstat(handle).st_size
            if size > 2 << 30:
                raise ModelError("its arrays are larger than 2 GiB", code="E_SIZE", remedy="store fewer samples")
            return file.read(size)
