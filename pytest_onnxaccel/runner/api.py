"""The built-in checks from a notebook or a service, without pytest."""

from __future__ import annotations

import os
from collections.abc import Sequence

from pytest_onnxaccel.errors import ConfigError
from pytest_onnxaccel.registry import nearest
from pytest_onnxaccel.results import CheckResult
from pytest_onnxaccel.runner.engines import Engines
from pytest_onnxaccel.runner.plan import make_plan
from pytest_onnxaccel.runner.request import RunOptions
from pytest_onnxaccel.runner.runner import Runner
from pytest_onnxaccel.spec import ModelSpec

#: Names of the built-in checks of one model.
CHECKS = ("structure", "contract", "hygiene", "parity", "batch", "latency")


def validate(
    model: str | os.PathLike[str] | ModelSpec,
    backends: Sequence[str] = (),
    checks: Sequence[str] = (),
    options: RunOptions | None = None,
) -> list[CheckResult]:
    """Run the built-in checks on one model.

    Args:
        model: path of an ``.onnx`` file, or a spec with ranges, tolerances and budgets.
        backends: names; empty for every backend that runs here.
        checks: names of the checks to run; empty for all of them.

    Returns:
        One result per check, failures included: nothing is raised for a model that does not hold.

    Raises:
        ConfigError: a backend is not registered, or there is no check of that name.
    """
    _listed("backends", backends)
    _listed("checks", checks)
    for name in checks:
        if name not in CHECKS:
            raise ConfigError(f"there is no check {name!r}", remedy=nearest(name, CHECKS))
    if not isinstance(model, ModelSpec):
        path = os.fspath(model)
        model = ModelSpec(os.path.basename(path), os.path.abspath(path), path, backends=tuple(backends))
    chosen = options or RunOptions()
    engines = Engines(chosen)
    plan = make_plan(model, sorted(chosen.required), engines.backend, engines.availability)
    requests = [r for r in plan.requests() if not checks or r.check in checks]
    reported = frozenset((r.check, r.backend) for r in requests)
    runner = Runner([model], {model.name: plan.backends}, chosen)
    try:
        return [runner.check(request.among(reported)) for request in requests]
    finally:
        runner.close()


def _listed(name: str, value: object) -> None:
    """Refuse a text where a list of texts belongs: its letters would be taken for names."""
    if isinstance(value, str):
        raise ConfigError(f"{name} is the text {value!r}", remedy=f'give a list of names: {name}=["{value}"]')
