"""How often a latency budget decides, and how often it errs, quiet and next to a bursty neighbour.

    python benchmarks/latency_calibration.py [--trials N] [--model FILE] [--only relative|absolute|peer] [--peer]

Every trial loads new sessions in new workers. *Relative*: a regression of at most 10 % is asked for; against itself
every fail is a false one, and of a copy that computes 20 % more (a matrix product beside the model, its size found by
paired comparison) every pass is. With ``--peer`` stands beside it what pytest-benchmark's
``--benchmark-compare-fail=median:10%`` says of the same two models, timed one after the other as two runs do.
*Absolute*: the limit is 1.7 times the model's quiet p95, so every fail is a false one; and a limit of which the model
itself computes 130 %, so every pass is.

The neighbour is a process of this script that works and rests for a random while, on one core, and ends with it.
Start it on a machine that is otherwise quiet.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import onnx

from pytest_onnxaccel.backends.protocol import LoadOptions
from pytest_onnxaccel.checks.latency import absolute_budget as absolute
from pytest_onnxaccel.checks.latency import relative_budget as ratios
from pytest_onnxaccel.checks.latency.paired_ratio import Arm, compare
from pytest_onnxaccel.core.results import Verdict
from pytest_onnxaccel.core.specs import ModelSpec, TimingPlan
from pytest_onnxaccel.numerics.timing.order_stats import percentile
from pytest_onnxaccel.runner.latency.timing_sessions import Bench
from pytest_onnxaccel.runner.request import RunOptions
from pytest_onnxaccel.runner.sessions.model_session import ModelSession
from pytest_onnxaccel.runner.sessions.workers.engines import Engines

SHARE, PLANTED, ROOM, OVER = 0.10, 0.20, 1.7, 1.30
BACKEND = "ort-cpu"
#: The article's detector, a few milliseconds on one thread.
MODEL = Path(__file__).parents[1] / "fixtures" / "models" / "rfb-320.onnx"

#: A neighbour that works for a random while and rests for another.
NEIGHBOUR = """
import os, random, sys, time
os.sched_setaffinity(0, {int(sys.argv[1])})
while os.getppid() == int(sys.argv[2]):
    end = time.perf_counter() + random.expovariate(10)
    while time.perf_counter() < end: sum(range(1000))
    time.sleep(random.expovariate(10))
"""


class Bed:
    """Workers and sessions for one model file after another."""

    def __init__(self, path: str, threads: int | None) -> None:
        self.threads = threads
        self.engines = Engines(RunOptions())
        self.model_session = ModelSession(ModelSpec("model", path, path), self.engines, 0, (BACKEND,), 0)
        self.inputs = self.model_session.ready(BACKEND).resolved.inputs
        self.feeds = self.inputs.feeds(0)
        self._made = 0

    def bench(self) -> Bench:
        return Bench(self.model_session, self.engines, fresh=True)

    def arm(self, bench: Bench, path: str | None, spin: bool = False) -> Arm:
        options = LoadOptions(threads=self.threads, spin=spin)
        return Arm("model", bench.session(BACKEND, path, options), self.feeds)

    def wall_ms(self, path: str | None, share: float = 0.5, samples: int = 300) -> float:
        """A percentile of a new session in a new worker."""
        with self.bench() as bench:
            arm = self.arm(bench, path)
            timing = arm.session.time(self.feeds, TimingPlan(samples=samples, seconds=20))
        return percentile(sorted(timing.wall_ns), share) / 1e6

    def close(self) -> None:
        self.model_session.close()
        self.engines.close()


def heavier(bed: Bed, folder: str, share: float) -> tuple[str, float]:
    """A copy of the model that computes *share* more, and by how much it truly does (paired, all looks)."""
    low, high, found = 1, 4096, (bed.model_session.path, 0.0)
    for _ in range(9):
        size = (low + high) // 2
        path = os.path.join(folder, f"heavier-{size}.onnx")
        onnx.save(_with_work(bed.model_session.path, size), path)
        with bed.bench() as bench:
            first, second, twin = (bed.arm(bench, p) for p in (path, None, None))
            ratio = compare(first, second, twin, against=None, seconds=6, looks=(40,))
        found = (path, ratio.ratio - 1)
        if abs(found[1] - share) < 0.01 or high - low < 2:
            break
        low, high = (size, high) if found[1] < share else (low, size)
    return found


def _with_work(path: str, size: int) -> onnx.ModelProto:
    """The model at *path* with a product of *size* columns added to its first output, times nothing."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load(path)
    graph, output = model.graph, model.graph.output[0].name
    for node in graph.node:
        node.output[:] = [f"{name}_before" if name == output else name for name in node.output]
        node.input[:] = [f"{name}_before" if name == output else name for name in node.input]
    random = np.random.default_rng(0)
    weights = {
        "work_left": random.normal(size=(256, 256)).astype(np.float32),
        "work_right": random.normal(size=(256, size)).astype(np.float32),
        "work_nothing": np.zeros((), np.float32),
    }
    graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in weights.items())
    graph.node.extend(
        [
            # Of the input, so that it cannot be computed ahead
            helper.make_node("ReduceMean", [graph.input[0].name], ["work_mean"], keepdims=0),
            helper.make_node("Mul", ["work_left", "work_mean"], ["work_scaled"]),
            helper.make_node("MatMul", ["work_scaled", "work_right"], ["work_done"]),
            helper.make_node("ReduceMax", ["work_done"], ["work_most"], keepdims=0),
            helper.make_node("Mul", ["work_most", "work_nothing"], ["work_zero"]),
            helper.make_node("Add", [f"{output}_before", "work_zero"], [output]),
        ]
    )
    assert graph.output[0].type.tensor_type.elem_type == TensorProto.FLOAT
    return model


@contextmanager
def neighbour(wanted: bool) -> Iterator[None]:
    """A process that keeps one of our cores busy, in bursts."""
    core = max(os.sched_getaffinity(0))
    process = None
    if wanted:
        process = subprocess.Popen([sys.executable, "-c", NEIGHBOUR, str(core), str(os.getpid())])
    try:
        yield
    finally:
        if process is not None:
            process.kill()
            process.wait()


def relative(bed: Bed, path: str | None, seed: int) -> Verdict:
    """One trial: the file at *path* against the model."""
    with bed.bench() as bench:
        first, second, twin = (bed.arm(bench, p) for p in (path, None, None))
        ratio = compare(first, second, twin, against=1 + SHARE, seed=seed)
    return ratios.regression(ratio, "model", SHARE).judged.verdict


def benchmarked(bed: Bed, path: str | None) -> Verdict:
    """What pytest-benchmark's compare of medians says: two timings, one run after the other, and a threshold."""
    before, after = (_pedantic(bed, p) for p in (None, path))
    return Verdict.FAILED if after > before * (1 + SHARE) else Verdict.PASSED


def _pedantic(bed: Bed, path: str | None) -> float:
    """The median as pytest-benchmark takes it: rounds for its default second, in a process of its own."""
    import numpy as np

    model = path or bed.model_session.path
    with tempfile.TemporaryDirectory() as folder:
        np.savez(os.path.join(folder, "feeds.npz"), allow_pickle=False, **bed.feeds)
        test = Path(folder, "test_speed.py")
        test.write_text(
            "import numpy as np, onnxruntime as ort\n"
            "def test_speed(benchmark):\n"
            "    options = ort.SessionOptions()\n"
            "    options.log_severity_level = 3\n"
            f"    options.intra_op_num_threads = {bed.threads or 0}\n"
            f"    session = ort.InferenceSession({model!r}, options, ['CPUExecutionProvider'])\n"
            f"    feeds = dict(np.load({os.path.join(folder, 'feeds.npz')!r}))\n"
            "    benchmark(session.run, None, feeds)\n"
        )
        report = os.path.join(folder, "out.json")
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:onnxaccel", f"--benchmark-json={report}", str(test)]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        with open(report, encoding="utf-8") as file:
            return float(json.load(file)["benchmarks"][0]["stats"]["median"])


def limited(bed: Bed, limit_ms: float) -> Verdict:
    """One trial of an absolute budget on p95; a failure is confirmed in a fresh process, as the gate does."""
    first = _sampled(bed, limit_ms)
    if first is not Verdict.FAILED:
        return first
    return Verdict.FAILED if _sampled(bed, limit_ms) is Verdict.FAILED else Verdict.INCONCLUSIVE


def _sampled(bed: Bed, limit_ms: float) -> Verdict:
    with bed.bench() as bench:
        arm = bed.arm(bench, None, spin=True)
        timing = arm.session.time(bed.feeds, TimingPlan(samples=20))
        typical = percentile(sorted(timing.wall_ns), 0.5)
        return absolute.sample(arm.session, bed.feeds, {"p95": limit_ms * 1e6}, typical).judged["p95"].verdict


def row(name: str, trials: int, trial: Callable[[int], Verdict]) -> None:
    """Run and print one line."""
    found, seconds = Counter[Verdict](), []
    for number in range(trials):
        start = time.perf_counter()
        found[trial(number)] += 1
        seconds.append(time.perf_counter() - start)
    decided = 1 - found[Verdict.INCONCLUSIVE] / trials
    print(
        f"{name:54} {found[Verdict.PASSED]:6} {found[Verdict.FAILED]:6} {found[Verdict.INCONCLUSIVE]:9} {decided:8.0%}"
        f" {statistics.median(seconds):8.1f} {max(seconds):8.1f}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--model", default=str(MODEL), help="its first input and output are float32")
    parser.add_argument("--threads", type=int, default=1, help="intra-op threads; 0 for the runtime's own default")
    parser.add_argument("--only", choices=("relative", "absolute", "peer"), default="")
    parser.add_argument("--peer", action="store_true", help="run pytest-benchmark's compare beside it")
    arguments = parser.parse_args()
    arguments.peer |= arguments.only == "peer"
    if arguments.peer and find_spec("pytest_benchmark") is None:
        parser.error("--peer needs pytest-benchmark: python -m pip install pytest-benchmark")
    with tempfile.TemporaryDirectory() as folder:
        bed = Bed(arguments.model, arguments.threads or None)
        try:
            calibrate(bed, arguments.trials, arguments.only, folder, arguments.peer)
        finally:
            bed.close()


def calibrate(bed: Bed, trials: int, only: str, folder: str, peer: bool) -> None:
    quiet = [bed.wall_ms(None, 0.95) for _ in range(5)]
    p95 = min(quiet)
    print(
        f"quiet p50 {bed.wall_ms(None):.3g} ms, p95 {p95:.3g} ms; {bed.threads or 'default'} threads, {trials} trials"
    )
    worse, by = heavier(bed, folder, PLANTED) if only != "absolute" else ("", 0.0)
    if worse:
        print(f"planted: {by:+.1%} on the CPU")
    print(f"{'':54} passed failed undecided  decided  s/trial  slowest")
    for busy in (False, True):
        where = "beside a neighbour" if busy else "quiet"
        with neighbour(busy):
            if only not in ("absolute", "peer"):
                row(f"regression 10 %, against itself, {where}", trials, lambda n: relative(bed, None, n))
                row(f"regression 10 %, planted, {where}", trials, lambda n: relative(bed, worse, n))
            if peer:
                row(f"pytest-benchmark, itself, {where}", trials, lambda n: benchmarked(bed, None))
                row(f"pytest-benchmark, planted, {where}", trials, lambda n: benchmarked(bed, worse))
            if only not in ("relative", "peer"):
                row(f"p95 at {ROOM} times the quiet one, {where}", trials, lambda n: limited(bed, p95 * ROOM))
                row(f"p95 over by {OVER - 1:.0%}, {where}", trials, lambda n: limited(bed, p95 / OVER))


if __name__ == "__main__":
    main()
