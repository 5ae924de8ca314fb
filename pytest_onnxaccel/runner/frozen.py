"""A model frozen to one batch size, as a file, with its proof."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pytest_onnxaccel.numerics.inputs import Inputs
from pytest_onnxaccel.spec import ModelInfo


@dataclass(frozen=True)
class Frozen:
    """What the proof accepted.

    Attributes:
        path: ``{stem}-batch-{n}.onnx``.
        method: how it was obtained.
        inputs: makes feeds of the original; ``feeds(index, batch)`` gives those of this file.
        proof: figures of N distinct samples at once against the original's own runs.
    """

    model: str
    path: str
    batch_size: int
    method: str
    info: ModelInfo
    inputs: Inputs
    proof: Mapping[str, Any]
