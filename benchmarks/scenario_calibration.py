"""How often a limit on a scenario decides, and how often it errs, beside neighbours on all cores.

    python benchmarks/scenario_calibration.py [--trials N] [--model FILE] [--threads N] [--load L] [--quiet] [--steady]

Every trial is what the gate does: a new session in a new worker, and a failure only where another new one fails too.
What is true of the model is what its quickest call takes, over several sessions and before any neighbour of this script
works, or what ``--cost`` says. By it requests come in so often that the server is busy for ``--load`` of the time.

- *server, rate*: the limit is far off. A model that could serve the rate must not fail, one that would be busy for
  130 % of the time must not pass.
- *server, p99*: 1.7 times what the queue would come to on a machine of its own must not fail, and a limit of which it
  comes to 130 % must not be passed.
- *idle-gap*: p95 after pauses of 10 ms, likewise, of the calls alone.

A neighbour is a process that works and rests for a random while (with ``--steady`` it never rests), one on each core.
Asked, of 100 trials: false fails at most 1, false passes at most 2.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

from latency_calibration import BACKEND, MODEL, NEIGHBOUR, OVER, ROOM, Bed

from pytest_onnxaccel.checks.latency.load_scenarios import Served, confirmed
from pytest_onnxaccel.core.results import Verdict
from pytest_onnxaccel.core.specs import LatencyBudget, Scenario, TimingPlan
from pytest_onnxaccel.numerics.queueing.load_test import replay
from pytest_onnxaccel.numerics.queueing.service_times import Services
from pytest_onnxaccel.runner.latency.load_scenarios import serve
from pytest_onnxaccel.runner.latency.timing_sessions import TimedModel

PAUSE_NS, SESSIONS, CALLS, FAR_NS = 10e6, 5, 300, 1e13

#: As ``NEIGHBOUR``, without a rest.
BUSY = NEIGHBOUR.replace("    time.sleep(random.expovariate(10))\n", "")


class Row(NamedTuple):
    """One kind of trial: the verdict that would be *wrong*, and how often it may be."""

    name: str
    budget: LatencyBudget
    wrong: Verdict
    allowed: float


@contextmanager
def neighbours(wanted: bool, steady: bool) -> Iterator[None]:
    """One on each core that is ours; they end with this process."""
    cores = sorted(os.sched_getaffinity(0)) if wanted else []
    command = [sys.executable, "-c", BUSY if steady else NEIGHBOUR]
    started = [subprocess.Popen([*command, str(core), str(os.getpid())]) for core in cores]
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


def quickest_ns(bed: Bed) -> float:
    """What the model takes where nobody disturbs it."""
    found = float("inf")
    for _ in range(SESSIONS):
        with bed.bench() as bench:
            arm = bed.arm(bench, None, spin=True)
            found = min(found, *arm.session.time(bed.feeds, TimingPlan(samples=CALLS, seconds=20)).wall_ns)
    return found


def rows(bed: Bed, cost_ns: float, load: float) -> list[Row]:
    rate = load * 1e9 / cost_ns
    p99 = replay(Services.of([cost_ns]), rate).p99_ns

    def server(rate: float, limit_ns: float) -> LatencyBudget:
        return LatencyBudget(p99_ns=limit_ns, scenario=Scenario("server", rate_per_s=rate), threads=bed.threads)

    def gap(limit_ns: float) -> LatencyBudget:
        return LatencyBudget(p95_ns=limit_ns, scenario=Scenario("idle-gap", pause_ns=PAUSE_NS), threads=bed.threads)

    fail, passed = (Verdict.FAILED, 0.01), (Verdict.PASSED, 0.02)
    return [
        Row(f"server, rate for {load:.0%} of the time", server(rate, FAR_NS), *fail),
        Row(f"server, rate for {OVER:.0%} of the time", server(OVER * 1e9 / cost_ns, FAR_NS), *passed),
        Row(f"server, p99 at {ROOM} times its own", server(rate, p99 * ROOM), *fail),
        Row(f"server, p99 over by {OVER - 1:.0%}", server(rate, p99 / OVER), *passed),
        Row(f"idle-gap, p95 at {ROOM} times its own", gap(cost_ns * ROOM), *fail),
        Row(f"idle-gap, p95 over by {OVER - 1:.0%}", gap(cost_ns / OVER), *passed),
    ]


def trial(bed: Bed, budget: LatencyBudget, seed: int) -> tuple[Verdict, str]:
    """One, with a failure confirmed as the gate does."""
    model = TimedModel(bed.model_session, bed.engines, BACKEND, bed.model_session.ready(BACKEND))

    def attempt() -> Served:
        with bed.bench() as bench:
            return serve(bench, model, budget, seed)

    served = attempt()
    if served.verdict is Verdict.FAILED:
        served = confirmed(served, attempt())
    return served.verdict, served.message


def calibrate(label: str, trials: int, one: Callable[[int], tuple[Verdict, str]], wrong: Verdict) -> int:
    """Run and print a line; how many trials were wrong."""
    found, seconds, told = Counter[Verdict](), [], []
    for number in range(trials):
        start = time.perf_counter()
        verdict, message = one(number)
        found[verdict] += 1
        seconds.append(time.perf_counter() - start)
        if verdict is wrong:
            told.append(message)
    print(
        f"{label:58} {found[Verdict.PASSED]:6} {found[Verdict.FAILED]:6} {found[Verdict.INCONCLUSIVE]:9} "
        f"{found[wrong]:5} {statistics.median(seconds):8.1f}",
        flush=True,
    )
    for message in told[:3]:
        print(f"    wrong: {message}", flush=True)
    return found[wrong]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=100, help="of each row")
    parser.add_argument("--model", default=str(MODEL))
    parser.add_argument("--threads", type=int, default=0, help="intra-op threads; 0 for the runtime's own default")
    parser.add_argument("--load", type=float, default=0.3, help="share of the time that a server is busy for")
    parser.add_argument("--only", type=int, nargs="+", metavar="ROW", help="numbers of rows, from 1")
    parser.add_argument("--quiet", action="store_true", help="without neighbours of this script")
    parser.add_argument("--steady", action="store_true", help="neighbours that never rest")
    parser.add_argument("--cost", type=float, metavar="MS", help="of a call, where it was measured on a quiet machine")
    arguments = parser.parse_args()
    bed = Bed(arguments.model, arguments.threads or None)
    many = 0
    try:
        cost = arguments.cost * 1e6 if arguments.cost else quickest_ns(bed)
        threads = bed.threads or "default"
        print(f"a call takes {cost / 1e6:.3g} ms, {threads} threads, {arguments.trials} trials, load {os.getloadavg()}")
        print(f"{'':58} passed failed undecided wrong  s/trial", flush=True)
        with neighbours(not arguments.quiet, arguments.steady):
            for number, (name, budget, wrong, allowed) in enumerate(rows(bed, cost, arguments.load), 1):
                if arguments.only and number not in arguments.only:
                    continue
                label = f"{name}, {'quiet' if arguments.quiet else 'neighbours on all cores'}"
                count = calibrate(label, arguments.trials, partial(trial, bed, budget), wrong)
                many += count > max(1, allowed * arguments.trials)
    finally:
        bed.close()
    return 1 if many else 0


if __name__ == "__main__":
    sys.exit(main())
