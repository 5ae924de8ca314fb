"""Which variants of a reference are opened, and what a lock says of a pair."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fixtures import graphs
from pytest_onnxaccel.backends.onnxruntime.providers.backend import OrtProvider
from pytest_onnxaccel.backends.onnxruntime.providers.table import ROWS
from pytest_onnxaccel.checks.parity.check import Noisy
from pytest_onnxaccel.core.errors import OnnxAccelError
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import ModelSpec, Tolerance
from pytest_onnxaccel.runner.request import Request, RunOptions
from pytest_onnxaccel.runner.runner import Runner
from pytest_onnxaccel.runner.sessions import noise_variants as noise
from pytest_onnxaccel.runner.sessions.model_session import ModelSession
from pytest_onnxaccel.runner.sessions.workers.engines import Engines

BACKENDS = ("ort-cpu", "reference")


@pytest.fixture
def model_session(tmp_path: Path) -> ModelSession:
    path = tmp_path / "cnn.onnx"
    path.write_bytes(graphs.small_cnn().SerializeToString())
    options = RunOptions(in_process=True)
    spec = ModelSpec("cnn", str(path), "cnn.onnx")
    return ModelSession(spec, Engines(options), 0, BACKENDS, 0)


def opened(model_session: ModelSession, backend: str, **more: bool) -> dict[str, object]:
    return dict(noise.variants(model_session, backend, **more)())


def test_a_runtime_gives_ways_to_run_and_other_graphs(model_session: ModelSession) -> None:
    found = opened(model_session, "ort-cpu")
    assert {"graph optimizations off", "threads=1", "threads=3", "weights one rounding off (1)"} <= set(found)
    assert any(name.startswith("initializers") for name in found)
    feeds = model_session.ready("ort-cpu").resolved.inputs.feeds(0)
    wanted = model_session.ready("ort-cpu").session.run(feeds)
    for session in found.values():
        assert not isinstance(session, OnnxAccelError)
        assert list(session.run(feeds)) == list(wanted)  # type: ignore[attr-defined]


def test_a_backend_without_optimizations_has_other_graphs_alone(model_session: ModelSession) -> None:
    assert all("threads" not in name and "optimizations" not in name for name in opened(model_session, "reference"))


def test_an_accelerator_has_ways_of_its_own(model_session: ModelSession, monkeypatch: pytest.MonkeyPatch) -> None:
    row = replace(ROWS["cpu"], variants=(("other arena", (("arena_extend_strategy", "kSameAsRequested"),)),))
    provider = OrtProvider(row)
    monkeypatch.setattr(model_session._engines, "_backends", {"ort-cpu": provider})
    monkeypatch.setattr(model_session._engines, "reference", lambda name: provider.reference)
    ways = dict(noise._ways(model_session, "ort-cpu", alone=False))
    assert list(ways) == ["graph optimizations off", "other arena"]
    assert ways["other arena"].provider == (("arena_extend_strategy", "kSameAsRequested"),)
    assert list(noise._ways(model_session, "reference", alone=False)) == []


def test_the_unoptimized_reference_has_no_variant_that_is_its_candidate(model_session: ModelSession) -> None:
    asked = []
    fresh = model_session.fresh
    model_session.fresh = lambda name, path, options, like: (
        asked.append(options) or fresh(name, path, options, like=like)
    )  # type: ignore[assignment, func-returns-value, method-assign]
    assert "graph optimizations off" not in opened(model_session, "ort-cpu", alone=True)
    assert asked
    assert not any(options.optimize for options in asked)


def test_no_file_of_a_variant_stays(model_session: ModelSession) -> None:
    opened(model_session, "ort-cpu")
    assert not list(Path(model_session.folder).glob("variant-*"))


def test_a_lock_belongs_to_a_model_and_a_pair() -> None:
    entry = {"y": Tolerance(0, 1)}
    options = RunOptions(locked={"m": {"a~b": entry}})
    assert noise.noisy(options, "m", "a", "b", iter).locked == entry  # type: ignore[arg-type]
    for other in (("n", "a", "b"), ("m", "b", "a"), ("m", "a", "c")):
        assert noise.noisy(options, *other, iter).locked == {}  # type: ignore[arg-type]
    writing = RunOptions(locked=options.locked, write_lock=True)
    assert noise.noisy(writing, "m", "a", "b", iter) == Noisy(iter, {}, True)  # type: ignore[arg-type]


def test_nothing_finite_is_the_contracts_to_report_where_that_runs() -> None:
    result = CheckResult("m", "parity", Verdict.FAILED, "V_NONFINITE", "all NaN", backend="a")
    assert noise.elsewhere(result, frozenset()) is result
    assert noise.elsewhere(result, frozenset({("contract", "b")})) is result
    referred = noise.elsewhere(result, frozenset({("contract", "a")}))
    assert (referred.verdict, referred.message) == (Verdict.NOT_APPLICABLE, "all NaN (see contract[a])")
    other = result.with_(code="V_PARITY")
    assert noise.elsewhere(other, frozenset({("contract", "a")})) is other


@pytest.mark.parametrize("batch", [None, 3])
def test_a_lock_is_measured_at_other_batches_too(tmp_path: Path, shipped: Path, batch: int | None) -> None:
    spec = ModelSpec("slim", str(shipped / "slim-320.onnx"), "slim-320.onnx")
    runner = Runner([spec], {"slim": ("ort-cpu",)}, RunOptions(in_process=True, write_lock=True))
    try:
        result = runner.check(Request("slim", "parity", "ort-cpu", "unoptimized", batch=batch))
    finally:
        runner.close()
    assert result.verdict is Verdict.PASSED, result.message
    assert set(result.figures["lock"]) == {"scores", "boxes"}
    assert len(result.figures["noise"]["variants"]) >= 6
    assert not [text for text in result.figures["noise"]["left_out"] if "opset" not in text]
