"""What many small models cost: in workers, with -n 2, in the pytest process, and in a bare script; one run, in turns.

    python benchmarks/many_models.py [--sizes 10 100 1000] [--backends ort-cpu,reference] [--rounds N]

Generates models (a small convolutional network each, of other sizes and weights), runs all checks but latency on them
in four ways, one after the other in each round, and prints wall and processor time a model, and their ratios to those
in the pytest process. Beside it, a bare script loads each model in ONNX Runtime and runs it once. For workers it also
prints how much memory the pytest process has and how much its private folder holds, in the second half of the run
over the first one. "Linear" is the time a model of the largest size over that of the smallest but one. Of ``-n 2`` it
prints how many cores each way keeps busy, and how much faster it would be if it kept two of them busy all the time.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent

BARE = """
import sys, glob
import numpy, onnxruntime
options = onnxruntime.SessionOptions()
options.log_severity_level = 3
for path in sorted(glob.glob(sys.argv[1] + "/*.onnx")):
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    session.run(None, {i.name: numpy.zeros(i.shape, numpy.float32) for i in session.get_inputs()})
"""


def generate(folder: Path, count: int) -> None:
    """Write *count* models, no two of them alike, to *folder*."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper, save

    for number in range(count):
        random = np.random.default_rng(number)
        channels, size = 4 + number % 13, 8 + 4 * (number % 5)

        def weight(name: str, *shape: int, random: np.random.Generator = random) -> TensorProto:
            return numpy_helper.from_array(random.normal(0, 0.3, shape).astype(np.float32), name)

        nodes = [
            helper.make_node("Conv", ["x", "w0", "b0"], ["c0"], pads=[1, 1, 1, 1]),
            helper.make_node("Relu", ["c0"], ["r0"]),
            helper.make_node("Conv", ["r0", "w1", "b1"], ["c1"], pads=[1, 1, 1, 1]),
            helper.make_node("Relu", ["c1"], ["r1"]),
            helper.make_node("GlobalAveragePool", ["r1"], ["p"]),
            helper.make_node("Flatten", ["p"], ["f"]),
            helper.make_node("Gemm", ["f", "w2", "b2"], ["y"]),
        ]
        held = [
            weight("w0", channels, 3, 3, 3), weight("b0", channels), weight("w1", channels, channels, 3, 3),
            weight("b1", channels), weight("w2", channels, 10), weight("b2", 10),
        ]  # fmt: skip
        graph = helper.make_graph(
            nodes, f"net{number}", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, size, size])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 10])], held,
        )  # fmt: skip
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        save(model, folder / f"net{number:04d}.onnx")


@dataclass
class Run:
    """What one run took.

    Attributes:
        wall, cpu: seconds, the latter of all its processes that were waited for.
        memory, held: of the process, and of its private folders, in bytes, over time.
    """

    wall: float = 0.0
    cpu: float = 0.0
    memory: list[int] = field(default_factory=list)
    held: list[int] = field(default_factory=list)

    def growth(self, series: Sequence[int]) -> float:
        """Return the median of the last quarter of *series* over that of the second one."""
        quarter = len(series) // 4
        if not quarter:
            return 1.0
        early, late = series[quarter : 2 * quarter], series[-quarter:]
        return statistics.median(late) / max(statistics.median(early), 1)


def measured(command: list[str], folder: str, watch: bool = False) -> Run:
    """Run *command*, which must succeed."""
    found = Run()
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryDirectory() as temporary, tempfile.TemporaryFile("w+") as output:
        start = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, stdout=output, stderr=output, env={**environment, "TMPDIR": temporary}
        )
        done = threading.Event()
        watcher = threading.Thread(target=_watch, args=(process.pid, Path(temporary), found, done))
        if watch:
            watcher.start()
        _, status, usage = os.wait4(process.pid, 0)
        found.wall = time.perf_counter() - start
        found.cpu = usage.ru_utime + usage.ru_stime
        done.set()
        if watch:
            watcher.join()
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            raise SystemExit(output.read())
    return found


def _watch(pid: int, temporary: Path, found: Run, done: threading.Event) -> None:
    while not done.wait(0.1):
        try:
            memory = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except (OSError, IndexError):
            return
        held = 0
        for folder, _, names in os.walk(temporary):  # which passes over what is gone meanwhile
            for name in names:
                with contextlib.suppress(OSError):
                    held += os.stat(os.path.join(folder, name)).st_size
        found.memory.append(memory)
        found.held.append(held)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--backends", default="ort-cpu,reference")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--select", default="not latency", help="as pytest's -k")
    arguments = parser.parse_args()
    backends = [f"--onnx-backend={name}" for name in arguments.backends.split(",")]
    each: dict[tuple[str, int], float] = {}
    print(f"{'models':>6} {'way':12} {'wall':>8} {'CPU':>8}   a model, ms; ratios to in process: wall, CPU")
    for size in arguments.sizes:
        with tempfile.TemporaryDirectory() as folder:
            models = Path(folder, "models")
            models.mkdir()
            generate(models, size)
            pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:hypothesispytest",
                      f"--onnx-model={models}", *backends, "-k", arguments.select, "-W", "ignore"]  # fmt: skip
            commands = {
                "in process": [*pytest, "--onnx-in-process"],
                "workers": pytest,
                "-n 2": [*pytest, "-n", "2"],
                "bare script": [sys.executable, "-c", BARE, str(models)],
            }
            runs: dict[str, list[Run]] = {name: [] for name in commands}
            for _ in range(arguments.rounds):
                for name, command in commands.items():
                    runs[name].append(measured(command, folder, watch=name == "workers"))
        for name, found in runs.items():
            wall, cpu = (min(getattr(run, what) for run in found) / size * 1e3 for what in ("wall", "cpu"))
            each[name, size] = cpu
            pairs = list(zip(found, runs["in process"], strict=True))
            ratios = [
                statistics.median(getattr(a, what) / getattr(b, what) for a, b in pairs) for what in ("wall", "cpu")
            ]
            print(f"{size:6} {name:12} {wall:8.1f} {cpu:8.1f}   {ratios[0]:.2f}, {ratios[1]:.2f}")
        workers = runs["workers"][0]
        faster = statistics.median(a.wall / b.wall for a, b in zip(runs["workers"], runs["-n 2"], strict=True))
        busy = {name: statistics.median(run.cpu / run.wall for run in runs[name]) for name in ("workers", "-n 2")}
        most = statistics.median(2 * a.wall / b.cpu for a, b in zip(runs["workers"], runs["-n 2"], strict=True))
        print(
            f"       -n 2 is {faster:.2f} times as fast as one process, and keeps {busy['-n 2']:.2f} cores busy "
            f"instead of {busy['workers']:.2f}; with two always busy it would be {most:.2f} times as fast"
        )
        print(
            f"       memory of pytest, the last quarter over the second: {workers.growth(workers.memory):.3f}, at most "
            f"{max(workers.memory, default=0) >> 20} MB; its folder: {workers.growth(workers.held):.2f}, at most "
            f"{max(workers.held, default=0) >> 10} KB"
        )
    if len(arguments.sizes) > 1:
        *_, small, large = sorted(arguments.sizes)
        ratio = each["workers", large] / each["workers", small]
        print(f"linear: CPU a model of {large} models over that of {small}: {ratio:.2f}")


if __name__ == "__main__":
    main()
