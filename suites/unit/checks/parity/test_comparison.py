"""Several samples of two sides, and the worst of each output."""

from __future__ import annotations

import numpy as np

from pytest_onnxaccel.checks.parity.comparison import Agreement
from pytest_onnxaccel.core.specs import Tolerance


def made(**more: object) -> Agreement:
    return Agreement(("ort-cpu", "onnx-tf"), Tolerance(rtol=0, atol=0.1), **more)  # type: ignore[arg-type]


def test_nothing_compared_is_no_failure_and_has_no_figures() -> None:
    assert made().ok
    assert made().summary() == {"samples": 0}


def test_the_worst_of_all_samples_is_kept_for_each_output() -> None:
    agreement = made()
    for gap in (0.01, 0.05, 0.02):
        agreement.add({"a": np.array([1 + gap]), "b": np.array([2.0])}, {"a": np.array([1.0]), "b": np.array([2.0])})
    assert agreement.ok
    summary = agreement.summary()
    assert (summary["samples"], summary["worst_output"]) == (3, "a")
    assert np.isclose(summary["max_abs"], 0.05)
    assert summary["outputs"]["a"]["sample"] == 1
    assert summary["outputs"]["b"]["max_abs"] == 0


def test_a_failure_names_output_share_limit_and_worst_element() -> None:
    agreement = made()
    reference = {"scores": np.zeros((2, 2)), "boxes": np.zeros(1)}
    agreement.add({"scores": np.array([[0, 0.05], [0, 7]]), "boxes": np.zeros(1)}, reference)
    assert not agreement.ok
    assert agreement.message() == (
        "output 'scores': 25.00% of the elements are past atol 0.1 + rtol 0; max abs error 7"
    )
    element, tolerance = agreement.details()
    assert element.startswith("scores[1, 1]: ort-cpu 7, onnx-tf 0 (sample 0, ")
    assert tolerance.startswith("tolerance: the default for the dtype")


def test_more_bad_elements_outweigh_a_larger_error() -> None:
    agreement = made()
    reference = {"many": np.zeros(4), "one": np.zeros(4)}
    agreement.add({"many": np.ones(4), "one": np.array([9.0, 0, 0, 0])}, reference)
    assert agreement.summary()["worst_output"] == "many"
    assert agreement.summary()["max_abs"] == 9


def test_an_output_may_have_its_own_tolerance() -> None:
    agreement = made(outputs={"loose": Tolerance(rtol=0, atol=5, origin="onnxaccel.toml")})
    agreement.add({"loose": np.array([4.0]), "x": np.array([0.0])}, {"loose": np.array([0.0]), "x": np.array([0.0])})
    assert agreement.ok
    assert "onnxaccel.toml" in agreement.origin()


def test_a_breach_of_the_contract_comes_before_any_figure() -> None:
    agreement = made()
    agreement.add({"y": np.zeros((1, 4))}, {"y": np.zeros((3, 4))})
    assert not agreement.ok
    assert agreement.summary() == {"samples": 1}
    assert agreement.message() == "output 'y' has shape (1, 4), the reference (3, 4)"
    agreement.add({}, {"y": np.zeros(1)})
    assert agreement.details() == ("ort-cpu lacks output 'y' of onnx-tf",)


def test_a_breach_of_one_output_leaves_the_figures_of_the_others() -> None:
    agreement = made()
    agreement.add({"bad": np.array([np.nan]), "good": np.zeros(1)}, {"bad": np.zeros(1), "good": np.zeros(1)})
    assert not agreement.ok
    assert list(agreement.summary()["outputs"]) == ["good"]


def test_texts_that_differ_are_called_texts() -> None:
    agreement = made()
    agreement.add({"words": np.array(["a", "b"], object)}, {"words": np.array(["a", "c"])})
    assert agreement.message() == "output 'words': 50.00% of the texts differ"
    assert len(agreement.details()) == 1
