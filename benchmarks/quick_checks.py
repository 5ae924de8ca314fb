"""How much the quick checks of one model cost next to a plain script; a ratio, both sides in one run, interleaved.

    python benchmarks/quick_checks.py [MODEL] [--rounds N]

The plain script imports onnx and onnxruntime, loads the model and runs it once. The quick checks are all built-in
checks but latency, on ort-cpu alone. pytest's own start-up (a run of an empty test file without the plugin) is
taken off the second. Two ratios are printed: of the smallest times of all rounds, for noise only ever adds; and the
median of the ratios within each round, with their quartiles, for a machine whose speed changes changes it for both.
Both are of wall time, which a full machine spoils, and of the processor time of all processes.

Where Polygraphy is installed for this interpreter, ``polygraphy run MODEL --onnxrt`` stands next to them: it loads the
model and runs it once.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parent.parent

PLAIN = """
import sys
import numpy, onnx, onnxruntime
onnx.load(sys.argv[1])
options = onnxruntime.SessionOptions()
options.log_severity_level = 3
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
feeds = {i.name: numpy.zeros(i.shape, numpy.float32) for i in session.get_inputs()}
session.run(None, feeds)
"""


#: Wall time, and processor time of the process and of those that it waited for, seconds.
Taken = tuple[float, float]


def taken(command: list[str], folder: str) -> Taken:
    """Return what *command*, which must succeed, takes."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryFile("w+") as output:
        start = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=output, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            raise SystemExit(output.read())
    return wall, usage.ru_utime + usage.ru_stime


def seconds(command: list[str], folder: str) -> float:
    """Return the wall time of *command*, which must succeed."""
    return taken(command, folder)[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default=str(ROOT / "fixtures" / "models" / "rfb-320.onnx"))
    parser.add_argument("--rounds", type=int, default=10)
    arguments = parser.parse_args()
    model = str(Path(arguments.model).resolve())
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "test_empty.py").write_text("def test_empty(): pass\n")
        pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:hypothesispytest"]
        commands = {
            "plain script": [sys.executable, "-c", PLAIN, model],
            "bare pytest": [*pytest, "-p", "no:onnxaccel", "test_empty.py"],
            "quick checks": [
                *pytest, f"--onnx-model={model}", "--onnx-backend=ort-cpu", "-k", "not latency",
                "-W", "ignore", "test_empty.py",
            ],
        }  # fmt: skip
        polygraphy = Path(sys.executable).parent / "polygraphy"
        if polygraphy.exists():
            commands["polygraphy run"] = [str(polygraphy), "run", model, "--onnxrt"]
        for command in commands.values():
            taken(command, folder)  # byte code is written, files are read
        rounds = [{name: taken(c, folder) for name, c in commands.items()} for _ in range(arguments.rounds)]
    for place, kind in enumerate(("wall", "CPU")):
        times = [{name: one[name][place] for name in one} for one in rounds]
        best = {name: min(one[name] for one in times) for name in commands}
        for name, value in best.items():
            middle = statistics.median(one[name] for one in times)
            print(f"{kind:4} {name:14} {value * 1e3:7.0f} ms at best, {middle * 1e3:7.0f} ms by median")
        print(f"{kind:4} ratio of the smallest: {ratio(best):.2f} (at most 2 is asked)")
        if len(times) > 1:
            low, middle, high = statistics.quantiles(map(ratio, times), n=4)
            print(f"{kind:4} ratio within a round: median {middle:.2f}, quartiles {low:.2f} and {high:.2f}")


def ratio(times: Mapping[str, float]) -> float:
    """Quick checks without pytest's own start-up, over the plain script."""
    return (times["quick checks"] - times["bare pytest"]) / times["plain script"]


if __name__ == "__main__":
    main()
