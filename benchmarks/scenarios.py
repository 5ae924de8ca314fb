"""How true the scenarios are: a replayed queue beside a real Poisson run, and ``offline`` beside a bare loop.

    python benchmarks/scenarios.py MODEL [--threads N] [--rounds N] [--requests N]

**server**: in each round, at a rate that keeps the model busy for half of the time, calls in a row and calls after
exponential pauses are taken, then requests really come in. The queue is replayed over the former with the arrivals of
the latter, so that only the service times are guessed. Percentiles of all rounds together stand side by side; asked:
p95 within 1.5 %.

**offline**: the throughput that the scenario's calls come to, and that of a bare loop of ``session.run`` in one process
with the same session, interleaved; asked: the bare loop at or above the lower bound, and within 2 % of the figure.
"""

from __future__ import annotations

import argparse
import os
import random
import time
from pathlib import Path

from pytest_onnxaccel.backends.protocol import LoadOptions
from pytest_onnxaccel.numerics.pacing import PacePlan, gaps
from pytest_onnxaccel.numerics.scenarios import replay, throughput
from pytest_onnxaccel.numerics.stats import percentile
from pytest_onnxaccel.runner.engines import Engines
from pytest_onnxaccel.runner.request import RunOptions
from pytest_onnxaccel.runner.subject import Subject
from pytest_onnxaccel.spec import ModelSpec, TimingPlan


def server(subject: Subject, options: LoadOptions, load: float, rounds: int, requests: int) -> str:
    """A line: replayed and live percentiles at the utilisation *load*."""
    session = subject.fresh("ort-cpu", None, options)
    feeds = subject.ready("ort-cpu").settled.inputs.feeds(0)
    first = session.time(feeds, TimingPlan(samples=200))
    gap = percentile(sorted(first.wall_ns), 0.5) / load
    replayed: dict[str, list[float]] = {"p50": [], "p95": [], "p99": []}
    live: list[int] = []
    for number in range(rounds):
        plan = PacePlan("poisson", gap, requests, warmup=50, seconds=600, seed=number)
        busy = session.time(feeds, TimingPlan(samples=requests // 2, seconds=600)).wall_ns
        idle = session.pace(feeds, PacePlan("idle", gap, requests // 2, seconds=600, seed=1000 + number)).response_ns
        live += session.pace(feeds, plan).response_ns
        # The services that follow the run stand for it as well as those before it
        busy += session.time(feeds, TimingPlan(samples=requests // 2, seconds=600)).wall_ns
        try:
            found = replay(busy, 1e9 / gap, idle, gaps_ns=gaps(plan), seed=number)
        except ValueError:
            continue  # a neighbour made the calls in a row longer than the gaps: there is no steady state
        for key, values in replayed.items():
            values.append(getattr(found, f"{key}_ns"))
    session.close()
    parts = [f"{load:4.0%} {len(replayed['p50']):3} of {rounds}"]
    for key, values in replayed.items():
        middle = percentile(sorted(values), 0.5)
        each = [percentile(sorted(live[i * requests : (i + 1) * requests]), int(key[1:]) / 100) for i in range(rounds)]
        seen = percentile(sorted(each), 0.5)
        parts.append(f"{key} {middle / 1e6:6.2f} / {seen / 1e6:6.2f} ms ({middle / seen - 1:+.1%})")
    return "   ".join(parts)


def offline(subject: Subject, options: LoadOptions, rounds: int) -> str:
    """A line: throughput of the scenario's calls and of a bare loop in this process."""
    import onnxruntime as ort

    inputs = subject.ready("ort-cpu").settled.inputs
    feeds, batch = inputs.feeds(0), inputs.batch or 1
    session = subject.fresh("ort-cpu", None, options)
    settings = ort.SessionOptions()
    settings.log_severity_level = 4
    settings.intra_op_num_threads = options.threads or 0
    bare = ort.InferenceSession(subject.path, settings, providers=["CPUExecutionProvider"])
    names = [output.name for output in bare.get_outputs()]
    walls: list[int] = []
    ratios, calls, draw = [], 50, random.Random(0)
    for _ in range(20):
        bare.run(names, feeds)
    for _ in range(rounds):
        pair = {}
        for side in draw.sample(("bare", "ours"), 2):
            if side == "bare":
                start = time.perf_counter()
                for _ in range(calls):
                    bare.run(names, feeds)
                pair[side] = calls * batch / (time.perf_counter() - start)
            else:
                taken = session.time(feeds, TimingPlan(samples=calls, warmup=2, seconds=600)).wall_ns
                walls += taken
                pair[side] = batch * 1e9 * len(taken) / sum(taken)
        ratios.append(pair["ours"] / pair["bare"])
    session.close()
    ours, ordered = throughput(walls, batch), sorted(ratios)
    middle = percentile(ordered, 0.5)
    return (
        f"offline at batch {batch}: {ours.per_s:.4g}/s, certainly {ours.lower_per_s:.4g}/s; over a bare loop "
        f"{middle:.3f} (quartiles {percentile(ordered, 0.25):.3f} to {percentile(ordered, 0.75):.3f}, {rounds} pairs)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--requests", type=int, default=1000)
    arguments = parser.parse_args()
    path, engines = os.path.abspath(arguments.model), Engines(RunOptions())
    options = LoadOptions(threads=arguments.threads or None)
    try:
        subject = Subject(ModelSpec(Path(path).name, path, arguments.model), engines, 0, ("ort-cpu",), 0)
        print("server, replayed / live; medians of the rounds")
        for load in (0.3, 0.5, 0.7):
            print(server(subject, options, load, arguments.rounds, arguments.requests), flush=True)
        print(offline(subject, options, 4 * arguments.rounds))
    finally:
        engines.close()


if __name__ == "__main__":
    main()
