"""The odd one out of several engines, and when that cannot be told."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_onnxaccel.checks.localise.odd_one_out import odd_one_out

BASE = np.linspace(-1, 1, 20, dtype=np.float32)


def outputs(**moved: float) -> dict[str, dict[str, np.ndarray]]:
    """Engines whose output is off by so much."""
    return {name: {"y": (BASE + by).astype(np.float32)} for name, by in moved.items()}


def test_one_of_three_is_named_with_its_distance() -> None:
    found = odd_one_out(outputs(a=0, b=1e-6, c=0.3))
    assert found.odd == "c"
    assert found.sentence == "c is the odd one out: 3.0e-01 of the output's scale from a and b, which agree to 1.0e-06"
    assert found.distances["a", "c"] == pytest.approx(0.3, rel=1e-3)


def test_two_cannot_tell() -> None:
    found = odd_one_out(outputs(a=0, b=0.3))
    assert (found.odd, found.sentence) == ("", "a and b differ; two engines cannot tell which of them is wrong")


def test_none_is_named_where_all_are_apart() -> None:
    assert odd_one_out(outputs(a=0, b=0.3, c=0.6)).odd == ""


def test_none_is_named_where_all_agree() -> None:
    assert odd_one_out(outputs(a=0, b=1e-7, c=3e-6)).odd == ""


def test_variants_that_agree_with_each_other_alone_are_said_to_be_one_runtime() -> None:
    found = odd_one_out(outputs(ref=0.3, ort=0, plain=0), {"ort": "ort", "plain": "ort"})
    assert found.odd == "ref"
    assert found.sentence.endswith("but are one runtime")


def test_two_runtimes_with_their_variants_cannot_tell() -> None:
    found = odd_one_out(outputs(a=0, a2=0, b=0.3, b2=0.3), {"a2": "a", "b2": "b"})
    assert found.odd == ""
    assert "a third runtime would decide" in found.sentence


def test_a_third_runtime_outvotes_two_variants() -> None:
    assert odd_one_out(outputs(a=0.3, a2=0.3, b=0, c=0), {"a2": "a"}).odd == "a"


def test_an_optimization_is_named_by_its_variant() -> None:
    assert odd_one_out(outputs(a=0.3, a2=0, b=0), {"a2": "a"}).odd == "a"
    assert odd_one_out(outputs(a=0, a2=0.3, b=0), {"a2": "a"}).odd == "a2"


def test_nan_on_one_side_is_apart_from_all() -> None:
    engines = outputs(a=0, b=0, c=0)
    engines["b"]["y"][3] = np.nan
    assert odd_one_out(engines).odd == "b"


def test_other_outputs_are_apart_from_all() -> None:
    engines = outputs(a=0, b=0, c=0)
    del engines["c"]["y"]
    assert odd_one_out(engines).odd == "c"
