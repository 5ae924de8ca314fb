"""A comparison's report as a row of the run: verdict, code, figures, and where the failed case was saved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.core.errors import printable
from pytest_onnxaccel.core.files.failure_folder import case_folder
from pytest_onnxaccel.core.pair_specs import PreprocessingSpec
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.preprocessing.pictures import pictures

if TYPE_CHECKING:
    from pytest_onnxaccel.preprocessing import Report
    from pytest_onnxaccel.preprocessing.speed.verdict import SpeedVerdict

#: Keys of a report's JSON that become figures.
FIGURES = ("equivalent", "kind", "candidate", "tolerance", "stage", "found_on", "first_difference", "worst", "proof")

CODE = "V_PREPROCESSING"
SPEED_CODE = "V_SPEED"


def outcome(spec: PreprocessingSpec, report: Report, failures: Path) -> CheckResult:
    """Return the row of *report*; a failed case is saved in a folder of *failures*."""
    row = CheckResult(
        spec.name, "preprocessing", Verdict.PASSED, reference=spec.reference, figures=_figures(spec, report)
    )
    if report.compared_nothing:
        # A gate that compared nothing must not let anything pass
        message = f"nothing was compared: {report.sentence}"
        return row.with_(verdict=Verdict.FAILED, code="V_NOTJUDGED", message=message)
    if not report.equivalent:
        details = [*_pixel(report), f"candidate: {spec.candidate}", f"case: {_saved(report, failures, spec.name)}"]
        return row.with_(
            verdict=Verdict.FAILED, code=CODE, message=f"{report.kind}: {report.sentence}", details=tuple(details)
        )
    speed: SpeedVerdict | None = report.timings
    if speed is None:
        return row.with_(message=report.sentence)
    verdict, details = speed.verdict, [report.sentence, f"candidate: {spec.candidate}"]
    code = "OK" if verdict is Verdict.PASSED else SPEED_CODE
    return row.with_(verdict=verdict, code=code, message=speed.sentence, details=tuple(details))


def _figures(spec: PreprocessingSpec, report: Report) -> dict[str, Any]:
    told = report.to_json()
    figures: dict[str, Any] = {key: told[key] for key in FIGURES}
    figures |= pictures(report)
    if "max_abs" in report.worst:
        figures["max_abs"] = float(report.worst["max_abs"])
    speed: SpeedVerdict | None = report.timings
    if speed is not None:
        figures |= {
            "p50_ms": speed.candidate_ms,
            "reference_p50_ms": speed.reference_ms,
            "speedup": speed.ratio,
            "speedup_low": speed.low,
            "speedup_high": speed.high,
            "speedup_cpu": speed.cpu_ratio,
            "speedup_asked": speed.factor,
            "speedup_over": spec.reference,
            "pairs": speed.pairs,
        }
    return figures


def _pixel(report: Report) -> list[str]:
    from pytest_onnxaccel.preprocessing.report import picture

    found = [f"found on {report.found_on}"] if report.found_on else []
    found += [f"smallest {report.called}: {picture(report.minimal)}"] if report.minimal is not None else []
    return found + ([f"first difference {report.first_difference}"] if report.first_difference is not None else [])


def _saved(report: Report, failures: Path, name: str) -> str:
    """Return where the case is now; a disk that refuses it must not hide the finding."""
    folder = case_folder(failures, name)
    try:
        report.save(folder)
    except OSError as error:
        return f"not saved in {folder} ({error.strerror})"
    return printable(str(folder), 200)
