"""docs/precision.md does what it says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import onnx
import pytest

from suites.precision.conversions import quantised, to_float16
from suites.precision.nets import conv_net

PAGE = (Path(__file__).parents[4] / "docs" / "precision.md").read_text(encoding="utf-8")


def example(name: str) -> str:
    found = re.search(rf"<!-- example: {name} -->\n```\w+\n(.*?)\n```", PAGE, re.DOTALL)
    assert found, f"the page has no example {name}"
    return found[1]


def run(pytester: pytest.Pytester) -> pytest.RunResult:
    program, *arguments = shlex.split(example("command"))
    assert program == "pytest"
    return pytester.runpytest_subprocess("-p", "no:cacheprovider", *arguments)


@pytest.mark.parametrize("keep", [True, False], ids=["kept", "changed"])
def test_a_conversion_to_float16_passes_and_is_told(pytester: pytest.Pytester, keep: bool) -> None:
    onnx.save(conv_net(), pytester.path / "net.onnx")
    onnx.save(to_float16(conv_net(), keep), pytester.path / "half.onnx")
    result = run(pytester)
    result.assert_outcomes(passed=1, deselected=5)
    result.stdout.fnmatch_lines(["*a conversion to float16*"])
    assert ("cast for the comparison" in " ".join(result.stdout.str().split())) is not keep


def test_a_quantised_one_is_inconclusive_with_what_is_left(pytester: pytest.Pytester) -> None:
    onnx.save(conv_net(), pytester.path / "net.onnx")
    onnx.save(quantised(conv_net(), pytester.path, "qdq", True), pytester.path / "half.onnx")
    for name in ("to_quantise.onnx", "quantised.onnx"):
        (pytester.path / name).unlink()
    text = " ".join(run(pytester).stdout.str().split())
    assert "V_QUANTISED" in text
    assert "SQNR" in text
    assert "say what will do" in text
