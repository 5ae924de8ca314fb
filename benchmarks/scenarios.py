"""How true the scenarios are: a replayed queue beside a real Poisson run, and ``offline`` beside a bare loop.

    python benchmarks/scenarios.py MODEL [--threads N] [--rounds N] [--requests N] [--loads L ...] [--seed N]
        [--only {server,offline}]
    python benchmarks/scenarios.py --steady MS [--rounds N] [--requests N] [--loads L ...] [--seed N]

**server**: each of many rounds is two Poisson runs of one rate, which comes from calls in a row just before them. The
queue is replayed over the services of each under the arrivals of the other, and beside it stand that other run's
responses, so that all differences are the method's; asked: p95 within 1.5 %, with an interval at 95 % over rounds.
Below stands the recursion over each run's own services, which must give that run (within 1 %). With ``--steady`` a call
spins for exactly so long: the method without the machine's changing speed.

**offline**: the throughput that the scenario's calls come to, and that of a bare loop of ``session.run`` in one process
with the same session, interleaved; asked: the bare loop at or above the lower bound, and within 2 % of the figure.
"""

from __future__ import annotations

import argparse
import os
import random
import time
from contextlib import closing
from functools import partial
from pathlib import Path

from scenarios_queue import Pacer, Row, queue

from pytest_onnxaccel.backends.protocol import LoadOptions
from pytest_onnxaccel.core.specs import ModelSpec, TimingPlan
from pytest_onnxaccel.numerics.queueing.arrivals import pace
from pytest_onnxaccel.numerics.queueing.load_test import throughput
from pytest_onnxaccel.numerics.timing.order_stats import bounds, percentile
from pytest_onnxaccel.runner.request import RunOptions
from pytest_onnxaccel.runner.sessions.model_session import ModelSession
from pytest_onnxaccel.runner.sessions.workers.engines import Engines

#: Shares of the time in which the model is kept busy, by its calls in a row.
LOADS = (0.3, 0.5, 0.7)


def model(model_session: ModelSession, options: LoadOptions, arguments: argparse.Namespace) -> None:
    """The scenarios of *model_session* on ``ort-cpu``."""
    feeds = model_session.ready("ort-cpu").resolved.inputs.feeds(0)
    if arguments.only != "offline":
        with closing(model_session.fresh("ort-cpu", None, options)) as session:
            session.time(feeds, TimingPlan(samples=200))
            each = TimingPlan(samples=60, warmup=5, steady=False)
            server(partial(session.pace, feeds), lambda: session.time(feeds, each).wall_ns, arguments)
    if arguments.only != "server":
        print(offline(model_session, options, arguments.rounds))


def steady(ns: int, arguments: argparse.Namespace) -> None:
    """The queue over calls that take *ns* each, whatever the machine does."""

    def spin() -> None:
        end = time.perf_counter_ns() + ns
        while time.perf_counter_ns() < end:
            pass

    server(partial(pace, spin), lambda: [ns], arguments)


def server(pacer: Pacer, row: Row, arguments: argparse.Namespace) -> None:
    """Queues at each load that was asked for."""
    print(f"server: {arguments.rounds} rounds of {arguments.requests} requests, twice each", flush=True)
    for load in arguments.loads:
        print(queue(pacer, row, load, arguments.rounds, arguments.requests, arguments.seed), flush=True)


def offline(model_session: ModelSession, options: LoadOptions, rounds: int) -> str:
    """A line: throughput of the scenario's calls and of a bare loop in this process."""
    import onnxruntime as ort

    inputs = model_session.ready("ort-cpu").resolved.inputs
    feeds, batch = inputs.feeds(0), inputs.batch or 1
    session = model_session.fresh("ort-cpu", None, options)
    settings = ort.SessionOptions()
    settings.log_severity_level = 4
    settings.intra_op_num_threads = options.threads or 0
    bare = ort.InferenceSession(model_session.path, settings, providers=["CPUExecutionProvider"])
    names = [output.name for output in bare.get_outputs()]
    walls: list[int] = []
    ratios, calls, warmup, draw = [], 10, 2, random.Random(0)
    for _ in range(10 * rounds):
        pair = {}
        for side in draw.sample(("bare", "ours"), 2):
            if side == "bare":
                for _ in range(warmup):
                    bare.run(names, feeds)
                start = time.perf_counter()
                for _ in range(calls):
                    bare.run(names, feeds)
                pair[side] = calls * batch / (time.perf_counter() - start)
            else:
                taken = session.time(feeds, TimingPlan(calls, warmup, seconds=600, steady=False)).wall_ns
                walls += taken
                pair[side] = batch * 1e9 * len(taken) / sum(taken)
        ratios.append(pair["ours"] / pair["bare"])
    session.close()
    ours, ordered = throughput(walls, batch), sorted(ratios)
    low, high = bounds(ordered, 0.5)
    return (
        f"offline at batch {batch}: {ours.per_s:.4g}/s, certainly {ours.lower_per_s:.4g}/s; over a bare loop "
        f"{percentile(ordered, 0.5):.3f} ({low:.3f} to {high:.3f}, {len(ordered)} pairs)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?")
    parser.add_argument("--steady", type=float, metavar="MS", help="calls of so many milliseconds instead of a model's")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--requests", type=int, default=600, help="of each of a round's two runs")
    parser.add_argument("--loads", type=float, nargs="+", default=LOADS, metavar="L", help="shares of a busy server")
    parser.add_argument("--seed", type=int, default=0, help="of arrivals: those of the next round have the next one")
    parser.add_argument("--only", choices=("server", "offline"))
    arguments = parser.parse_args()
    if (arguments.model is None) == (arguments.steady is None):
        parser.error("name a model, or the length of calls by --steady")
    if arguments.only == "offline" and arguments.steady is not None:
        parser.error("--only offline needs a model")
    if not all(0 < load < 1 for load in arguments.loads):
        parser.error(f"loads are above 0 and below 1, where a queue ends: {arguments.loads}")
    if min(arguments.rounds, arguments.requests) < 1:
        parser.error("--rounds and --requests are 1 or more")
    if arguments.steady is not None:
        steady(int(arguments.steady * 1e6), arguments)
        return
    path, engines = os.path.abspath(arguments.model), Engines(RunOptions())
    try:
        model_session = ModelSession(ModelSpec(Path(path).name, path, arguments.model), engines, 0, ("ort-cpu",), 0)
        model(model_session, LoadOptions(threads=arguments.threads or None), arguments)
    finally:
        engines.close()


if __name__ == "__main__":
    main()
