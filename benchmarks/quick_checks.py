"""How much the quick checks of one model cost next to a plain script; a ratio, both sides in one run, interleaved.

    python benchmarks/quick_checks.py [MODEL] [--rounds N]

The plain script imports onnx and onnxruntime, loads the model and runs it once. The quick checks are all built-in
checks but latency, on ort-cpu alone. pytest's own start-up (a run of an empty test file without the plugin) is
taken off the second. Two ratios are printed: of the smallest times of all rounds, for noise only ever adds; and the
median of the ratios within each round, with their quartiles, for a machine whose speed changes changes it for both.
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


def seconds(command: list[str], folder: str) -> float:
    """Wall time of *command*, which must succeed."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=environment)
    taken = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return taken


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
        for command in commands.values():
            seconds(command, folder)  # byte code is written, files are read
        rounds = [{name: seconds(c, folder) for name, c in commands.items()} for _ in range(arguments.rounds)]
    best = {name: min(one[name] for one in rounds) for name in commands}
    for name, value in best.items():
        middle = statistics.median(one[name] for one in rounds)
        print(f"{name:14} {value * 1e3:7.0f} ms at best, {middle * 1e3:7.0f} ms by median")
    print(f"ratio of the smallest: {ratio(best):.2f} (at most 2 is asked)")
    low, middle, high = statistics.quantiles(map(ratio, rounds), n=4)
    print(f"ratio within a round: median {middle:.2f}, quartiles {low:.2f} and {high:.2f}")


def ratio(times: Mapping[str, float]) -> float:
    """Quick checks without pytest's own start-up, over the plain script."""
    return (times["quick checks"] - times["bare pytest"]) / times["plain script"]


if __name__ == "__main__":
    main()
