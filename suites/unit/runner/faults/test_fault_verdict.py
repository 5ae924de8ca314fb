"""Which verdict an error is."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pytest_onnxaccel.core.errors import BackendCrashed, BackendTimedOut, BackendUnavailable, ModelError, OutOfMemory
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import ModelSpec, SourceSpec
from pytest_onnxaccel.runner.faults.fault_verdict import ElsewhereFault, verdict_of
from pytest_onnxaccel.runner.request import Request

ENGINES: Any = SimpleNamespace(backend=lambda name: SimpleNamespace(complete=name != "reference"))


def judged(error: Any, backend: str = "ort-cpu", reference: str = "", required: Any = ()) -> CheckResult:
    request = Request("m", "parity", backend, reference, batch=4)
    return verdict_of(error, request, ENGINES, frozenset(required))


@pytest.mark.parametrize(
    "error",
    [
        BackendCrashed("died of SIGFPE"), BackendTimedOut("no answer"), OutOfMemory("took 9 GB"),
        ModelError("a cycle", code="E_GRAPH"), ModelError("is empty", code="E_NOTMODEL"),
        ModelError("no such operator", code="E_SCHEMA"), ModelError("fails", code="E_RUN"),
        ModelError("too large", code="E_SIZE"), ModelError("odd", code="E_CONFIG"),
    ],
    ids=lambda error: error.code,
)  # fmt: skip
def test_what_a_model_does_is_a_failure(error: Any) -> None:
    result = judged(error)
    assert (result.verdict, result.code) == (Verdict.FAILED, error.code)
    assert result.message == str(error)
    assert (result.model, result.check, result.backend, result.batch) == ("m", "parity", "ort-cpu", 4)
    assert f"onnxaccel[{error.code}] m: " in result.message


def test_inputs_that_cannot_be_made_up_say_nothing_of_the_model() -> None:
    result = judged(ModelError("input 'w' holds string", code="E_INPUT", remedy="give samples"))
    assert (result.verdict, result.code) == (Verdict.NOT_APPLICABLE, "E_INPUT")
    assert result.message.endswith(" - give samples")


def test_a_backend_that_is_not_here() -> None:
    error = BackendUnavailable("ort-cuda: no GPU", remedy="buy one")
    assert judged(error, "ort-cuda").verdict is Verdict.NOT_APPLICABLE
    assert judged(error, "ort-cuda", required=["ort-cpu"]).verdict is Verdict.NOT_APPLICABLE
    assert judged(error, "ort-cuda", required=["ort-cuda"]).verdict is Verdict.FAILED
    assert judged(error, "ort-cpu", "ort-cuda", required=["ort-cuda"]).verdict is Verdict.FAILED


def test_a_reference_that_a_marker_names_and_that_is_not_here_is_not_judged() -> None:
    error = BackendUnavailable("torch: torch is not installed", remedy="install it")
    error.backend = "torch"
    source = SourceSpec("/net.pth", "nets/net.pth")
    spec = ModelSpec("m", "/m.onnx", "m.onnx")
    request = Request("m", "parity", "ort-cpu", "/net.pth", source=source)
    result = verdict_of(error, request, ENGINES, frozenset(), spec)
    assert (result.verdict, result.code) == (Verdict.FAILED, "V_NOTJUDGED")
    assert result.message.startswith("reference net.pth was asked for and cannot be judged: ")
    # A partner that the plan chose by itself is nobody's wish
    plain = verdict_of(error, Request("m", "parity", "ort-cpu", "torch"), ENGINES, frozenset(), spec)
    assert plain.verdict is Verdict.NOT_APPLICABLE


def test_operators_that_a_partial_backend_lacks() -> None:
    error = ModelError("Gelu is not implemented", code="E_SCHEMA")
    assert judged(error, "reference").verdict is Verdict.NOT_APPLICABLE
    assert judged(error, "reference", required=["reference"]).verdict is Verdict.FAILED
    # A partner that lacks operators excuses itself, not the candidate: only who refused counts
    assert judged(error, "ort-cpu", "reference").verdict is Verdict.FAILED
    error.backend = "reference"
    assert judged(error, "ort-cpu", "reference").verdict is Verdict.NOT_APPLICABLE
    error.backend = ""
    assert judged(error, "ort-cpu", "unoptimized").verdict is Verdict.FAILED
    assert judged(error, "ort-cpu", "models/old.onnx").verdict is Verdict.FAILED
    # What a partial backend dies of is a crash like any other
    assert judged(BackendCrashed("died"), "reference").verdict is Verdict.FAILED


def test_what_another_check_reports_is_not_reported_again() -> None:
    fault = BackendCrashed("the runtime died of SIGFPE", where="load, ort-cpu", remedy="rebuild it")
    fault.about("m.onnx")
    result = judged(ElsewhereFault(fault, "contract[ort-cpu]"), required=["ort-cpu"])
    assert (result.verdict, result.code) == (Verdict.NOT_APPLICABLE, "E_CRASH")
    assert result.message == "onnxaccel[E_CRASH] m.onnx: the runtime died of SIGFPE (see contract[ort-cpu])"


def test_what_of_a_cause_has_no_room_in_the_message_is_a_detail() -> None:
    result = judged(ModelError("first things first, " + "then more " * 50, code="E_GRAPH", remedy="check the export"))
    assert len(result.message) <= 300
    assert result.message.startswith("onnxaccel[E_GRAPH] m: first things first, then more")
    assert result.message.endswith(" - check the export")
    assert result.details[0].startswith("…first things first")
    assert "".join(result.details).count("then more") >= 49
    assert judged(ModelError("is empty")).details == ()
