"""Rows of pytest-html show figures and message of a check, as text."""

from __future__ import annotations

import html
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("pytest_html")


def test_a_row_has_figures_and_message(gate: Callable, tmp_path: Path, shipped: Path) -> None:
    shutil.copy(shipped / "slim-320.onnx", tmp_path / "net.onnx")
    (tmp_path / "<img src=x>.onnx").write_bytes(b"no model")
    run = gate("--onnx-model=*.onnx", "--onnx-backend=ort-cpu", "-k", "structure", "--html=page.html")
    assert run.status == 1, run.out
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    found = re.search(r'data-jsonblob="([^"]*)"', page)
    assert found
    logs = [one["log"] for tests in json.loads(html.unescape(found[1]))["tests"].values() for one in tests]
    assert any("<th>opset</th><td>18</td>" in log for log in logs), logs
    assert any("<th>model</th><td>&lt;img src=x&gt;.onnx</td>" in log for log in logs), logs
    assert not any("<img" in log for log in logs)
