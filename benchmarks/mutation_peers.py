"""What others make of the same outputs, with their own defaults: used by mutation_score.py."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from typing import Any

#: Outputs by sample: name -> array, in the order of the model's outputs.
Runs = Sequence[Mapping[str, Any]]


def polygraphy(original: Runs, candidate: Runs) -> bool:
    """Comparator.compare_accuracy with CompareFunc.simple: rtol 1e-5, atol 1e-5, outputs paired by name."""
    from polygraphy.comparator import Comparator, IterationResult, RunResults
    from polygraphy.exception import PolygraphyException
    from polygraphy.logger import G_LOGGER

    G_LOGGER.module_severity = G_LOGGER.CRITICAL + 10
    results = RunResults()
    for name, runs in (("original", original), ("candidate", candidate)):
        made = [IterationResult(outputs=dict(run), runtime=0.0, runner_name=name) for run in runs]
        results.append((name, made))
    try:
        return bool(Comparator.compare_accuracy(results))
    except PolygraphyException:
        return False


def torch_testing(original: Runs, candidate: Runs) -> bool:
    """torch.testing.assert_close as PyTorch's tutorial on ONNX export has it: rtol 1.3e-6, atol 1e-5, by position."""
    import torch

    try:
        for ours, theirs in zip(candidate, original, strict=True):
            for a, b in zip(ours.values(), theirs.values(), strict=False):
                torch.testing.assert_close(torch.from_numpy(a), torch.from_numpy(b))
    except AssertionError:
        return False
    return True


def numpy_testing(original: Runs, candidate: Runs) -> bool:
    """numpy.testing.assert_allclose, rtol 1e-5, atol 1e-8, by position."""
    import numpy as np

    try:
        for ours, theirs in zip(candidate, original, strict=True):
            for a, b in zip(ours.values(), theirs.values(), strict=False):
                np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-8)
    except AssertionError:
        return False
    return True


PEERS: dict[str, Callable[[Runs, Runs], bool]] = {
    "polygraphy": polygraphy,
    "torch": torch_testing,
    "numpy": numpy_testing,
}
"""Name of the distribution, and whether it calls two runs equal."""


def installed() -> dict[str, str]:
    """Version by name of the peers that are installed here."""
    return {name: importlib.metadata.version(name) for name in PEERS if importlib.util.find_spec(name)}
