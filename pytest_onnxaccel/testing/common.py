"""What every backend promises, whatever it runs: checks that both conformance classes share."""

from __future__ import annotations

import re
from typing import Any

import pytest

from pytest_onnxaccel.backends.protocol import Availability, LoadOptions
from pytest_onnxaccel.core.errors import OnnxAccelError
from pytest_onnxaccel.core.specs import TimingPlan
from pytest_onnxaccel.doctor.ask import FRAMEWORKS, ask
from pytest_onnxaccel.testing import probe_backend as watched
from pytest_onnxaccel.testing.harness import Harness, case, fail, require
from pytest_onnxaccel.testing.workbench import reference_of


class Promises(Harness):
    """Checks of a backend of any role; those of its sessions run the tiny model ``dynamic_batch``."""

    def test_loads_no_framework_to_say_whether_it_runs(self) -> None:
        """Importing it, making it and availability() load no framework: the pytest process does all three."""
        reference = reference_of(self.maker())
        answer = ask(reference, (*FRAMEWORKS, *self.frameworks))
        require(
            not answer.error,
            f"{reference} does not answer in a fresh interpreter: {answer.error}\n"
            "install its package (python -m pip install -e .), or name its folder in PYTHONPATH",
        )
        require(not answer.loaded, f"it imports {', '.join(answer.loaded)}; leave that to load()")

    def described(self, roles: tuple[str, ...]) -> Any:
        """Return the backend, whose name, role, environment, keep_worker and preload are of the documented types."""
        backend = self.maker()()
        for attribute in ("name", "role", "environment", "keep_worker", "availability", "prepare", "load"):
            require(hasattr(backend, attribute), f"it has no {attribute!r}")
        name = backend.name
        require(
            isinstance(name, str) and re.fullmatch(r"[A-Za-z0-9][\w.+-]*", name),
            f"its name {name!r} is not a plain word such as 'ort-cpu'",
        )
        role = backend.role
        known = " nor ".join(map(repr, roles))
        require(role in roles, f"its role {role!r} is {'neither' if len(roles) > 1 else 'not'} {known}")
        require(isinstance(backend.environment, str), f"its environment {backend.environment!r} is not a str")
        require(isinstance(backend.keep_worker, bool), f"its keep_worker {backend.keep_worker!r} is not a bool")
        preload = getattr(backend, "preload", ())
        require(
            isinstance(preload, tuple) and all(isinstance(module, str) for module in preload),
            f"its preload {preload!r} is not a tuple of module names",
        )
        return backend

    def test_tells_its_availability(self) -> None:
        """availability() gives an Availability; one that is not ok has a reason and a remedy."""
        found = self.maker()().availability()
        require(isinstance(found, Availability), f"availability() gives {found!r}, not an Availability")
        if not found.ok:
            require(found.reason, "it does not run here and gives no reason")
            require(found.remedy, f"it does not run here ({found.reason}) and gives no remedy")
        for what, text in (("reason", found.reason), ("remedy", found.remedy)):
            require("\n" not in text, f"the {what} has more than one line")
        require(
            all(isinstance(k, str) and isinstance(v, str) for k, v in dict(found.versions).items()),
            f"versions {found.versions!r} are not strings by distribution name",
        )
        require(
            isinstance(found.devices, tuple) and all(isinstance(d, str) for d in found.devices),
            f"devices {found.devices!r} are not a tuple of strings",
        )

    def test_takes_load_options(self) -> None:
        """load() takes every LoadOptions and gives the same values."""
        model = case("dynamic_batch")
        for options in (
            LoadOptions(optimize=False),
            LoadOptions(threads=1),
            LoadOptions(batch=3),
            LoadOptions(spin=False),
        ):
            self.check_values(self.session(model, options), model, 3)

    @pytest.mark.parametrize("what", [watched.INPUTS, watched.RESULTS, watched.CLOSE])
    def test_never(self, what: str) -> None:
        """run() leaves its inputs and the results of earlier runs alone, and close() may be called again."""
        for line in self.caught():
            require(not line.startswith(what), line)

    def test_times(self) -> None:
        """time() gives as many samples as were asked for, wall and CPU time each, and counts its warm-up."""
        model = case("dynamic_batch")
        plan = TimingPlan(samples=7, warmup=2, seconds=30.0, least=7)
        try:
            timing = self.session(model).time(model.feeds(1), plan)
        except OnnxAccelError as error:
            fail(f"time() failed: {error}")
        for what, samples in (("wall", timing.wall_ns), ("CPU", timing.cpu_ns)):
            require(len(samples) == 7, f"7 samples were asked for, {len(samples)} {what} times came back")
        require(all(ns > 0 for ns in timing.wall_ns), f"wall times must be positive: {timing.wall_ns}")
        require(all(ns >= 0 for ns in timing.cpu_ns), f"CPU times must not be negative: {timing.cpu_ns}")
        require(timing.first_call_ns > 0, f"the first call took {timing.first_call_ns} ns")
        require(timing.warmup >= 1, "the first call is the warm-up at the least, and no sample")
