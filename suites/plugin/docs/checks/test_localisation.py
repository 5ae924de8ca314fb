"""The example of docs/localisation.md does what the page says."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import onnx

from fixtures import faults
from suites.pages import code_of

PAGE = (Path(__file__).parents[4] / "docs" / "localisation.md").read_text(encoding="utf-8")


example = partial(code_of, PAGE)


def plain(text: str) -> str:
    """Without the figures, which depend on the machine a little."""
    return re.sub(r"\b\d+(\.\d+)?(e[+-]?\d+)?\b", "#", text)


def test_the_page_shows_what_the_check_prints(gate: Callable, save: Callable, shipped: Path, tmp_path: Path) -> None:
    good = Path(shutil.copy(shipped / "rfb-320.onnx", tmp_path / "good.onnx"))
    save(faults.move_bias(onnx.load(good)), "wrong.onnx")
    run = gate(*shlex.split(example("fail"))[1:])
    assert run.status == 1
    printed = plain(run.out.replace(str(tmp_path), "/home/me/project"))
    for line in example("output").splitlines():
        assert plain(line) in printed, run.out
    (folder,) = (tmp_path / "onnxaccel-failures").iterdir()
    assert folder.name == "wrong.onnx-parity-ort-cpu-good.onnx-b1"
    done = subprocess.run([sys.executable, "repro.py"], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    files = set(re.findall(r"`([a-z]+\.[a-z]+)`", PAGE.partition("## The case")[2].partition("`python repro.py`")[0]))
    assert files == {path.name for path in folder.iterdir() if not path.name.startswith("reduced-")}
