"""What a person looks for on the HTML pages: the figure, the right words, and the way from a verdict to its failure."""

from __future__ import annotations

import base64
import io
import re
from typing import Any

import pytest
from matplotlib.image import imread

from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.report.html.page import render
from pytest_onnxaccel.report.markdown.page import render as as_markdown
from suites.unit.report.kept import parity, report
from suites.unit.report.test_html import LOCAL, Page, failed, swapped


def pair(pictures: dict[str, Any], **figures: Any) -> CheckResult:
    """A failed pair of preprocessing functions."""
    first = {"index": [2], "reference": 1.5, "candidate": 1.0}
    worst = {"index": [7], "reference": 4.0, "candidate": 1.0, "max_abs": 3.0}
    told = {"pictures": pictures, "first_difference": first, "worst": worst, "found_on": "ramp 1x256", **figures}
    return swapped(figures=told)


def section(text: str, number: int = 1) -> str:
    return text.split(f'id="failure-{number}"')[1].split("</section>")[0]


def brightest(text: str) -> list[float]:
    """Return the largest value of reference and candidate as they are drawn."""
    files = re.findall(r'xlink:href="data:image/png;base64,([^"]+)"', text)[:2]
    return [float(imread(io.BytesIO(base64.b64decode(one)))[..., 0].max()) for one in files]


def test_pairs_of_functions_are_not_counted_as_models() -> None:
    both = report(parity(), failed(model="bad"), swapped())
    assert "checks of 2 models and 1 preprocessing pair" in Page(render(both)).text
    assert "2 of 2 models and 1 preprocessing pair failed" in as_markdown(both)
    assert "checks of 1 model" in Page(render(report(parity()))).text
    assert "checks of 1 preprocessing pair" in Page(render(report(swapped()))).text
    assert "all checks of this pair" in section(render(report(swapped())))
    assert "the model" in section(render(report(failed())))


def test_a_failed_verdict_leads_to_its_failure() -> None:
    text = render(report(parity("a"), failed(model="b"), swapped()))
    rows = text.split('<table id="results">')[1].split("</table>")[0]
    assert re.findall(r'<a class="badge failed" href="#failure-(\d)">', rows) == ["1", "2"]
    assert rows.count('<span class="badge passed">') == 1


def test_both_values_without_empty_columns() -> None:
    text = Page(render(report(pair({})))).text
    assert "first, of the smallest that fails" in text
    assert "largest, on ramp 1x256" in text
    assert "of its tolerance" not in text


def test_signals_are_lines_and_say_nothing_of_shades() -> None:
    line = {"shape": [40], "dtype": "float32", "values": [float(k) for k in range(40)]}
    shown = section(render(report(pair({"image": line, "reference": line, "candidate": line}))))
    assert "reference and candidate" in shown
    assert "sample: 40 float32" in shown
    assert "Black is" not in shown


@pytest.mark.parametrize(("every", "word"), [(2, "second"), (3, "third"), (4, "4th")])
def test_a_thinned_picture_tells_its_size(every: int, word: str) -> None:
    kept = {"shape": [2, 2], "dtype": "uint8", "values": [0, 1, 2, 3], "of": [96, 96], "every": every}
    shown = section(render(report(pair({"reference": kept, "candidate": kept}))))
    assert f"reference: 96x96 uint8, every {word} row and column" in shown
    assert "Black is the least" in shown


def test_results_share_one_scale() -> None:
    def one(level: int) -> dict[str, Any]:
        return {"shape": [2, 2], "dtype": "uint8", "values": [0, level, level, 0]}

    alike = section(render(report(pair({"reference": one(200), "candidate": one(200)}))))
    darker = section(render(report(pair({"reference": one(200), "candidate": one(100)}))))
    assert [round(level, 1) for level in brightest(alike)] == [1.0, 1.0]
    assert [round(level, 1) for level in brightest(darker)] == [1.0, 0.5]


@pytest.mark.parametrize(("points", "ticks"), [([[0, 0.02], [1, 0.01]], ["0", "1"]), (LOCAL["over_depth"], ["0", "3"])])
def test_nodes_are_counted_and_the_difference_has_ticks(points: Any, ticks: list[str]) -> None:
    local = {**LOCAL, "over_depth": points}
    text = section(render(report(failed(figures={"localisation": local}))))
    chart = text.split("Difference over depth")[1]
    shown = re.findall(r">([^<>]+)</text>", chart)
    across = shown[: shown.index("node, from the inputs to the outputs")]
    assert across[: len(ticks)] == ticks
    assert not any("." in tick for tick in across)
    after = shown[shown.index("node, from the inputs to the outputs") + 1 :]
    assert len([tick for tick in after if re.match(r"[\d.e-]+$", tick)]) >= 2


def test_a_passed_run_has_no_way_to_a_failure() -> None:
    text = render(report(parity(verdict=Verdict.PASSED)))
    assert "#failure-" not in text
