"""Does the worker measure what a bare loop of ``session.run`` measures: the same model, one beside the other.

    python benchmarks/latency_fidelity.py MODEL [--rounds N] [--threads N]

*Fidelity*: the plugin's timing loop and a bare loop alternate on sessions of their own inside one process; the ratio of
their medians is a ratio within pairs. *Isolation*: the plugin's worker and a bare loop in this process take turns; what
transport adds would show here. Each ratio stands with its bounds (sign test, 99 %), and beside a control, the bare
loop against itself.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pytest_onnxaccel.backends.onnxruntime.cpu import OrtCpu
from pytest_onnxaccel.backends.protocol import LoadOptions
from pytest_onnxaccel.core.specs import ModelSpec, TimingPlan
from pytest_onnxaccel.numerics.timing.interleave import Alternation, interval
from pytest_onnxaccel.runner.latency.timing_sessions import Bench
from pytest_onnxaccel.runner.request import RunOptions
from pytest_onnxaccel.runner.sessions.model_session import ModelSession
from pytest_onnxaccel.runner.sessions.workers.engines import Engines

#: Calls of a block, of which the first is dropped.
CALLS = 8

Sample = Callable[[], tuple[float, float]]


def bare(path: str, options: LoadOptions, feeds: dict[str, Any]) -> Sample:
    """A loop as anyone writes it, over a session as anyone makes it."""
    import onnxruntime as ort

    made = ort.SessionOptions()
    made.log_severity_level = 3
    if options.threads is not None:
        made.intra_op_num_threads = options.threads
    if not options.spin:
        made.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = ort.InferenceSession(path, made, providers=["CPUExecutionProvider"])

    def sample() -> tuple[float, float]:
        taken = []
        session.run(None, feeds)
        begun = time.process_time_ns()
        for _ in range(CALLS):
            start = time.perf_counter_ns()
            session.run(None, feeds)
            taken.append(time.perf_counter_ns() - start)
        return statistics.median(taken), (time.process_time_ns() - begun) / CALLS

    return sample


@contextmanager
def silence() -> Iterator[None]:
    """The runtime writes its warnings straight to the standard error; in a worker they go to its log."""
    kept = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def ours(session: Any, feeds: dict[str, Any]) -> Sample:
    """The plugin's loop, wherever *session* lives."""
    plan = TimingPlan(samples=CALLS, warmup=1, seconds=3600, least=CALLS, steady=False)

    def sample() -> tuple[float, float]:
        timing = session.time(feeds, plan)
        return statistics.median(timing.wall_ns), statistics.median(timing.cpu_ns)

    return sample


def shown(name: str, first: Sample, second: Sample, rounds: int) -> None:
    """Alternate both and print how many times as long the first takes."""
    sides = (first, second)

    def take(order: Sequence[int]) -> list[tuple[float, float]]:
        return [sides[side]() for side in order]

    for side in sides:
        side()
        side()
    alternation = Alternation(take)
    alternation.take(rounds, 120)
    for clock, values in (("wall", alternation.walls), ("CPU", alternation.cpus)):
        ratio, low, high = interval(values[0], values[1], 0.99)
        medians = [statistics.median(side) / 1e6 for side in values]
        print(
            f"{name:44} {clock:4} {medians[0]:8.3f} ms {medians[1]:8.3f} ms   {ratio - 1:+7.2%}"
            f" ({low - 1:+.2%} to {high - 1:+.2%}), {len(alternation)} pairs",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--rounds", type=int, default=200, help="pairs of each comparison")
    parser.add_argument("--threads", type=int, default=1, help="intra-op threads; 0 for the runtime's own default")
    arguments = parser.parse_args()
    options = LoadOptions(threads=arguments.threads or None, spin=False)
    engines = Engines(RunOptions())
    model_session = ModelSession(ModelSpec("model", arguments.model, arguments.model), engines, 0, ("ort-cpu",), 0)
    try:
        feeds = model_session.ready("ort-cpu").resolved.inputs.feeds(0)
        path = model_session.path
        print(f"{'':44}      first     second      first longer by")
        control = (bare(path, options, feeds), bare(path, options, feeds))
        shown("a bare loop and a bare loop", *control, arguments.rounds)
        with silence():
            local = OrtCpu().load(path, options)
        shown("our loop and a bare loop, one process", ours(local, feeds), control[0], arguments.rounds)
        with Bench(model_session, engines, fresh=True) as bench:
            hosted = bench.session("ort-cpu", options=options)
            shown("the worker and a bare loop here", ours(hosted, feeds), control[1], arguments.rounds)
    finally:
        model_session.close()
        engines.close()


if __name__ == "__main__":
    main()
