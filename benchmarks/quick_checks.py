"""How much the quick checks of one model cost beside a plain script; a ratio, both sides in one run, interleaved.

    python benchmarks/quick_checks.py [MODEL] [--rounds N]

The plain script imports onnx and onnxruntime, loads the model and runs it once. The quick checks are all built-in
checks but latency, on ort-cpu alone. pytest's own start-up (a run of an empty test file without the plugin) is
taken off the second. The smallest of the rounds counts on each side: noise only ever adds.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
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
    start = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
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
        best = dict.fromkeys(commands, float("inf"))
        for _ in range(arguments.rounds):
            for name, command in commands.items():
                best[name] = min(best[name], seconds(command, folder))
    own = best["quick checks"] - best["bare pytest"]
    for name, value in best.items():
        print(f"{name:14} {value * 1e3:7.0f} ms")
    print(f"quick checks without pytest's own start-up: {own * 1e3:.0f} ms")
    print(f"ratio to the plain script: {own / best['plain script']:.2f} (at most 2 is asked)")


if __name__ == "__main__":
    main()
