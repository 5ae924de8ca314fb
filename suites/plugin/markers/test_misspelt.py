"""A mark whose name is nearly one of ours ends the run, where pytest warns and nothing would be checked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

TEXT = """
import pytest


@pytest.mark.conversion_pairty(rtol=1e-3)
def test_parity(onnx_model, backend): ...


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.batchsize(3)
def test_batch(n, onnx_model, backend): ...


@pytest.mark.latency_budgets(p95="1s")
class TestLatency:
    def test_it(self, onnx_model, backend): ...


@pytest.mark.preprocesing_parity(reference="a:f", candidate="a:f")
def test_functions(): ...
"""

#: What another project may call its tests and not register: no model, and no argument of ours.
OTHERS = """
import pytest


@pytest.mark.batch_sizes(3)
@pytest.mark.fold_on
@pytest.mark.conversion_pairity(margin=2)
def test_other(): ...


@pytest.mark.slow
def test_slow(): ...
"""


@pytest.mark.parametrize("more", [(), ("-n", "2")])
def test_a_misspelt_marker_is_a_usage_error(gate: Callable, tmp_path: Path, more: tuple[str, ...]) -> None:
    (tmp_path / "test_x.py").write_text(TEXT)
    run = gate("test_x.py", *more, env={"COLUMNS": "300"})
    assert run.status == (1 if more else 4), run.out
    own = "no marker has this name - did you mean '{}'? A mark of your own belongs under 'markers' in pytest's ini file"
    for test, name, meant in (
        ("test_parity", "conversion_pairty", "conversion_parity"),
        ("test_batch", "batchsize", "batch_size"),
        ("TestLatency::test_it", "latency_budgets", "latency_budget"),
        ("test_functions", "preprocesing_parity", "preprocessing_parity"),
    ):
        line = f"test_x.py::{test}: onnxaccel[E_CONFIG] @pytest.mark.{name}: {own.format(meant)}"
        assert run.out.count(line) == 1 or more, run.out
    assert "test_x.py::test_parity: onnxaccel[E_CONFIG] @pytest.mark.conversion_pairty: no marker" in run.out


def test_a_mark_that_is_registered_is_the_projects_own(gate: Callable, tmp_path: Path) -> None:
    (tmp_path / "test_x.py").write_text(TEXT)
    marks = ("batchsize(n)", "conversion_pairty", "latency_budgets: ours", "preprocesing_parity(reference): ours")
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n" + "".join(f"    {mark}\n" for mark in marks))
    run = gate("test_x.py")
    assert run.status == 0, run.out
    assert "1 passed" in run.out


@pytest.mark.parametrize("more", [(), ("-n", "2")])
def test_marks_of_tests_that_are_not_about_a_model_are_not_ours(
    gate: Callable, tmp_path: Path, more: tuple[str, ...]
) -> None:
    (tmp_path / "test_x.py").write_text(OTHERS)
    run = gate("test_x.py", *more)
    assert run.status == 0, run.out
    assert "2 passed" in run.out
