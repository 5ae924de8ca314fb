"""Marks become typed requests at collection; what cannot be used is a usage error that names it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.lookup import registry
from pytest_onnxaccel.core.specs import BatchPlan, LatencyBudget, Scenario, Tolerance
from pytest_onnxaccel.plugin.markers import requests as markers
from pytest_onnxaccel.plugin.markers.arguments import PARSERS
from pytest_onnxaccel.plugin.markers.requests import BatchRequest, LatencyRequest, ParityRequest

pytest_plugins = ("pytester",)

PROBE = """
from pytest_onnxaccel.plugin.markers import requests as markers
from pytest_onnxaccel.plugin.markers.requests import register as pytest_configure

def pytest_generate_tests(metafunc):
    markers.validate_function(metafunc)

def pytest_collection_modifyitems(items):
    markers.validate(items)
"""


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setattr(registry, "names", lambda group: ("onnx-tf", "ort-cpu", "reference"))


def mark(name: str, *args: Any, **kwargs: Any) -> pytest.Mark:
    """One of our marks, made without pytest's check that its name is registered."""
    return getattr(pytest.mark, name).with_args(*args, **kwargs).mark  # type: ignore[no-any-return]


def test_conversion_parity() -> None:
    assert markers.parse(mark("conversion_parity")) == ParityRequest()
    assert markers.parse(mark("conversion_parity", source="main.onnx", seeds=range(3))) == ParityRequest(
        source="main.onnx", seeds=(0, 1, 2)
    )
    request = markers.parse(mark("conversion_parity", reference="onnx-tf", rtol=1e-3, atol=0))
    tolerance = Tolerance(1e-3, 0.0, "@pytest.mark.conversion_parity")
    assert request == ParityRequest(reference="onnx-tf", tolerance=tolerance)
    assert markers.parse(mark("conversion_parity", source=Path("a/b.onnx"), loader=None)) == ParityRequest(
        source="a/b.onnx"
    )
    assert markers.parse(mark("conversion_parity", source="w.pth", loader="nets:build")) == ParityRequest(
        source="w.pth", loader="nets:build"
    )


def test_batch_size() -> None:
    origin = "@pytest.mark.batch_size"
    assert markers.parse(mark("batch_size", 1, 3, 10, 3)) == BatchRequest(BatchPlan((1, 3, 10), origin))


def test_latency_budget() -> None:
    origin = "@pytest.mark.latency_budget"
    request = markers.parse(mark("latency_budget", p50="800us", p95="12ms", p99="1s", threads=2))
    assert request == LatencyRequest(LatencyBudget(8e5, 12e6, 1e9, threads=2, origin=origin))
    request = markers.parse(mark("latency_budget", speedup_over="onnx-tf:3", inconclusive="fail"))
    assert request == LatencyRequest(LatencyBudget(speedup_over=("onnx-tf", 3.0), inconclusive="fail", origin=origin))
    request = markers.parse(mark("latency_budget", regression="10% git:origin/main", scenario="server:100/s"))
    assert request == LatencyRequest(
        LatencyBudget(regression=(0.1, "git:origin/main"), scenario=Scenario("server", 100.0), origin=origin)
    )
    assert markers.parse(mark("latency_budget", advise=True)) == LatencyRequest(
        LatencyBudget(advise=True, origin=origin)
    )


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (
            mark("conversion_parity", sorce="a.onnx"),
            "conversion_parity: has no argument 'sorce' - did you mean 'source'?; valid: source, ",
        ),
        (
            mark("conversion_parity", "a.onnx"),
            "conversion_parity: takes keywords only, 'a.onnx' has none - valid: source",
        ),
        (
            mark("conversion_parity", source="ort-cpu"),
            "conversion_parity(source=): 'ort-cpu' is a backend, not a file - write reference=\"ort-cpu\", or name",
        ),
        (
            mark("conversion_parity", source="a.pth", loader="build"),
            "conversion_parity(loader=): 'build' names no function",
        ),
        (
            mark("conversion_parity", reference="ort-cpu", loader="m:f"),
            "conversion_parity: names a loader and no source - name the file that it builds the module of",
        ),
        (mark("conversion_parity", source=3), "conversion_parity(source=): 3 is not a path"),
        (
            mark("conversion_parity", source="a.onnx", loader="m:f"),
            "conversion_parity(loader=): 'm:f' is given, but a loader does not apply to .onnx",
        ),
        (
            mark("conversion_parity", source="a.onnx", reference="onnx-tf"),
            "names both a source and a reference - keep one",
        ),
        (
            mark("conversion_parity", reference="onx-tf"),
            "conversion_parity(reference=): no backend is named 'onx-tf' - did you mean 'onnx-tf'?",
        ),
        (
            mark("conversion_parity", rtol="1e-3"),
            "conversion_parity(rtol=): '1e-3' is not a tolerance - expected a non-negative number",
        ),
        (mark("conversion_parity", atol=-1), "conversion_parity(atol=): -1 is not a tolerance"),
        (mark("conversion_parity", atol=float("nan")), "conversion_parity(atol=): nan is not a tolerance"),
        (
            mark("conversion_parity", decision="argmax"),
            "conversion_parity(decision=): 'argmax' is not a kind of decision - write one of classification, detection",
        ),
        (
            mark("conversion_parity", seeds=3),
            "conversion_parity(seeds=): 3 is not a sequence of seeds - write non-negative whole numbers",
        ),
        (mark("conversion_parity", seeds=()), "conversion_parity(seeds=): () is not a sequence of seeds"),
        (
            mark("conversion_parity", seeds=(1, -1)),
            "conversion_parity(seeds=): (1, -1) is not a sequence of seeds",
        ),
        (mark("batch_size"), "batch_size: names no size - write the sizes, such as batch_size(1, 3, 10)"),
        (mark("batch_size", sizes=(1, 2)), "batch_size: has no argument 'sizes' - write the sizes alone"),
        (
            mark("batch_size", (1, 3)),
            "batch_size: (1, 3) is not a batch size - expected positive whole numbers",
        ),
        (mark("batch_size", 0), "batch_size: 0 is not a batch size"),
        (mark("batch_size", True), "batch_size: True is not a batch size"),
        (mark("batch_size", "3"), "batch_size: '3' is not a batch size"),
        (mark("latency_budget"), "latency_budget: sets no limit - give one of p50="),
        (mark("latency_budget", threads=1), "latency_budget: sets no limit"),
        (
            mark("latency_budget", p95=12),
            "latency_budget(p95=): '12' is a bare number - a unit is missing, write 12ms",
        ),
        (
            mark("latency_budget", p95="12"),
            "latency_budget(p95=): '12' is a bare number - a unit is missing, write 12ms",
        ),
        (mark("latency_budget", p59="12ms"), "latency_budget: has no argument 'p59' - did you mean 'p9"),
        (mark("latency_budget", regression="10"), "latency_budget(regression=): '10' has no percent sign"),
        (mark("latency_budget", regression="10% main"), "(regression=): 'main' of '10% main' is not a git:REVISION"),
        (mark("latency_budget", scenario="server"), "latency_budget(scenario=): 'server' names no rate"),
        (mark("latency_budget", p95="1ms", advise="yes"), "(advise=): 'yes' is neither true nor false"),
        (mark("latency_budget", advise=False), "latency_budget: sets no limit"),
        (
            mark("latency_budget", speedup_over="onnx-tf"),
            "latency_budget(speedup_over=): 'onnx-tf' is not a speed-up over a backend",
        ),
        (
            mark("latency_budget", speedup_over="onx-tf:3"),
            "latency_budget(speedup_over=): no backend is named 'onx-tf'",
        ),
        (mark("latency_budget", p95="1ms", threads=0), "latency_budget(threads=): 0 is not a number of threads"),
        (
            mark("latency_budget", p95="1ms", inconclusive="wran"),
            "latency_budget(inconclusive=): 'wran' is not one of warn, fail, skip - did you mean 'warn'?",
        ),
    ],
)
def test_refused(wrong: pytest.Mark, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        markers.parse(wrong)
    message = str(caught.value)
    assert said in message
    assert message.startswith("onnxaccel[E_CONFIG] @pytest.mark.")
    assert "\n" not in message


def test_every_argument_has_a_parser() -> None:
    named = {argument.parser for marker in markers.MARKERS for argument in marker.arguments}
    assert named == set(PARSERS)


def test_registered_for_strict_markers(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(PROBE)
    pytester.makepyfile(
        """
        import pytest

        @pytest.fixture
        def onnx_model(): ...

        @pytest.fixture
        def backend(): ...

        @pytest.mark.conversion_parity(reference="onnx-tf")
        @pytest.mark.batch_size(1, 3)
        @pytest.mark.latency_budget(p95="12ms")
        def test_model(onnx_model, backend): ...
        """
    )
    assert pytester.runpytest_inprocess("--strict-markers").ret == pytest.ExitCode.OK
    result = pytester.runpytest_inprocess("--markers")
    result.stdout.fnmatch_lines([f"@pytest.mark.{marker.name}(*" for marker in markers.MARKERS])


def test_every_wrong_mark_is_a_usage_error_with_its_test(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(PROBE)
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.parametrize("n", range(3))
        @pytest.mark.batch_size(0)
        def test_one(n, onnx_model, backend): ...

        @pytest.mark.latency_budget(p95="12ms", scenarios="server")
        class TestTwo:
            def test_two(self, onnx_model, backend): ...
        """
    )
    result = pytester.runpytest_inprocess()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    errors = [line for line in result.errlines if line.startswith("ERROR: ")]
    assert len(errors) == 2
    assert "::test_one: onnxaccel[E_CONFIG] @pytest.mark.batch_size: 0 is not a batch size" in errors[0]
    assert "::TestTwo::test_two: onnxaccel[E_CONFIG] @pytest.mark.latency_budget: has no argument" in errors[1]


def test_a_wrong_mark_is_told_under_xdist_too(pytester: pytest.Pytester) -> None:
    pytest.importorskip("xdist")
    pytester.makeconftest(PROBE)
    pytester.makepyfile(
        test_wrong="import pytest\n\n@pytest.mark.batch_size(0)\ndef test_one(): ...",
        test_right="def test_two(): ...",
    )
    result = pytester.runpytest_subprocess("-p", "xdist", "-n", "1")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["test_wrong.py::test_one: onnxaccel[[]E_CONFIG] @pytest.mark.batch_size: 0 is *"])
    result.assert_outcomes(passed=1, errors=1)


def test_the_closest_mark_counts(pytester: pytest.Pytester) -> None:
    item = pytester.getitem(
        """
        import pytest

        pytestmark = pytest.mark.batch_size(1)

        @pytest.mark.batch_size(3)
        def test_func(): ...
        """
    )
    assert markers.closest(item, "batch_size") == BatchRequest(BatchPlan((3,), "@pytest.mark.batch_size"))
    assert markers.closest(item, "latency_budget") is None
