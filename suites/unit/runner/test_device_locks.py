"""Devices of a machine: which one a process of a run takes, and a lock for each across runs."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fixtures.graphs import small_cnn
from pytest_onnxaccel.backends.onnxruntime.providers.backend import OrtProvider, from_text
from pytest_onnxaccel.backends.onnxruntime.providers.nvidia import devices
from pytest_onnxaccel.backends.onnxruntime.providers.row import ProviderRow
from pytest_onnxaccel.backends.onnxruntime.providers.table import CUDA, TENSORRT
from pytest_onnxaccel.runner.locks.device_locks import DeviceLocks
from pytest_onnxaccel.runner.request import RunOptions
from pytest_onnxaccel.runner.sessions.workers.engines import Engines


def two_cards() -> dict[str, str]:
    """Devices of the double below."""
    return {"a": "card-a", "b": "card-b"}


ROW = ProviderRow(
    "double", "CPUExecutionProvider", "Double", ("onnxruntime",), device="a", devices=f"{__name__}:two_cards"
)


class TestSpread:
    def test_processes_take_turns(self) -> None:
        taken = [OrtProvider(ROW).for_process(number) for number in range(3)]
        assert [one.device_key for one in taken] == ["card-a", "card-b", "card-a"]
        assert [one.name for one in taken] == ["ort-double"] * 3, "ids of tests stay"
        assert from_text(taken[1].reference.partition(" ")[2]).device_key == "card-b", "in the worker, too"

    def test_a_device_that_was_chosen_stays(self) -> None:
        assert OrtProvider(ROW, "b").for_process(0).device_key == "card-b"

    def test_one_device_is_nothing_to_choose(self) -> None:
        row = ProviderRow("one", "CPUExecutionProvider", "One", device="x")
        assert OrtProvider(row).for_process(1).device_key == "one:x"
        assert OrtProvider(ProviderRow("none", "CPUExecutionProvider", "None")).device_key == ""

    def test_a_function_that_fails_leaves_the_verdict_to_the_worker(self) -> None:
        row = ProviderRow("bad", "CPUExecutionProvider", "Bad", device="0", devices="no_such_module:devices")
        assert OrtProvider(row).for_process(1).device_key == "bad:0"


class TestNvidia:
    @pytest.mark.parametrize(
        ("visible", "expected"),
        [
            (None, {"0": "gpu0", "1": "gpu1"}),
            ("1,0", {"0": "gpu1", "1": "gpu0"}),
            ("1", {"0": "gpu1"}),
            ("", {}),
            ("-1", {}),
            ("0,-1,1", {"0": "gpu0"}),
            ("GPU-8a,GPU-9b", {"0": "GPU-8a", "1": "GPU-9b"}),
            ("MIG-1,MIG-2", {"0": "MIG-1"}),
        ],
    )
    def test_devices_as_cuda_numbers_them(self, tmp_path: Path, visible: str | None, expected: dict[str, str]) -> None:
        for name in ("0000:01:00.0", "0000:02:00.0"):
            (tmp_path / name).mkdir()
        environ = {} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}
        assert devices(environ, str(tmp_path)) == expected
        assert devices({}, str(tmp_path / "missing")) == {}

    def test_cuda_and_tensorrt_share_a_card(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1,0")
        assert OrtProvider(CUDA, "1").device_key == OrtProvider(TENSORRT, "1").device_key == "gpu0"
        assert OrtProvider(CUDA).device_key == "gpu1"


class TestLocks:
    @pytest.fixture
    def locks(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> DeviceLocks:
        monkeypatch.setenv("ONNXACCEL_CACHE", str(tmp_path))
        engines = Engines(RunOptions())
        made = {name: OrtProvider(ROW, name[-1]) for name in ("ort-double:a", "ort-double:b")}
        engines._backends.update(made)
        return DeviceLocks(engines)

    def free(self, folder: Path, key: str, kind: int) -> bool:
        """Another process could hold *key* now."""
        handle = os.open(folder / "devices" / f"onnxaccel-{key}.lock", os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(handle)
        return True

    def test_a_timing_has_its_device_alone_and_no_other(self, locks: DeviceLocks, tmp_path: Path) -> None:
        with locks.held(("ort-double:a", "ort-cpu"), exclusive=True):
            assert not self.free(tmp_path, "card-a", fcntl.LOCK_SH)
            assert self.free(tmp_path, "card-b", fcntl.LOCK_EX)
        assert self.free(tmp_path, "card-a", fcntl.LOCK_EX)

    def test_other_checks_share_it(self, locks: DeviceLocks, tmp_path: Path) -> None:
        with locks.held(("ort-double:a",), exclusive=False):
            assert self.free(tmp_path, "card-a", fcntl.LOCK_SH)
            assert not self.free(tmp_path, "card-a", fcntl.LOCK_EX)

    def test_what_is_no_device_is_passed_over(self, locks: DeviceLocks) -> None:
        assert locks.keys(("ort-double:b", "ort-double:a", "ort-cpu", "", "other.onnx")) == ["card-a", "card-b"]

    def test_a_cache_that_cannot_be_written_holds_nothing(
        self, locks: DeviceLocks, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("ONNXACCEL_CACHE", str(tmp_path / "file"))
        with locks.held(("ort-double:a",), exclusive=True):
            assert not (tmp_path / "devices").exists()


DOUBLE = """
from pytest_onnxaccel.backend_api import ProviderRow
HERE = "double_row:devices"
ROW = ProviderRow("double", "CPUExecutionProvider", "Double", ("onnxruntime",), device="a", devices=HERE,
                  memory_used="double_row:used")
def devices(): return {"a": "card-a", "b": "card-b"}
def used(device): return 7.0 if device == "a" else None
"""


@pytest.fixture
def double(tmp_path: Path) -> dict[str, str]:
    """Variables of a process that has the double as a distribution, and four models in its folder."""
    info = tmp_path / "packages" / "double-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: double\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[pytest_onnxaccel.providers]\ndouble = double_row:ROW\n")
    (tmp_path / "packages" / "double_row.py").write_text(DOUBLE)
    for name in "abcd":
        (tmp_path / f"{name}.onnx").write_bytes(small_cnn().SerializeToString())
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    return {**os.environ, "PYTHONPATH": str(tmp_path / "packages"), "ONNXACCEL_CACHE": str(tmp_path / "cache")}


def test_workers_of_xdist_are_spread_over_devices(double: dict[str, str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--onnx-only", "--onnx-model=.",
               "-k", "contract", "--onnx-report=r.json"]  # fmt: skip
    for arguments, expected in (
        (["--onnx-backend=ort-double", "-n2", "--dist=load", "--maxschedchunk=1"], {"double:a", "double:b"}),
        (["--onnx-backend=ort-double:a", "-n2"], {"double:a"}),
        (["--onnx-backend=ort-double"], {"double:a"}),
    ):
        done = subprocess.run(
            [*command, *arguments],
            cwd=tmp_path,
            env=double,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        rows = json.loads((tmp_path / "r.json").read_text())["results"]
        assert {row["figures"]["device"] for row in rows} == expected, done.stdout


def test_memory_on_the_device_where_it_is_told(double: dict[str, str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--onnx-only", "--onnx-model=a.onnx",
               "-k", "latency", "--onnx-report=r.json",
               "--onnx-backend=ort-double:a,ort-double:b,ort-cpu"]  # fmt: skip
    done = subprocess.run(command, cwd=tmp_path, env=double, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = {row["backend"]: row for row in json.loads((tmp_path / "r.json").read_text())["results"]}
    assert rows["ort-double:a"]["figures"]["device_memory_mb"] == 7
    assert not [note for note in rows["ort-double:a"]["notes"] if "told" in note]
    assert rows["ort-double:b"]["figures"]["device_memory_mb"] is None
    assert "memory on double:b is not told" in rows["ort-double:b"]["notes"]
    assert "device_memory_mb" not in rows["ort-cpu"]["figures"]
