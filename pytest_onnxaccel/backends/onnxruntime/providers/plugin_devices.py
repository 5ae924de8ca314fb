"""Devices that a plugin offers, asked of a process of its own, because pytest's loads no library."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from pytest_onnxaccel.backends.distributions import onnxruntime_distributions, versions_of
from pytest_onnxaccel.backends.onnxruntime.providers import nvidia
from pytest_onnxaccel.backends.onnxruntime.providers.row import ProviderRow

#: How long a plugin may take to tell its devices, seconds.
LIMIT = 60
#: Without the folder that the process is started in, which ``-c`` puts first
_ASK = """
import json, sys
sys.path[:] = [folder for folder in sys.path if folder]
from pytest_onnxaccel.backends.onnxruntime.providers.plugin_devices import tell
print(json.dumps(tell(sys.argv[1])))
"""


def tell(plugin: str) -> list[dict[str, Any]]:
    """Return what ONNX Runtime says of each device that *plugin* offers; called in a process of its own."""
    from pytest_onnxaccel.backends.onnxruntime.providers.plugins import offered

    found = [item.device for item in offered(ProviderRow("", "", "", plugin=plugin))]
    return [
        {
            "kind": str(one.type).rpartition(".")[2],
            "vendor": int(one.vendor_id),
            "model": int(one.device_id),
            "metadata": {str(key): str(value) for key, value in dict(one.metadata).items()},
        }
        for one in found
    ]


@cache
def asked(plugin: str) -> tuple[dict[str, Any], ...]:
    """Return what :func:`tell` says; nothing where the plugin is not installed or cannot say it."""
    if not versions_of(plugin) or not onnxruntime_distributions():
        return ()
    command = [sys.executable, "-c", _ASK, plugin]
    try:
        done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=LIMIT, check=False)
        return tuple(json.loads(done.stdout.decode("utf-8", "replace").strip().rpartition("\n")[2]))
    except (OSError, subprocess.SubprocessError, ValueError):  # the worker will say why it does not run
        return ()


def names(devices: Sequence[Mapping[str, Any]], gpus: str = nvidia.GPUS) -> dict[str, str]:
    """Return each device by its number, in words that no other device of the machine has; empty for the CPU.

    Args:
        devices: as :func:`tell` gives them.
        gpus: folder of NVIDIA's driver: a GPU in it is called as that of ``ort-cuda``.
    """
    try:
        cards = sorted(os.listdir(gpus))
    except OSError:
        cards = []
    found, seen = {}, Counter[str]()
    for number, one in enumerate(devices):
        address = str(one["metadata"].get("pci_bus_id", "")).lower()
        if one["kind"] == "CPU":
            name = ""
        elif address in cards:
            name = f"gpu{cards.index(address)}"
        else:
            name = f"{one['kind'].lower()}-{one['vendor']:04x}-{one['model']:04x}"
            seen[name] += 1
            name += f"-{address or seen[name] - 1}"
        found[str(number)] = name
    return found


def alike(devices: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the numbers of the devices that are of the first one's make: others would compute otherwise."""
    make = [(one["kind"], one["vendor"], one["model"]) for one in devices]
    return [str(number) for number, one in enumerate(make) if one == make[0] and one[0] != "CPU"]
