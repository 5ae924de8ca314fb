"""Expressions of dimension names: parsed and evaluated, never as code."""

from __future__ import annotations

import pytest

from pytest_onnxaccel.core.dims import base_names, evaluate, is_expression, names_in

SIZES = {"past": 3, "sequence": 4, "h": 7, "t": 9, "batch-size": 2}


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("past + sequence", 7),
        ("2*h", 14),
        ("floor(t/4) + 1", 3),
        ("CeilDiv(t, 2)", 5),
        ("Max(past, sequence)", 4),
        ("(h - 3)**2", 16),
        ("-past + sequence", 1),
        ("batch-size", 2),  # a name as it stands, although it reads as a difference
        ("5", 5),
    ],
)
def test_sizes_follow(text: str, size: int) -> None:
    assert evaluate(text, SIZES) == size


@pytest.mark.parametrize(
    "text", ["absent", "past + absent", "past - h", "h / 0", "h ** 99", "9**9**9", "", "2h", "h if h else t"]
)
def test_what_has_no_size_has_none(text: str) -> None:
    assert evaluate(text, SIZES) is None


@pytest.mark.parametrize(
    "text",
    ["__import__('os').system('touch /tmp/x')", "h.__class__", "[1][0]", "lambda: 1", "open('x')", "h" * 500 + "+1"],
)
def test_nothing_is_run(text: str) -> None:
    assert evaluate(text, SIZES) is None
    assert not is_expression(text)


def test_names_of_an_expression() -> None:
    assert names_in("floor(past/2) + sequence") == ("past", "sequence")
    assert names_in("batch") == ("batch",)
    assert base_names(["batch-size", "past + sequence", "past"]) == ("batch-size", "past", "sequence")
    assert base_names(["batch", "size", "batch-size"]) == ("batch", "size")
