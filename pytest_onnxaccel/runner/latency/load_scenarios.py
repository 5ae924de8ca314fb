"""Takes the samples of one scenario: at a client's pace in the worker, or over proven batch sizes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_onnxaccel.backends.protocol import LoadOptions
from pytest_onnxaccel.checks.latency import absolute_budget as absolute
from pytest_onnxaccel.checks.latency import load_scenarios as serving
from pytest_onnxaccel.checks.latency.absolute_budget import Judged
from pytest_onnxaccel.checks.latency.check import measure
from pytest_onnxaccel.checks.latency.load_scenarios import Served
from pytest_onnxaccel.checks.latency.own_time import OwnTime, own_time
from pytest_onnxaccel.core.errors import ModelError, OnnxAccelError
from pytest_onnxaccel.core.results import Verdict
from pytest_onnxaccel.core.specs import LatencyBudget, Scenario, TimingPlan
from pytest_onnxaccel.isolation.remote_blocks import take_blocks
from pytest_onnxaccel.numerics.queueing.arrivals import PacePlan
from pytest_onnxaccel.numerics.queueing.load_test import Throughput, throughput
from pytest_onnxaccel.numerics.timing.blocks import Block
from pytest_onnxaccel.numerics.timing.order_stats import least_samples
from pytest_onnxaccel.runner.latency.throughput import MULTIPLES
from pytest_onnxaccel.runner.latency.timing_sessions import Bench, TimedModel
from pytest_onnxaccel.runner.sessions.frozen_batch import freeze

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.checked_session import CheckedSession
    from pytest_onnxaccel.backends.protocol import Array

#: Calls in a row, which say whether a rate can be served at all; requests of the run that a queue is replayed over, and
#: of a live one, each after requests that are not counted.
ROW, RUN, LIVE, WARMUP = 100, 600, 1500, 50
#: Seconds of each of them at most.
SECONDS = 20.0


def serve(bench: Bench, model: TimedModel, budget: LatencyBudget, seed: int = 0) -> Served:
    """Measure the budget's scenario in sessions of *bench*, and judge its percentiles.

    Raises:
        OnnxAccelError: the model does not run.
    """
    assert budget.scenario is not None
    scenario, asked, options = budget.scenario, serving.limits(budget), LoadOptions(threads=budget.threads)
    if scenario.kind == "offline":
        return _offline(bench, model, budget, options)
    feeds = model.ready.resolved.inputs.feeds(0, model.batch)
    session = bench.session(model.backend, model.path, options)
    if scenario.kind == "idle-gap":
        need = max((least_samples(share) for share in _shares(asked)), default=0)
        calls = max(100, need + need // 4)
        busy = session.time(feeds, TimingPlan(samples=100))
        plan = PacePlan("pause", scenario.pause_ns or 0.0, calls, seconds=3 * SECONDS, seed=seed, counted=True)
        paced = session.pace(feeds, plan)
        found = serving.idle_gap(scenario, paced, busy, asked)
        if found.verdict is Verdict.PASSED:
            return found
        return serving.idle_gap(scenario, paced, busy, asked, own_time(_row(session, feeds), paced, session.info.facts))
    return _server(session, feeds, scenario, asked, seed)


def _server(
    session: CheckedSession, feeds: Mapping[str, Array], scenario: Scenario, asked: Mapping[str, float], seed: int
) -> Served:
    row = session.time(feeds, TimingPlan(samples=ROW, seconds=SECONDS))
    mean = sum(row.wall_ns) / len(row.wall_ns)
    # Without a rate: busy for half of the time
    gap = 1e9 / scenario.rate_per_s if scenario.rate_per_s else 2 * mean
    if mean >= gap:
        own = own_time(_row(session, feeds), None, session.info.facts) if asked else None
        return serving.server(scenario, row, None, asked, seed=seed, own=own)
    plan = PacePlan("poisson", gap, RUN, warmup=WARMUP, seconds=SECONDS, seed=seed)
    run = session.pace(feeds, plan)
    if scenario.target_ns is not None:
        found = serving.max_sustainable_rate(scenario, row, run, seed)
        if found.verdict is Verdict.PASSED:
            return found
        return serving.max_sustainable_rate(scenario, row, run, seed, _own(session, feeds, plan))
    live = None
    if scenario.live and sum(run.occupied_ns) < gap * len(run.occupied_ns):
        plan = PacePlan("poisson", gap, LIVE, warmup=WARMUP, seconds=3 * SECONDS, seed=seed + 1)
        live = session.pace(feeds, plan)
    found = serving.server(scenario, row, run, asked, live, seed)
    if found.verdict is Verdict.PASSED:
        return found
    return serving.server(scenario, row, run, asked, live, seed, _own(session, feeds, plan))


def _own(session: CheckedSession, feeds: Mapping[str, Array], plan: PacePlan) -> OwnTime:
    """Return what requests take by themselves, by another run of *plan* in which the wait for a CPU is counted."""
    blocks = _row(session, feeds)
    run = session.pace(feeds, replace(plan, counted=True, seed=plan.seed + 2))
    return own_time(blocks, run, session.info.facts)


def _row(session: CheckedSession, feeds: Mapping[str, Array]) -> list[Block]:
    """Return the calls in a row in blocks, each with the speed probe before it."""
    end, blocks = time.perf_counter() + SECONDS, list[Block]()
    while len(blocks) < absolute.BLOCKS and (time.perf_counter() < end or not blocks):
        blocks += take_blocks([(session, feeds)], [0], absolute.CALLS, probe=True)
    return blocks


def _shares(asked: Mapping[str, float]) -> list[float]:
    return [int(key[1:]) / 100 for key in asked]


def _offline(bench: Bench, model: TimedModel, budget: LatencyBudget, options: LoadOptions) -> Served:
    scenario, model_session, backend = budget.scenario, model.model_session, model.backend
    assert scenario is not None
    inputs = model.ready.resolved.inputs
    own = inputs.batch or 1
    sizes = model_session.spec.batch.sizes or (own, *(own * m for m in MULTIPLES))
    found: list[tuple[Throughput, tuple[Judged, ...]]] = []
    left: dict[int, str] = {}
    for size in sorted(set(sizes)):
        if inputs.batch is None and size != own:
            left[size] = "the inputs share no batch axis (axis 0)"
            continue
        try:
            path = None if size == own else freeze(model_session, backend, model.ready, size).path
            with closing(bench.session(backend, path, options)) as session:
                taken = measure(session, inputs, budget, size if inputs.batch else None)
        except OnnxAccelError as error:
            if size == own:
                raise
            left[size] = error.cause
            continue
        judged = () if taken.sampled is None else tuple(taken.sampled.judged.values())
        found.append((throughput(taken.timing.wall_ns, size), judged))
    if not found:
        raise ModelError(f"no batch size could be timed: {next(iter(left.values()))}", code="V_BATCH")
    return serving.offline(scenario, found, left)
