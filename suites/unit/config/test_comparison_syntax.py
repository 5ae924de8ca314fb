"""How comparisons and known faults are written, in a manifest and in the marker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_onnxaccel.config import manifest
from pytest_onnxaccel.config.comparison_syntax import comparison, comparisons, known_fault, outputs
from pytest_onnxaccel.core.comparisons import Comparison, KnownFault
from pytest_onnxaccel.core.errors import ConfigError


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ("ranked", Comparison("ranked")),
        ("cosine:0.999", Comparison("cosine", 0.999)),
        ("sqnr: 30 dB", Comparison("sqnr", 30)),
        ("steps:2", Comparison("steps", 2)),
        ("mine.own:alike", Comparison("function", function="mine.own:alike")),
        ({"kind": "ranked", "scores": "votes", "axis": 1}, Comparison("ranked", scores="votes", axis=1)),
        ({"kind": "psnr", "limit": 40}, Comparison("psnr", 40)),
    ],
)
def test_a_comparison_is_written(written: Any, means: Comparison) -> None:
    assert comparison(written) == means


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("rankd", "'rankd' is not a comparison - did you mean 'ranked'"),
        ("cosine", "cosine has no limit, and none fits every model - write cosine:0.999"),
        ("cosine:2", "a cosine is never 2"),
        ("cosine:1dB", "has the unit 'dB'"),
        ("ranked:3", "ranked has no key 'limit'"),
        ("steps:1.5", "1.5 is not a number of steps"),
        ("sqnr:1e", "'1e' is not a number"),
        ({"limit": 3}, "has no kind"),
        ({"kind": "rows", "axis": "x"}, "axis 'x' is not a number"),
        ({"kind": "rows", "axis": 1.5}, "1.5 is not an axis"),
        ({"kind": "elementwise", "scores": "s"}, "elementwise has no key 'scores'"),
        ({"kind": "function"}, "function names none"),
        (3, "3 is not a comparison"),
    ],
)
def test_a_comparison_that_is_none(written: Any, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        comparison(written)
    assert says in str(caught.value)


def test_comparisons_of_a_marker() -> None:
    assert comparisons("ranked") == {"*": Comparison("ranked")}
    assert comparisons({"kind": "rows"}) == {"*": Comparison("rows")}
    assert comparisons({"a": "ranked", "b": "rows"}) == {"a": Comparison("ranked"), "b": Comparison("rows")}
    with pytest.raises(ConfigError, match="'a': 'rnk' is not a comparison"):
        comparisons({"a": "rnk"})


def test_outputs_are_all_or_named() -> None:
    assert (outputs(True), outputs(False), outputs(["a", "a"]), outputs("a")) == (("*",), (), ("a",), ("a",))
    for wrong in ([], [3], 3):
        with pytest.raises(ConfigError):
            outputs(wrong)


def test_a_known_fault_is_written() -> None:
    assert known_fault("structure", "E_GRAPH: exporter bug 12") == KnownFault("structure", "E_GRAPH", "exporter bug 12")
    table = {"code": "V_PARITY", "reason": "Resize", "outputs": ["y"]}
    assert known_fault("parity[ort-cpu~reference]", table) == KnownFault(
        "parity[ort-cpu~reference]", "V_PARITY", "Resize", ("y",)
    )
    assert known_fault("latency[ort-cpu-b3]", "V_LATENCY: slow box").check == "latency[ort-cpu-b3]"


@pytest.mark.parametrize(
    ("check", "value", "says"),
    [
        ("paritty[ort-cpu~x]", "V_PARITY: a", "did you mean 'parity'"),
        ("parity", "V_PARITY: a", 'write it as test ids do: "parity[ort-cpu~reference]"'),
        ("structure[x]", "E_GRAPH: a", "is not the id of a check"),
        ("parity[ort-cpux~y]", "V_PARITY: a", "did you mean 'ort-cpu'"),
        ("contract[ort-cpu]", "V_CONTRACT", "V_CONTRACT has no reason"),
        ("contract[ort-cpu]", "rank of y", "is not the code of a failure"),
        ("contract[ort-cpu]", {"code": "V_CONTRACT", "why": "x"}, "has no key 'why'"),
    ],
)
def test_a_known_fault_that_cannot_be(check: str, value: Any, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        known_fault(check, value)
    assert says in str(caught.value)


GOOD = """
[models.m]
path = "m.onnx"
allow_inf = true
allow_random = ["z"]
[models.m.outputs.y]
atol = 0.1
compare = "rows"
[models.m.outputs.z]
rtol = 0.1
[models.m.known]
structure = "E_GRAPH: exporter"
"""


def test_a_manifest_holds_them(tmp_path: Path) -> None:
    (tmp_path / "m.toml").write_text(GOOD)
    (spec,) = manifest.read(tmp_path / "m.toml")
    assert spec.comparisons == {"y": Comparison("rows", origin="m.toml [models.m.outputs.y]")}
    assert set(spec.output_tolerances) == {"y", "z"}
    assert (spec.allow_inf, spec.allow_random) == (("*",), ("z",))
    assert spec.known_faults == (KnownFault("structure", "E_GRAPH", "exporter", origin="m.toml [models.m.known]"),)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            '"rows"',
            '"row"',
            "m.toml:8: compare in [models.m.outputs.y]: 'row' is not a comparison - did you mean 'rows'?",
        ),
        ("= true", "= []", "m.toml:4: allow_inf in [models.m]: the list is empty"),
        ("E_GRAPH: ", "", "m.toml:12: structure in [models.m.known]: 'exporter' is not the code of a failure"),
        ("structure", "structur", "m.toml:12: structur in [models.m.known]: 'structur' is not a check"),
    ],
)
def test_a_manifest_that_holds_something_else_is_told_with_its_line(
    tmp_path: Path, old: str, new: str, says: str
) -> None:
    (tmp_path / "m.toml").write_text(GOOD.replace(old, new))
    with pytest.raises(ConfigError) as caught:
        manifest.read(tmp_path / "m.toml")
    assert says in str(caught.value)
