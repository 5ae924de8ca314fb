"""The conformance kit for checks: a test class that a check's author subclasses."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from pytest_onnxaccel.core.lookup import registry
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import ModelSpec
from pytest_onnxaccel.runner.check_table import BUILT_IN, Check, checks, problem_of
from pytest_onnxaccel.testing.harness import require

if TYPE_CHECKING:
    import onnx

#: What the pytest process must not load before a check runs.
_HEAVY = ("numpy", "onnx", "onnxruntime", "torch", "tensorflow")
_CODE = re.compile(r"V_[A-Z0-9_]{2,30}")


class _Given(EntryPoint):
    """An entry point whose check exists already."""

    check: Check

    def load(self) -> Check:
        return type(self).check


class CheckConformance:
    """Runs a check as a run of the plugin does, on models that its author gives.

    Set ``check`` in a subclass whose name pytest collects, and define :meth:`passes` and :meth:`fails`::

        class TestOperators(CheckConformance):
            check = operators.CHECK
            settings = {"allowed": ["Relu"]}

            def passes(self): ...
            def fails(self): ...
    """

    #: The check's record.
    check: ClassVar[Check]
    #: What the manifest would say in ``[models.NAME.checks.CHECK]``.
    settings: ClassVar[Mapping[str, Any]] = {}
    #: Backends that it runs on.
    backends: ClassVar[Sequence[str]] = ("ort-cpu",)

    def passes(self) -> onnx.ModelProto:
        """Return a model that the check passes."""
        raise NotImplementedError

    def fails(self) -> onnx.ModelProto:
        """Return a model that the check fails."""
        raise NotImplementedError

    def does_not_apply(self) -> onnx.ModelProto | None:
        """Return a model that has nothing of the kind; None where there is no such model."""
        return None

    # -- what is checked --------------------------------------------------------------------------------------

    @pytest.fixture(autouse=True)
    def _registered(self) -> Iterator[None]:
        """Yield the check, which need not be registered, is for the moment."""
        name = type(self).check.name
        given = type("Given", (_Given,), {"check": type(self).check})(name, "", registry.CHECKS)
        before = registry.replace(registry.CHECKS, name, given)
        checks.cache_clear()
        yield
        registry.replace(registry.CHECKS, name, before)
        checks.cache_clear()

    def test_is_a_check(self) -> None:
        """Its record is one, and its name is nobody else's."""
        check = type(self).check
        wrong = problem_of(check, getattr(check, "name", ""))
        require(not wrong, wrong)
        taken = check.name in {other.name for other in BUILT_IN}
        require(not taken, f"its name {check.name!r} is that of a built-in check")

    def test_loads_nothing_heavy(self) -> None:
        """Importing its module, which every run with a model does, loads no framework."""
        run = type(self).check.run
        module = run.partition(":")[0] if isinstance(run, str) else run.__module__
        code = f"import sys, {module}; print(*[name for name in {_HEAVY!r} if name in sys.modules])"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
        require(done.returncode == 0, f"{module} cannot be imported in a fresh interpreter: {done.stderr[-300:]}")
        require(not done.stdout.strip(), f"importing {module} loads {done.stdout.strip()}: import it where it is used")

    def test_passes(self, tmp_path: Path) -> None:
        """The model of :meth:`passes` passes on every backend."""
        for result in self._results(self.passes(), tmp_path):
            require(result.verdict is Verdict.PASSED, f"{result.verdict}: {result.message}")

    def test_fails(self, tmp_path: Path) -> None:
        """The model of :meth:`fails` fails, with a code of its own and a line that says why."""
        results = self._results(self.fails(), tmp_path)
        require(any(r.verdict is Verdict.FAILED for r in results), f"it fails nowhere: {results[0].message}")
        for result in results:
            if result.verdict is Verdict.FAILED:
                code = result.code
                require(
                    bool(_CODE.fullmatch(code)), f"its code {code!r} is not V_ and capital letters: {result.message}"
                )
                require(bool(result.message), "it fails without a message")

    def test_does_not_apply(self, tmp_path: Path) -> None:
        """The model of :meth:`does_not_apply` is not judged, with the reason."""
        model = self.does_not_apply()
        if model is None:
            pytest.skip("no model is given that the check does not apply to")
        for result in self._results(model, tmp_path):
            require(result.verdict is Verdict.NOT_APPLICABLE, f"{result.verdict}: {result.message}")
            require(bool(result.message), "it does not say why it does not apply")

    def test_says_the_same_twice(self, tmp_path: Path) -> None:
        """A second run gives the same verdict, code and message, and results are JSON."""
        first, second = (self._results(self.fails(), tmp_path) for _ in range(2))
        for one, other in zip(first, second, strict=True):
            told = ((r.verdict, r.code, r.message) for r in (one, other))
            require(len(set(told)) == 1, f"once it says {one.message!r}, then {other.message!r}")
            json.dumps(dict(one.figures))

    def _results(self, model: onnx.ModelProto, folder: Path) -> list[CheckResult]:
        """Return the check's results on *model*, by the way of every run."""
        from pytest_onnxaccel.runner.api import validate

        path = folder / "model.onnx"
        path.write_bytes(model.SerializeToString())
        name = type(self).check.name
        spec = ModelSpec(
            path.name, str(path), path.name, backends=tuple(self.backends), settings={name: dict(self.settings)}
        )
        results = validate(spec, checks=[name])
        require(bool(results), f"no request is made of it: its scope is {type(self).check.scope!r}")
        return results
