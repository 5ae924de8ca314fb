"""What no verdict can be asked to see: changes that legal variants of the original make as well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from onnx import ModelProto

from fixtures.mutations import Fault
from fixtures.mutations.truth.feed_forward import Array, Arrays, Truth, change
from fixtures.variants import Variant, variants_of
from pytest_onnxaccel.backends.protocol import LoadOptions
from suites.mutation.judge import Judge


def options_of(variant: Variant) -> LoadOptions:
    return LoadOptions(optimize=variant.optimize, threads=variant.threads, spin=False)


def worst(parts: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The largest of each output."""
    return {name: max(part[name] for part in parts) for name in parts[0]}


def drifts(model: ModelProto, judge: Judge, folder: Path) -> dict[str, dict[str, float]]:
    """By legal variant and output: the largest difference over the judge's samples, in parts of the largest value."""
    base = judge.outputs()
    found = {}
    for number, variant in enumerate(variants_of(model)):
        path = save(variant.rewrite(model), folder / f"variant-{number}.onnx")
        runs = judge.outputs(path, options_of(variant))
        found[variant.name] = worst([change(_wide(a), _wide(b)) for a, b in zip(base, runs, strict=True)])
    return found


class Floor:
    """The noise floor of one model, and the true change that faults make, both by output."""

    def __init__(self, model: ModelProto, judge: Judge, folder: Path) -> None:
        self._model = model
        self._truths = [Truth(feeds) for feeds in judge.feeds]
        self.exact: list[Arrays] = [truth.run(model) for truth in self._truths]
        pairs = zip(self.exact, judge.outputs(), strict=True)
        self.drifts = drifts(model, judge, folder)
        self.drifts["exact arithmetic"] = worst([change(_wide(a), _wide(b)) for a, b in pairs])
        #: By output: what the worst legal variant or exact arithmetic differs by.
        self.level = worst(list(self.drifts.values()))

    def true_change(self, fault: Fault) -> dict[str, float]:
        """By output: what a value fault changes in exact arithmetic, in parts of the output's largest value."""
        mutated = fault.mutated(self._model)
        pairs = zip(self._truths, self.exact, strict=True)
        return worst([change(original, truth.run(mutated)) for truth, original in pairs])

    def multiple(self, fault: Fault) -> float:
        """The largest true change of any output in units of that output's floor; at most 1 is below the floor."""
        return max(value / self.level[name] for name, value in self.true_change(fault).items())


def save(model: ModelProto, path: Path) -> Path:
    path.write_bytes(model.SerializeToString())
    return path


def _wide(arrays: Mapping[str, Array]) -> Arrays:
    return {name: np.asarray(array, np.float64) for name, array in arrays.items()}
