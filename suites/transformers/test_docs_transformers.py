"""The example of docs/transformers.md does what the page says."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch

from suites.pages import code_of

pytest.importorskip("transformers", minversion="5", reason="needs the transformers library: tox -e transformers")

PAGE = (Path(__file__).parents[2] / "docs" / "transformers.md").read_text(encoding="utf-8")


example = partial(code_of, PAGE)


def test_the_page(tmp_path: Path) -> None:
    (tmp_path / "nets.py").write_text(example("nets.py"))
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    space: dict[str, object] = {}
    exec(example("nets.py"), space)
    torch.manual_seed(0)
    module = space["bert"]()  # type: ignore[operator]
    torch.save(module.state_dict(), tmp_path / "bert.pth")
    for name in ("convert", "gate"):
        words = shlex.split(example(name))
        words = [sys.executable, *(["-m"] if words[0] == "pytest" else []), *words[words[0] == "python" :]]
        # Environments of other providers that are built on this machine would take part
        alone = {**os.environ, "ONNXACCEL_CACHE": str(tmp_path / "cache")}
        ran = subprocess.run([*words, "-p", "no:cacheprovider"] if name == "gate" else words, cwd=tmp_path, env=alone,
                             capture_output=True, text=True, check=False)  # fmt: skip
        assert ran.returncode == 0, ran.stdout + ran.stderr
        assert "bert.onnx" in ran.stdout
        assert name == "gate" or "sequence 8, 13, 5" in ran.stdout
