"""The commands beside the plugin confine their workers, too."""

from __future__ import annotations

from pathlib import Path

import pytest

from fixtures import graphs
from pytest_onnxaccel.__main__ import main
from pytest_onnxaccel.isolation.confinement import landlock
from pytest_onnxaccel.isolation.confinement.level import level


@pytest.mark.parametrize("mode", ["auto", "off"])
def test_freeze_with_and_without(mode: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "cnn.onnx").write_bytes(graphs.small_cnn().SerializeToString())
    target = tmp_path / "three.onnx"
    status = main(["freeze", str(tmp_path / "cnn.onnx"), "--batch=3", "-o", str(target), f"--sandbox={mode}"])
    assert status == 0, capsys.readouterr().err
    assert target.stat().st_size > 0


def test_what_is_required_and_cannot_be_had_is_a_wrong_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(landlock, "version", lambda: 0)
    assert not level().whole
    assert main(["freeze", "cnn.onnx", "--batch=3", "-o", str(tmp_path / "x.onnx"), "--sandbox=require"]) == 2
    assert "the sandbox is not available: this system has no Landlock - Linux 6.7 or later" in capsys.readouterr().err
