"""Which backends run here, and for those that do not: why, and the one command that fixes it."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version

from pytest_onnxaccel.doctor.diagnosis import BackendState, Diagnosis, Problem

__all__ = ["BackendState", "Diagnosis", "Problem", "diagnose"]

#: Packages whose versions a report of trouble needs.
_SHARED = ("onnx", "numpy", "pytest", "pytest-xdist")


def diagnose(probe: bool = True, say: Callable[[str], None] = lambda line: None) -> Diagnosis:
    """Look at this interpreter, this machine and every registered backend.

    Args:
        probe: try each backend that says that it runs, on a small model in a worker.
        say: called with what is being tried.
    """
    from pytest_onnxaccel.doctor import machine, packages
    from pytest_onnxaccel.doctor.states import OURS, clashes, registered, state
    from pytest_onnxaccel.doctor.trial import Trial, Trials

    this = machine.machine()
    driver = bool(this["nvidia_driver"])
    problems = [*packages.problems(driver), *clashes()]
    items = registered()
    if not items:
        problems.append(
            Problem(
                "not-installed",
                f"no backend is registered: {OURS} is not installed here",
                f"python -m pip install {OURS}",
            )
        )
    trials = Trials()

    def trial(name: str) -> Trial:
        say(f"trying {name} ...")
        return trials.run(name)

    try:
        backends = tuple(state(item, driver, trial if probe else None) for item in items)
    finally:
        trials.close()
    return Diagnosis(_version(OURS), machine.python(), this, packages.versions(_SHARED), backends, tuple(problems))


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"
