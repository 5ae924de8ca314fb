"""Devices of a provider that is a plugin: each has a lock, and workers of pytest-xdist are spread over them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fixtures.graphs import small_cnn
from pytest_onnxaccel.backends.onnxruntime.providers import plugin_devices
from pytest_onnxaccel.backends.onnxruntime.providers.backend import OrtProvider
from pytest_onnxaccel.backends.onnxruntime.providers.plugins import plugin_row

#: A plugin that offers cards: ONNX Runtime's own CPU provider under other names
DOUBLE = """
import onnxruntime as ort
{prints}
class Card:
    class type:
        pass
    def __init__(self, real, number):
        self.real, self.ep_name, self.device = real, real.ep_name, self
        self.type, self.vendor_id, self.device_id = "{kind}", 0x1414, 7
        self.metadata = {{"card_idx": str(number)}}

_real, _add = ort.get_ep_devices, ort.SessionOptions.add_provider_for_devices
ort.get_ep_devices = lambda: [Card(_real()[0], number) for number in range({count})]
ort.SessionOptions.add_provider_for_devices = lambda self, found, given: _add(self, [one.real for one in found], given)

def get_ep_names(): return ["CPUExecutionProvider"]
def get_library_path(): return "none"
"""


def install(folder: Path, kind: str = "OrtHardwareDeviceType.GPU", count: int = 2, prints: str = "") -> dict[str, str]:
    """Variables of a process that has the double as a distribution."""
    info = folder / "packages" / "onnxruntime_ep_double-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: onnxruntime-ep-double\nVersion: 1\n")
    source = DOUBLE.format(kind=kind, count=count, prints=prints)
    (folder / "packages" / "onnxruntime_ep_double.py").write_text(source)
    return {**os.environ, "PYTHONPATH": str(folder / "packages"), "ONNXACCEL_CACHE": str(folder / "cache")}


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Install the double for this process and those that it starts."""

    def made(**named: Any) -> None:
        monkeypatch.setenv("PYTHONPATH", install(tmp_path, **named)["PYTHONPATH"])
        monkeypatch.syspath_prepend(str(tmp_path / "packages"))

    plugin_devices.asked.cache_clear()
    yield made
    plugin_devices.asked.cache_clear()


ROW = plugin_row("ort-ep-double")


def test_each_card_has_a_key_of_its_own(here: Any) -> None:
    here(prints='print("hello")')
    keys = [OrtProvider(ROW, device).device_key for device in ("", "0", "1")]
    assert keys == ["gpu-1414-0007-0", "gpu-1414-0007-0", "gpu-1414-0007-1"], "the first is number 0"
    assert OrtProvider(ROW, "5").device_key == "ep-double:5", "the worker says that it is not there"


def test_processes_take_turns(here: Any) -> None:
    here()
    taken = [OrtProvider(ROW).for_process(number) for number in range(3)]
    assert [one.device_key[-1] for one in taken] == ["0", "1", "0"]
    assert {one.name for one in taken} == {"ort-ep-double"}
    assert OrtProvider(ROW, "1").for_process(0).device_key[-1] == "1", "what was chosen stays"


@pytest.mark.parametrize("kind", ["OrtHardwareDeviceType.CPU", "CPU"])
def test_the_cpu_has_no_lock_and_is_not_spread_over(here: Any, kind: str) -> None:
    here(kind=kind)
    provider = OrtProvider(ROW)
    assert provider.device_key == ""
    assert provider.for_process(1) is provider


@pytest.mark.parametrize("prints", ['raise OSError("no driver")', "import os; os._exit(3)", "0/0"])
def test_a_plugin_that_cannot_say_has_one_device(here: Any, prints: str) -> None:
    here(prints=prints)
    provider = OrtProvider(ROW)
    assert provider.device_key == "ep-double:0"
    assert provider.for_process(1) is provider


def test_one_that_is_not_installed_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", None)
    plugin_devices.asked.cache_clear()
    assert plugin_devices.asked("onnxruntime-ep-absent") == ()


def test_names_of_cards(tmp_path: Path) -> None:
    for name in ("0000:01:00.0", "0000:02:00.0"):
        (tmp_path / name).mkdir()

    def card(vendor: int, address: str = "", kind: str = "GPU") -> dict[str, Any]:
        return {"kind": kind, "vendor": vendor, "model": 1, "metadata": {"pci_bus_id": address} if address else {}}

    devices = [
        card(0x10DE, "0000:02:00.0"),
        card(0x8086),
        card(0x8086),
        card(0x8086, "0000:03:00.0"),
        card(1, "", "NPU"),
    ]
    found = plugin_devices.names(devices, str(tmp_path))
    assert list(found.values()) == [
        "gpu1", "gpu-8086-0001-0", "gpu-8086-0001-1", "gpu-8086-0001-0000:03:00.0", "npu-0001-0001-0",
    ]  # fmt: skip
    assert plugin_devices.alike(devices) == ["0"]
    assert plugin_devices.alike(devices[1:]) == ["0", "1", "2"]
    assert plugin_devices.alike([]) == []


@pytest.mark.parametrize(
    ("arguments", "devices", "locks"),
    [
        (["--onnx-backend=ort-ep-double", "-n2", "--dist=load", "--maxschedchunk=1"], {"0", "1"}, {"0", "1"}),
        (["--onnx-backend=ort-ep-double:1", "-n2"], {"1"}, {"1"}),
        (["--onnx-backend=ort-ep-double"], {"first"}, {"0"}),
    ],
)
def test_a_run_holds_the_devices_of_its_workers(
    tmp_path: Path, arguments: list[str], devices: set[str], locks: set[str]
) -> None:
    environ = install(tmp_path)
    for name in "abcd":
        (tmp_path / f"{name}.onnx").write_bytes(small_cnn().SerializeToString())
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--onnx-only", "--onnx-model=.",
               "-k", "contract", "--onnx-report=r.json"]  # fmt: skip
    done = subprocess.run(
        [*command, *arguments], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = json.loads((tmp_path / "r.json").read_text())["results"]
    assert {row["figures"]["device"] for row in rows} == {f"ep-double:{device}" for device in devices}
    held = {file.name for file in (tmp_path / "cache" / "devices").glob("*.lock") if "turnstile" not in file.name}
    assert held == {f"onnxaccel-gpu-1414-0007-{number}.lock" for number in locks}
