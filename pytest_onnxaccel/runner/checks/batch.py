"""Run the batch check: the model at other batch sizes."""

from __future__ import annotations

from pytest_onnxaccel.checks.batch.check import BatchCase, batch
from pytest_onnxaccel.checks.inputs.guessed_sizes import sized
from pytest_onnxaccel.core.results import CheckResult
from pytest_onnxaccel.runner.check_run import CheckRun
from pytest_onnxaccel.runner.outputs.compared_outputs import without_graphs
from pytest_onnxaccel.runner.precision.measured_noise import noise_of
from pytest_onnxaccel.runner.sessions.batch_sessions import batch_sessions


def run(context: CheckRun) -> CheckResult:
    """Return the result of the batch check."""
    request, model = context.request, context.model_session
    ready = context.ready()
    case = BatchCase(
        request.model,
        request.backend,
        ready.session,
        ready.resolved.inputs,
        batch_sessions(model, request.backend),
        request.sizes or context.spec.batch.sizes,
        context.tolerance,
        context.output_tolerances,
        holders=model.candidates.holders,
        promised=model.candidates.treats_as_batch,
        single_runs=ready.single_runs,
        wide=not request.sizes,
        memory=context.options.limits.memory,
        telling=context.telling(),
        comparers=without_graphs(model),
        value_shaped=ready.resolved.value_shaped,
        noise=lambda: noise_of(model, request.backend, ready),
    )
    return sized(batch(case), ready.resolved)
