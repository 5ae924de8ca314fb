"""Pairs of the field: every difference is found under its name, no equivalent pair is called different."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("cv2")
pytest.importorskip("PIL")
pytest.importorskip("torch")

from suites.preprocessing.field.pair import FieldPair
from suites.preprocessing.field.run import PAIRS, judged

PAGE = Path(__file__).resolve().parents[2] / "docs" / "preprocessing.md"


@pytest.mark.parametrize("one", PAIRS, ids=[one.name for one in PAIRS])
def test_judged_rightly(one: FieldPair) -> None:
    verdict, line = judged(one)
    assert verdict == "right", line


def test_the_page_says_how_many() -> None:
    different = sum(bool(one.kinds) for one in PAIRS)
    found = re.search(r"(\d+) further pairs: (\d+) different, (\d+) equivalent", PAGE.read_text(encoding="utf-8"))
    assert found, "the page has no figures"
    assert [int(number) for number in found.groups()] == [len(PAIRS), different, len(PAIRS) - different]
