"""docs/parity.md, the section on functions: its examples pass on a right model and fail on a damaged one."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from fixtures.functions import BIAS, WEIGHT, classifier, damaged
from suites.pages import code_of

PAGE = (Path(__file__).parents[4] / "docs" / "parity.md").read_text(encoding="utf-8")


example = partial(code_of, PAGE, end="\n")


@pytest.fixture(autouse=True)
def refs(tmp_path: Path, save: Callable[..., Path]) -> None:
    (tmp_path / "refs.py").write_text(example("function"))
    np.savez(tmp_path / "weights.npz", weight=WEIGHT, bias=BIAS)
    save(classifier(), "classifier.onnx")


@pytest.mark.parametrize("how", ["option", "manifest", "marker"])
def test_it_is_named_in_each_place(gate: Callable, save: Callable, tmp_path: Path, how: str) -> None:
    model, arguments = "--onnx-model=classifier.onnx", ["--onnx-backend=ort-cpu", "-k", "parity or agrees"]
    if how == "option":
        arguments = [*shlex.split(example("function option"))[1:], *arguments]
    elif how == "manifest":
        (tmp_path / "onnxaccel.toml").write_text(example("function manifest"))
    else:
        (tmp_path / "test_refs.py").write_text(example("function marker"))
        arguments = [model, "test_refs.py", "--onnx-backend=ort-cpu", "-k", "agrees"]
    for array, status in ((WEIGHT, 0), (damaged(), 1)):
        save(classifier(array), "classifier.onnx")
        run = gate(*arguments)
        assert run.status == status, run.out
        assert run.row("parity")["reference"] == "refs:predict"
        assert run.failed() == [("parity", "V_PARITY")] * status
