"""Texts for regular expressions."""

from __future__ import annotations

import re

import pytest

from pytest_onnxaccel.graph.inputs.patterns import matching


@pytest.mark.parametrize(
    "pattern",
    [
        r"[A-Z]{2}[0-9]+",
        r"(foo|bar)?\d{3}",
        r"^\w+@\w+\.(com|org)$",
        r"[^a-z]+",
        r".*",
        r"(?P<word>\w+)\s(\d\d)?",
        "[\u00e4\u00f6]x*",
    ],
)
def test_some_match_and_some_do_not(pattern: str) -> None:
    found = matching(pattern)
    matched = [text for text in found if re.fullmatch(pattern, text)]
    assert matched
    assert pattern == r".*" or len(matched) < len(found), found


@pytest.mark.parametrize("pattern", [r"\p{Greek}+", "(", r"(a)\1"])
def test_what_is_not_read_has_none(pattern: str) -> None:
    assert matching(pattern) == []
