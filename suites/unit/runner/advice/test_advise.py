"""Advice on real models: every candidate is proven before it is timed. The timings themselves are made up here."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from fixtures import graphs
from pytest_onnxaccel.backends.onnxruntime.session import OrtSession
from pytest_onnxaccel.backends.protocol import LoadOptions
from pytest_onnxaccel.backends.reference import ReferenceBackend
from pytest_onnxaccel.checks.advice.recommend import Advice
from pytest_onnxaccel.checks.advice.speedup import Finding, Gain, Outcome
from pytest_onnxaccel.core.specs import ModelSpec, Tolerance
from pytest_onnxaccel.isolation.child import functions
from pytest_onnxaccel.runner.latency.paired_timing import paired_timing
from pytest_onnxaccel.runner.request import RunOptions
from pytest_onnxaccel.runner.sessions.model_session import ModelSession
from pytest_onnxaccel.runner.sessions.workers.engines import Engines
from suites.unit.runner.advice.advise import CPU, Advise

#: Options of a session that trials change, by the kind of the trial.
OPTIONS: dict[str, Callable[[LoadOptions], bool]] = {
    "level": lambda o: o.level == "basic",
    "threads": lambda o: o.threads == 1,
    "spin": lambda o: not o.spin,
    "arena": lambda o: not o.arena,
    "binding": lambda o: o.binding,
}


def found(advice: Advice, kind: str) -> list[Finding]:
    findings = [*advice.findings, *([advice.throughput] if advice.throughput else [])]
    return [finding for finding in findings if finding.kind == kind]


def outcomes(advice: Advice, kind: str) -> set[Outcome]:
    return {finding.outcome for finding in found(advice, kind)}


# -- each kind: legal, and helping where the clock says so


@pytest.mark.parametrize("kind", ["initializers", "simplify"])
def test_a_faster_file_is_advised(kind: str, advise: Advise) -> None:
    advise.faster_when(lambda side: kind in Path(side[1]).parent.name)
    advice = advise(with_constants())
    assert outcomes(advice, kind) == {Outcome.HELPS}
    assert advice.advised
    assert advice.setup.steps[-1] == kind
    (finding,) = found(advice, kind)
    assert finding.max_abs is not None
    assert finding.max_abs < 1e-5  # rounding of outputs around 5


@pytest.mark.parametrize("kind", OPTIONS)
def test_a_faster_option_is_advised(kind: str, advise: Advise) -> None:
    advise.faster_when(lambda side: OPTIONS[kind](side[2]))
    if kind == "spin":  # compared sessions keep still unless spinning is the question
        advise.faster_when(lambda side: not side[2].spin and side[2].threads is None)
    advice = advise(graphs.small_cnn())
    assert Outcome.HELPS in outcomes(advice, kind)
    assert advice.advised
    assert len(advice.titles) == 1


@pytest.mark.parametrize("kind", ["float16", "int8"])
def test_fewer_bits_are_advised_where_the_tolerance_allows(kind: str, advise: Advise) -> None:
    advise.faster_when(lambda side: kind in Path(side[1]).parent.name)
    advice = advise(graphs.mlp(), tolerance=Tolerance(0.2, 0.2))
    assert outcomes(advice, kind) == {Outcome.HELPS}
    assert kind in advice.setup.steps


def test_another_backend_is_advised(advise: Advise, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ReferenceBackend, "role", "runtime")
    advise.faster_when(lambda side: side[0] == "reference")
    advice = advise(graphs.mlp())
    assert outcomes(advice, "provider") == {Outcome.HELPS}
    assert advice.setup.backend == "reference"


def test_a_batch_is_worth_it_by_its_samples(advise: Advise) -> None:
    advice = advise(graphs.small_cnn(batch=1))
    assert advice.throughput is not None
    # As long for one call of 8 samples as for one of 1
    assert advice.throughput.title == "throughput at batch 8"
    assert advice.throughput.gain == Gain(8.0, pytest.approx(7.92), pytest.approx(8.08))
    assert advice.throughput.outcome is Outcome.HELPS


# -- each kind: refused because outputs differ


@pytest.mark.parametrize("kind", ["float16", "int8"])
def test_fewer_bits_are_refused_by_the_default_tolerance(kind: str, advise: Advise) -> None:
    advice = advise(graphs.mlp())
    (finding,) = found(advice, kind)
    assert finding.outcome is Outcome.REFUSED
    assert "outputs differ: output" in finding.why
    assert not any(kind in side[1] for pair in advise.duels for side in pair), (
        "it was timed although it is not the model"
    )


@pytest.mark.parametrize("kind", ["initializers", "simplify"])
def test_a_step_that_changes_the_model_is_refused(kind: str, advise: Advise, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(functions.GRAPH_FUNCTIONS, kind, f"{__name__}:spoilt_{kind}")
    advice = advise(with_constants())
    assert outcomes(advice, kind) == {Outcome.REFUSED}
    assert not any(kind in Path(side[1]).parent.name for pair in advise.duels for side in pair)


@pytest.mark.parametrize("kind", OPTIONS)
def test_an_option_that_changes_outputs_is_refused(kind: str, advise: Advise, monkeypatch: pytest.MonkeyPatch) -> None:
    spoil(monkeypatch, OPTIONS[kind])
    advice = advise(graphs.small_cnn())
    assert Outcome.REFUSED in outcomes(advice, kind)
    asked_alone = [second for first, second in advise.duels if OPTIONS[kind](second[2]) and not OPTIONS[kind](first[2])]
    assert not asked_alone


def test_a_backend_that_computes_something_else_is_refused(advise: Advise, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ReferenceBackend, "role", "runtime")
    load = ReferenceBackend.load

    def wrong(self: Any, path: str, options: LoadOptions) -> Any:
        session = load(self, path, options)
        run = session.run
        session.run = lambda feeds: {k: v + 1 for k, v in run(feeds).items()}  # type: ignore[method-assign]
        return session

    monkeypatch.setattr(ReferenceBackend, "load", wrong)
    (finding,) = found(advise(graphs.mlp()), "provider")
    assert finding.outcome is Outcome.REFUSED
    assert "outputs differ" in finding.why


def test_a_batch_that_mixes_its_samples_is_refused(advise: Advise) -> None:
    advice = advise(graphs.mixes_samples(batch=2))
    assert advice.throughput is not None
    assert advice.throughput.outcome is Outcome.REFUSED
    assert "batch" in advice.throughput.why


# -- each kind: does not apply (options: see test_checks_advice)


@pytest.mark.parametrize("kind", ["initializers", "simplify", "int8", "float16"])
def test_a_step_with_nothing_to_do_does_not_apply(kind: str, advise: Advise) -> None:
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 4]) for n in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", values[:1], values[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    assert outcomes(advise(model), kind) == {Outcome.NOT_APPLICABLE}


def test_options_do_not_apply_to_a_backend_without_them(advise: Advise) -> None:
    advice = advise(graphs.mlp(), backend="reference")
    for kind in OPTIONS:
        assert outcomes(advice, kind) == {Outcome.NOT_APPLICABLE}


def test_batches_do_not_apply_without_a_batch_axis(advise: Advise) -> None:
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [3, 4][i : i + 1]) for i, n in enumerate("ab")]
    out = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [3])]
    nodes = [
        helper.make_node("ReduceSum", ["b"], ["s"], keepdims=0),
        helper.make_node("Add", ["a", "s"], ["y"]),
    ]
    graph = helper.make_graph(nodes, "g", values, out)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    assert outcomes(advise(model), "batch") == {Outcome.NOT_APPLICABLE}


# -- the whole


def test_a_model_that_is_not_stable_proves_nothing(advise: Advise) -> None:
    advice = advise(graphs.unstable())
    assert not advice.findings
    assert "two equal runs of the model differ" in advice.limit
    assert not advise.duels


def test_sessions_keep_still_unless_spinning_is_the_question(advise: Advise) -> None:
    advise(graphs.initializers_as_inputs())
    plain = [pair for pair in advise.duels if Path(pair[1][1]).parent.name == "initializers"]
    assert plain
    assert all(not side[2].spin for pair in plain for side in pair)
    asked = [pair for pair in advise.duels if pair[0][2].spin and not pair[1][2].spin]
    assert len(asked) == 1


def test_without_a_gain_nothing_is_advised_or_written(advise: Advise, tmp_path: Path) -> None:
    advice = advise(graphs.initializers_as_inputs(), target=str(tmp_path / "advice"))
    assert not advice.advised
    assert advice.files == ()
    assert not (tmp_path / "advice").exists()


def test_a_real_duel(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(graphs.mlp().SerializeToString())
    engines = Engines(RunOptions())
    try:
        model_session = ModelSession(ModelSpec("m", str(path), "m.onnx"), engines, 0, (CPU,), 0)
        feeds = model_session.ready(CPU).resolved.inputs.feeds(0)
        opens = partial(model_session.fresh, CPU, None, LoadOptions(threads=1))
        gain = paired_timing((opens, feeds), (opens, feeds), looks=(20,), seconds=30)
    finally:
        engines.close()
    assert 0 < gain.low <= gain.ratio <= gain.high
    assert gain.control >= 1


# -- builders


def with_constants() -> onnx.ModelProto:
    """``y = x * (2 + 3)``: constants that are inputs as well, and a node that folds away once they are not."""
    nodes = [helper.make_node("Add", ["two", "three"], ["five"]), helper.make_node("Mul", ["x", "five"], ["y"])]
    weights = [numpy_helper.from_array(np.full(4, v, np.float32), n) for n, v in (("two", 2.0), ("three", 3.0))]
    values = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("x", [1, 4]), ("two", [4]), ("three", [4]))
    ]
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4])
    graph = helper.make_graph(nodes, "g", values, [out], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)


def spoilt_initializers(source: str, target: str) -> dict[str, object]:
    return _spoilt(source, target)


def spoilt_simplify(source: str, target: str) -> dict[str, object]:
    return _spoilt(source, target)


def _spoilt(source: str, target: str) -> dict[str, object]:
    model = onnx.load(source)
    weight = model.graph.initializer[0]
    weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight) * np.float32(1.01), weight.name))
    onnx.save(model, target)
    return {"edited": ["spoilt"], "reason": ""}


def spoil(monkeypatch: pytest.MonkeyPatch, condition: Callable[[LoadOptions], bool]) -> None:
    """A runtime that gives other outputs with some options."""
    init, run = OrtSession.__init__, OrtSession.run

    def begin(self: Any, session: Any, options: LoadOptions, *more: Any) -> None:
        init(self, session, options, *more)
        self.spoilt = condition(options)

    def other(self: Any, feeds: Any) -> Any:
        return {k: v + 1 if self.spoilt else v for k, v in run(self, feeds).items()}

    monkeypatch.setattr(OrtSession, "__init__", begin)
    monkeypatch.setattr(OrtSession, "run", other)
