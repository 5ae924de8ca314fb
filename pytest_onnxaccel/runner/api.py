"""The built-in checks from a notebook or a service, without pytest."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace

from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.lookup.missing import looked_for
from pytest_onnxaccel.core.lookup.registry import nearest
from pytest_onnxaccel.core.results import CheckResult, Results, Verdict
from pytest_onnxaccel.core.specs import BatchPlan, GoldenSpec, ModelSpec, Tolerance
from pytest_onnxaccel.runner import arguments
from pytest_onnxaccel.runner.check_table import checks as registered
from pytest_onnxaccel.runner.plan import Plan, make_plan
from pytest_onnxaccel.runner.references import referring
from pytest_onnxaccel.runner.request import RunOptions
from pytest_onnxaccel.runner.runner import Runner
from pytest_onnxaccel.runner.sessions.workers.engines import Engines


def validate(  # noqa: PLR0913 - a door for users, who give what they need by keyword
    model: str | os.PathLike[str] | ModelSpec,
    backends: Sequence[str] = (),
    checks: Sequence[str] = (),
    options: RunOptions | None = None,
    reference: str | None = None,
    loader: str | None = None,
    *,
    tolerance: float | Tolerance | None = None,
    batch: int | Sequence[int] = (),
    golden: str | os.PathLike[str] | None = None,
) -> Results:
    """Run the built-in checks on one model.

    Args:
        model: path of an ``.onnx`` file, or a spec with ranges, tolerances and budgets.
        backends: names; empty for those of the spec, and without any for every backend that runs here.
        checks: names of the checks to run; empty for all of them.
        options: settings of a run: time and memory limits, seed, folders; the defaults when None.
        reference: what the outputs must agree with, in place of what a spec says: a backend, another ``.onnx``, a
            source, ``golden``, or ``package.module:function``, found in the working folder unless *options* say more.
        loader: ``package.module:callable`` that builds the module of a source of weights.
        tolerance: of parity and batch, in place of what a spec says: a number that is both the relative and the
            absolute one, or a :class:`Tolerance`.
        batch: sizes to prove, in place of those of the spec.
        golden: stored inputs and outputs, in place of those of the spec.

    Returns:
        One result per check, failures included; a list that notebooks show as a table. Nothing is raised for a model
        that does not hold. A check or a reference that was named and that nothing can judge is a failure,
        ``V_NOTJUDGED``.

    Raises:
        ConfigError: a backend is not registered, there is no check of that name, *reference* cannot be one, or an
            argument is of another type, such as a text where a list of names belongs.
    """
    backends, checks = arguments.texts("backends", backends), arguments.texts("checks", checks)
    arguments.text("reference", reference, "a backend, a path, golden, or package.module:function")
    arguments.text("loader", loader, "package.module:callable")
    chosen = arguments.run_options(options)
    known = list(registered())
    for name in checks:
        if name not in known:
            raise ConfigError(f"there is no check {name!r}", remedy=nearest(name, known))
    if not isinstance(model, ModelSpec):
        path = arguments.path("model", model)
        model = ModelSpec(os.path.basename(path), os.path.abspath(path), path)
    model = _with(model, tolerance, batch, golden)
    if backends:
        model = replace(model, backends=backends)
    model = referring(model, reference, loader, origin="reference=")
    if not chosen.import_paths:
        chosen = replace(chosen, import_paths=(os.getcwd(),))
    engines = Engines(chosen)
    plan = make_plan(model, sorted(chosen.required), engines.backend, engines.availability)
    requests = [r for r in plan.requests() if not checks or r.check in checks]
    wanted = checks or (("parity",) if reference is not None else ())
    reported = frozenset((r.check, r.backend) for r in requests)
    runner = Runner([model], {model.name: plan.backends}, chosen)
    try:
        found = [runner.check(request.among(reported)) for request in requests]
        return Results([*found, *_left(model, plan, wanted)])
    finally:
        runner.close()


def _with(
    model: ModelSpec,
    tolerance: float | Tolerance | None,
    batch: int | Sequence[int],
    golden: str | os.PathLike[str] | None,
) -> ModelSpec:
    """Return *model* with what :func:`validate` is given of it."""
    if isinstance(tolerance, (int, float)) and not isinstance(tolerance, bool) and tolerance >= 0:
        tolerance = Tolerance(float(tolerance), float(tolerance), "tolerance=")
    if tolerance is not None and not isinstance(tolerance, Tolerance):
        raise ConfigError(f"tolerance is {tolerance!r}", remedy="give a non-negative number, or a Tolerance")
    sizes = (batch,) if isinstance(batch, int) else batch
    arguments.several("batch", sizes, "sizes")
    for size in sizes:
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise ConfigError(f"batch holds {size!r}", remedy="give sizes of 1 or more")
    if tolerance is not None:
        model = replace(model, tolerance=tolerance, output_tolerances={})
    if sizes:
        model = replace(model, batch=BatchPlan(tuple(sizes), "batch="))
    if golden is not None:
        path = arguments.path("golden", golden)
        if not os.path.exists(path):
            raise ConfigError(
                f"golden is {path!r}, which does not exist: {looked_for(path)}", remedy="name golden data"
            )
        model = replace(model, golden=GoldenSpec(os.path.abspath(path), path, "golden="))
    return model


def _left(model: ModelSpec, plan: Plan, wanted: Sequence[str]) -> Iterator[CheckResult]:
    """Yield a failure for each check that was asked for by name and that no backend of *plan* takes part in."""
    made = {request.check for request in plan.requests()}
    for name in wanted:
        if name not in made:
            sides = f"{', '.join(plan.backends) or 'no backend'} against {plan.reference or 'nothing'}"
            cause = f"{name} was asked for, and there is nothing to compare: {sides}"
            error = ConfigError(
                cause, code="V_NOTJUDGED", subject=model.name, remedy="name another backend or reference"
            )
            yield CheckResult(model.name, name, Verdict.FAILED, error.code, str(error), reference=plan.reference)
