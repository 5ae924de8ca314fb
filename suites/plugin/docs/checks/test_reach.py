"""The example of docs/reach.md does what the page says."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from fixtures.graphs.encoders import encoder
from pytest_onnxaccel.checks.reach.answers import MORE, WIDER
from pytest_onnxaccel.checks.reach.sensitivity import LEAST
from pytest_onnxaccel.numerics.reach.sensitivity import LARGE_SHARE, SHARE, Effort
from pytest_onnxaccel.numerics.sampling.sample_numbers import WIDENED
from pytest_onnxaccel.runner.reach import FURTHER
from suites.pages import code_of

PAGE = (Path(__file__).parents[4] / "docs" / "reach.md").read_text(encoding="utf-8")


example = partial(code_of, PAGE, end="\n")


def said() -> list[str]:
    return re.findall(r"^> (.*)$", PAGE, re.MULTILINE)


@pytest.fixture(autouse=True)
def models(save: Callable) -> None:
    save(encoder(0), "encoder.onnx")
    save(encoder(1), "other.onnx")


def test_a_mask_of_zeros(gate: Callable, tmp_path: Path) -> None:
    (tmp_path / "onnxaccel.toml").write_text(example("hollow"))
    run = gate("--onnx-backend=ort-cpu", "-k", "parity", "-W", "ignore")
    row = run.row("parity")
    assert (row["verdict"], row["code"]) == ("inconclusive", "V_HOLLOW")
    # How many samples there are hangs on what more they reach
    assert re.sub(r"\d+ samples", "samples", row["message"]) == re.sub(r"\d+ samples", "samples", said()[0])


def test_without_it_they_are_told_apart(gate: Callable, tmp_path: Path) -> None:
    (tmp_path / "onnxaccel.toml").write_text(example("hollow").partition("[models.encoder.inputs")[0])
    run = gate("--onnx-backend=ort-cpu", "-k", "parity", "-W", "ignore")
    assert run.row("parity")["code"] == "V_PARITY"


def test_a_pass_reads_as_on_the_page(gate: Callable) -> None:
    run = gate("--onnx-model=encoder.onnx", "--onnx-backend=ort-cpu", "-k", "parity", "-W", "ignore")
    plain = [re.sub(r"error \S+ over \d+ samples", "", text) for text in (run.row("parity")["message"], said()[1])]
    assert plain[0] == plain[1]


def test_the_numbers_of_the_page_are_those_in_use() -> None:
    effort = Effort()
    assert (SHARE, LARGE_SHARE, WIDENED) == (0.25, 0.9, 8)
    assert (MORE, WIDER) == (3, 2)
    for text in (
        f"There are {effort.least} to {effort.most} of them",
        f"no more than {effort.runs} runs",
        f"below {LEAST:.0%}".replace("%", " %"),
        f"up to {FURTHER} more samples",
    ):
        assert text in PAGE, text
