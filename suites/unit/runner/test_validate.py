"""``validate`` as a notebook uses it: what is given by keyword, and how the results read."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from fixtures import graphs
from pytest_onnxaccel import ConfigError, RunOptions, Tolerance, Verdict, validate

HERE = RunOptions(in_process=True)


@pytest.fixture
def net(tmp_path: Path) -> Path:
    path = tmp_path / "net.onnx"
    onnx.save(graphs.small_cnn(), path)
    return path


@pytest.mark.parametrize("tolerance", [0.25, Tolerance(0.25, 0.25)])
def test_tolerance_and_batch(net: Path, tolerance: float | Tolerance) -> None:
    found = validate(
        net, ["ort-cpu"], ["parity", "batch"], HERE, reference="reference", tolerance=tolerance, batch=[1, 2]
    )
    assert found.ok, found
    parity = next(result for result in found if result.check == "parity")
    assert parity.figures["rtol"] == parity.figures["atol"] == 0.25
    assert next(result for result in found if result.check == "batch").figures["sizes"] == [1, 2]


def test_they_read_as_a_table(net: Path) -> None:
    found = validate(net, ["ort-cpu"], ["structure", "contract"], HERE)
    lines = str(found).splitlines()
    assert lines[0].split() == ["check", "backend", "reference", "batch", "verdict", "message"]
    assert [line.split()[0] for line in lines[1:]] == ["structure", "contract"]
    assert found._repr_html_().count("<tr>") == 3
    assert repr(found[1]).startswith("<passed contract[ort-cpu b1] of net.onnx: ")


def test_names_of_a_model_are_escaped(tmp_path: Path) -> None:
    path = tmp_path / "<img src=x>.onnx"
    path.write_bytes(b"<script>")
    found = validate(path, ["ort-cpu"], ["structure"], HERE)
    assert [result.verdict for result in found] == [Verdict.FAILED]
    assert not found.ok
    assert "<img" not in found._repr_html_()


@pytest.mark.parametrize(
    "wrong", [{"tolerance": -1}, {"tolerance": "1e-3"}, {"batch": 0}, {"batch": "3"}, {"golden": "nowhere.npz"}]
)
def test_what_cannot_be_used_is_one_line(net: Path, wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError) as caught:
        validate(net, **wrong)  # type: ignore[arg-type]
    assert next(iter(wrong)) in str(caught.value)
