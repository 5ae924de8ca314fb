"""What ran and was read, counted over samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pytest_onnxaccel.numerics.reach.coverage import Coverage, counted


def probe(kind: str, value: str, label: str = "there", size: int = 0) -> dict[str, Any]:
    return {"kind": kind, "value": value, "label": label, "size": size}


def test_a_branch_needs_both_conditions() -> None:
    one = counted([probe("branch", "c")], {"c": np.array(True)})
    assert one.gaps() == ["the else branch of there never ran"]
    other = counted([probe("branch", "c")], {"c": np.array(False)})
    assert other.gaps() == ["the then branch of there never ran"]
    assert (one | other).whole
    assert other.more_than(one)
    assert not one.more_than(one | other)


@pytest.mark.parametrize(
    ("trips", "start", "wanted"),
    [(3, True, 3), (0, True, 0), (3, False, 0), (None, True, 1), (None, False, 0), (4, None, 4)],
)
def test_a_loop_ran_where_trips_and_condition_allow(trips: int | None, start: bool | None, wanted: int) -> None:
    values = {name: np.array(value) for name, value in (("t", trips), ("s", start)) if value is not None}
    for probes in ([probe("trips", "t"), probe("start", "s")], [probe("start", "s"), probe("trips", "t")]):
        found = counted(probes, values)
        assert found.loops == {"there": wanted}
        assert found.whole is (wanted > 0)


def test_rows_that_were_read() -> None:
    probes = [probe("rows", "i", "table", 5)]
    one = counted(probes, {"i": np.array([[0, 1], [-1, 1]])})
    assert one.gaps() == ["3 of 5 rows of table read"]
    both = one | counted(probes, {"i": np.array([2, 3])})
    assert both.whole
    assert both.figures()["rows"] == {"table": {"read": 5, "of": 5}}


def test_what_did_not_come_is_not_counted() -> None:
    assert counted([probe("branch", "c"), probe("rows", "i", "t", 3)], {"i": np.zeros(0, np.int64)}) == Coverage()


def test_it_travels_as_json() -> None:
    found = counted([probe("branch", "c"), probe("rows", "i", "t", 3)], {"c": np.array([True]), "i": np.array([1])})
    assert Coverage.from_json(found.to_json()) == found


def test_channels_that_are_never_positive() -> None:
    probes = [probe("channels", "m", "gate", 4)]
    one = counted(probes, {"m": np.array([0.0, 2.0, 0.0, -1.0], np.float32)})
    assert one.gaps() == ["3 of 4 channels, in 1 Relu, are 0 in every sample"]
    assert one.only_channels
    other = counted(probes, {"m": np.array([1.0, 0.0, 1.0, 1.0], np.float32)})
    assert (one | other).whole
    assert Coverage.from_json((one | other).to_json()) == one | other
    assert one.figures()["channels"] == {"gate": {"live": 1, "of": 4}}
