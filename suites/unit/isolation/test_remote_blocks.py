"""Blocks of real sessions: alternated inside one worker, and between workers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fixtures import graphs
from pytest_onnxaccel.backends.protocol import LoadOptions
from pytest_onnxaccel.checks.latency.paired_ratio import Arm, compare
from pytest_onnxaccel.core.errors import ModelError
from pytest_onnxaccel.core.specs import ModelSpec
from pytest_onnxaccel.isolation.remote_blocks import take_blocks
from pytest_onnxaccel.runner.latency.timing_sessions import Bench
from pytest_onnxaccel.runner.request import RunOptions
from pytest_onnxaccel.runner.sessions.model_session import ModelSession
from pytest_onnxaccel.runner.sessions.workers.engines import Engines

ONE = LoadOptions(threads=1, spin=False)


@pytest.fixture(scope="module", params=[False, True], ids=["worker", "in-process"])
def model_session(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[ModelSession, Engines]]:
    path = tmp_path_factory.mktemp("blocks") / "cnn.onnx"
    path.write_bytes(graphs.small_cnn().SerializeToString())
    engines = Engines(RunOptions(in_process=request.param))
    made = ModelSession(ModelSpec("cnn", str(path), str(path)), engines, 0, ("ort-cpu",), 0)
    yield made, engines
    made.close()
    engines.close()


def test_sessions_take_turns_in_the_order_asked_for(model_session: tuple[ModelSession, Engines]) -> None:
    model, engines = model_session
    feeds = model.ready("ort-cpu").resolved.inputs.feeds(0)
    with Bench(model, engines) as bench:
        sides = [(bench.session("ort-cpu", options=ONE), feeds) for _ in range(2)]
        blocks = take_blocks(sides, [0, 1, 1, 0], 7, probe=True)
    assert [len(block.wall_ns) for block in blocks] == [7] * 4
    assert all(min(block.wall_ns) > 0 and block.first_ns > 0 and block.probe_ns > 0 for block in blocks)
    ends = [block.end_ns for block in blocks]
    assert all(before <= after.start_ns for before, after in zip(ends, blocks[1:], strict=False))
    assert all(block.noise["switches"] >= 0 for block in blocks)


def test_a_session_of_its_own_for_each_and_none_left_open(model_session: tuple[ModelSession, Engines]) -> None:
    model, engines = model_session
    with Bench(model, engines) as bench:
        first, second = (bench.session("ort-cpu", options=ONE) for _ in range(2))
        assert first is not second
        assert first is not model.session("ort-cpu", options=ONE)
    feeds = model.ready("ort-cpu").resolved.inputs.feeds(0)
    with pytest.raises(Exception, match=r"\d|closed|NoneType"):
        first.run(feeds)


def test_sessions_of_two_workers_are_compared(model_session: tuple[ModelSession, Engines]) -> None:
    """The evaluator of onnx is slower than the runtime by far more than any machine's noise."""
    model, engines = model_session
    feeds = model.ready("ort-cpu").resolved.inputs.feeds(0)
    with Bench(model, engines, fresh=True) as bench:
        slow = Arm("reference", bench.session("reference"), feeds)
        fast, twin = (Arm("ort-cpu", bench.session("ort-cpu", options=ONE), feeds) for _ in range(2))
        found = compare(slow, fast, twin, against=1.5, looks=(12,))
    assert found.pairs == 12
    assert found.decisive.low > 1.5


def test_feeds_are_checked_before_they_are_timed(model_session: tuple[ModelSession, Engines]) -> None:
    model, engines = model_session
    with Bench(model, engines) as bench, pytest.raises(ModelError, match="was not fed"):
        take_blocks([(bench.session("ort-cpu"), {})], [0], 1)


def test_a_fresh_bench_has_workers_of_its_own(model_session: tuple[ModelSession, Engines]) -> None:
    model, engines = model_session
    kept = model.ready("ort-cpu").session
    with Bench(model, engines, fresh=True) as bench:
        session = bench.session("ort-cpu", options=ONE)
        assert session.bare(model.ready("ort-cpu").resolved.inputs.feeds(0))[0] is not kept
        engine = bench._own["ort-cpu"]
        assert engine is not model.engine("ort-cpu")
    assert kept.alive
    assert not hasattr(engine, "_worker") or not engine.alive
