"""Models of the `transformers` library through the gate: ``python -m suites.transformers.run``.

Prints, for each model, how it was converted and gated, and which of the planted faults were caught with their module.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from pytest_onnxaccel.core.errors import OnnxAccelError
from pytest_onnxaccel.core.results import Verdict
from pytest_onnxaccel.runner.sessions.workers.engines import Engines
from suites.transformers.library_faults import INPUTS, WEIGHTS
from suites.transformers.library_judging import caught, converted, gated, names_it, plant, run_options
from suites.transformers.library_nets import NETS

_CHECKS = ("contract", "parity", "batch")


def row(name: str, folder: Path, engines: Engines, trouble: list[str]) -> tuple[str, bool, bool, int, int, int]:
    """One line of the table, and: converted, false alarm, faults planted, caught, named."""
    started = time.perf_counter()
    try:
        saved = converted(name, folder)
    except OnnxAccelError as error:
        trouble.append(f"{name}: {error}")
        return f"| {name} | refused | | | | |", False, False, 0, 0, 0
    results = gated(name, Path(saved.path), folder, engines, _CHECKS)
    alarms = [result for result in results if result.verdict is not Verdict.PASSED]
    trouble += [f"{name}: false alarm: {result.message}" for result in alarms]
    planted = found = named = 0
    for kind, fault in {**WEIGHTS, **INPUTS}.items():
        if fault.net != name:
            continue
        planted += 1
        candidate = folder / "damaged" / f"{name}.onnx"
        candidate.parent.mkdir(exist_ok=True)
        plant(fault, Path(saved.path), candidate)
        (result,) = gated(name, candidate, folder, engines)
        found += caught(result)
        named += caught(result) and names_it(result, fault)
        if not (caught(result) and names_it(result, fault)):
            trouble.append(f"{name}: {kind}: {result.message}")
    parity = results[1].figures
    sizes = results[1].figures.get("input_sizes", "")
    reach = f"{parity['reach']['share']:.0%}" if "reach" in parity else ""
    error = f"{parity['max_abs']:.1e}" if "max_abs" in parity else ""
    seconds = time.perf_counter() - started
    line = f"| {name} | {'; '.join(r.verdict.value for r in results)} | {sizes} | {error} | {reach} | "
    return line + f"{named} of {planted} | {seconds:.0f} |", True, bool(alarms), planted, found, named


def main() -> int:
    """Run, print, and say by the exit status whether anything was refused, alarming or missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("nets", nargs="*", default=list(NETS), help="names of models; all by default")
    asked = parser.parse_args()
    trouble: list[str] = []
    print("| model | contract; parity; batch | sizes chosen | max abs error | reach | faults named | seconds |")
    print("| --- | --- | --- | --- | --- | --- | --- |", flush=True)
    rows = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        engines = Engines(run_options(folder))
        try:
            for name in asked.nets:
                rows.append(row(name, folder, engines, trouble))
                print(rows[-1][0], flush=True)
        finally:
            engines.close()
    alarms, planted, found, named = (sum(one[at] for one in rows) for at in (2, 3, 4, 5))
    versions = ", ".join(f"{name} {version(name)}" for name in ("transformers", "torch", "onnxruntime"))
    print(f"{sum(one[1] for one in rows)} of {len(rows)} converted, {alarms} false alarms, {found} of {planted} faults")
    print(f"caught, {named} with their module ({versions})")
    print("\n".join(trouble))
    return int(bool(trouble))


if __name__ == "__main__":
    sys.exit(main())
