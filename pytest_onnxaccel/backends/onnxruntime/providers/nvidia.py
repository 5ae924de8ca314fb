"""NVIDIA GPUs of this machine as CUDA numbers them, found without CUDA."""

from __future__ import annotations

import os
from collections.abc import Mapping

#: The driver's folder, with an entry for each GPU by its address.
GPUS = "/proc/driver/nvidia/gpus"


def devices(environ: Mapping[str, str] = os.environ, gpus: str = GPUS) -> dict[str, str]:
    """Return what each device number of CUDA is on this machine, in words that no other device has.

    Args:
        environ: ``CUDA_VISIBLE_DEVICES`` chooses and orders devices. Of several MIG instances CUDA sees the first.
        gpus: folder of the driver with an entry for each GPU.
    """
    visible = environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        try:
            count = len(os.listdir(gpus))
        except OSError:
            count = 0
        return {str(number): f"gpu{number}" for number in range(count)}
    found: list[str] = []
    for name in (word.strip() for word in visible.split(",")):
        if not name or name.startswith("-") or name in found:
            break  # CUDA sees what stands before the first name that it does not take
        found.append(name)
        if name.startswith("MIG-"):
            break
    return {str(number): f"gpu{name}" if name.isdecimal() else name for number, name in enumerate(found)}
