"""The lock file: what is written is read back, and what cannot be used is one line."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from pytest_onnxaccel.config import lockfile
from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.specs import Tolerance

ENTRY = Tolerance(2e-6, 1.5e-5, "4 x measured drift")


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    file = tmp_path / lockfile.LOCK_NAME
    names = ("rfb.onnx", 'a "quoted"\\name', "Tür\x7f\n")
    lockfile.write(file, {name: {"onnx-tf~ort-cpu": {"scores:0": ENTRY}} for name in names})
    found = lockfile.read(file)
    assert set(found) == set(names)
    read = found["rfb.onnx"]["onnx-tf~ort-cpu"]["scores:0"]
    assert (read.rtol, read.atol, read.origin) == (2e-6, 1.5e-5, "onnxaccel.lock.toml (4 x measured drift)")
    assert lockfile.reason(read.origin) == ENTRY.origin
    assert lockfile.reason(lockfile.LOCK_NAME) == ""
    assert str(tmp_path) not in file.read_text()
    assert os.listdir(tmp_path) == [lockfile.LOCK_NAME]


def test_the_order_is_that_of_the_names_so_that_reviews_show_changes_alone(tmp_path: Path) -> None:
    file = tmp_path / "x.lock.toml"
    lockfile.write(file, {"b": {"p": {"y": ENTRY, "x": ENTRY}}, "a": {"p": {"x": ENTRY}}})
    lines = [line for line in file.read_text().splitlines() if line.startswith("[")]
    assert lines == ['[models."a"."p"."x"]', '[models."b"."p"."x"]', '[models."b"."p"."y"]']


def test_what_did_not_run_stays() -> None:
    wide = Tolerance(0, 1)
    old = {"a": {"p": {"x": ENTRY, "y": ENTRY}}, "b": {"p": {"x": ENTRY}}}
    found = lockfile.merged(old, {"a": {"p": {"y": wide}, "q": {"x": wide}}})
    assert found == {"a": {"p": {"x": ENTRY, "y": wide}, "q": {"x": wide}}, "b": {"p": {"x": ENTRY}}}
    assert old["a"]["p"]["y"] == ENTRY


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.0, 0.0), (1.0, 1.0), (1.01, 1.1), (1.9073e-6, 2.0e-6), (9.96e-7, 1e-6), (12345.0, 13000.0)],
)
def test_two_digits_and_never_less(value: float, expected: float) -> None:
    assert lockfile.rounded_up(value) == pytest.approx(expected)
    assert lockfile.rounded_up(value) >= value


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("version = 1\n[models", "is not TOML"),
        ("", "has version None, expected 1"),
        ("version = 2", "has version 2, expected 1"),
        ("version = 1\nmodel = 3", "holds 'model'"),
        ("version = 1\nmodels = 3", "has 3 for models, expected a table"),
        ("version = 1\n[models]\nm = 3", "has 3 for m, expected a table"),
        ("version = 1\n[models.m.p.y]\nrtol = 1e-6", "has atol = None for m p y"),
        ("version = 1\n[models.m.p.y]\nrtol = 1e-6\natol = -1", "has atol = -1 for m p y"),
        ("version = 1\n[models.m.p.y]\nrtol = true\natol = 1", "has rtol = True for m p y"),
        ("version = 1\n[models.m.p.y]\nrtol = 1e-6\natol = inf", "has atol = inf for m p y"),
        ("version = 1\n[models.m.p.y]\nrtol = 0\natol = 0\nwhy = 1", "holds 'why' for m p y"),
        ("version = 1\n[models.m.p.y]\nrtol = 0\natol = 0\norigin = 1", "has origin = 1 for m p y"),
    ],
)
def test_a_malformed_lock_is_one_line(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / lockfile.LOCK_NAME
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        lockfile.read(file)
    line = str(caught.value)
    assert line.startswith(f"onnxaccel[E_CONFIG] {lockfile.LOCK_NAME}: ")
    assert says in line
    assert "\n" not in line
    assert "--onnx-lock=write" in line


def test_what_cannot_be_read_or_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        lockfile.read(tmp_path)
    (tmp_path / "x").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        lockfile.read(tmp_path / "x")
    with pytest.raises(ConfigError, match="cannot be written"):
        lockfile.write(tmp_path / "absent" / "x", {})


def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(ConfigError, match=r"No space left on device.* - make room on the disk"):
        lockfile.write(tmp_path / "lock.toml", {})
    assert not list(tmp_path.iterdir())
