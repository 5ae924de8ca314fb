"""Parsers of marker arguments: a Python value as written in a test to the value that a check takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from pytest_onnxaccel.backends.protocol import GROUP
from pytest_onnxaccel.config import budget_syntax as budgets
from pytest_onnxaccel.config import fold_values as folds
from pytest_onnxaccel.config import pair_values as pairs
from pytest_onnxaccel.config import units
from pytest_onnxaccel.config import validators as scalars
from pytest_onnxaccel.config.comparison_syntax import comparisons
from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.lookup import registry
from pytest_onnxaccel.plugin.options import names as known


def source(value: object) -> str:
    """Return the path of a model or a source as written; what it is, its content tells when it is read."""
    text = scalars.text(value, "a path")
    if registry.known(GROUP, text):
        raise ConfigError(f"{text!r} is a backend, not a file", remedy=f'write reference="{text}", or {known.SOURCES}')
    if known.names_function(text):
        raise ConfigError(f"{text!r} is a function, not a file", remedy=f'write reference="{text}"')
    return text


def reference(value: object) -> str:
    """Return a backend's name, a function, or the path of a model or a source as written."""
    text = scalars.text(value, "a backend, a function or a path")
    if not text.lower().endswith(".onnx"):
        known.reference(text)
    return text


def seeds(value: object) -> tuple[int, ...]:
    remedy = "write non-negative whole numbers, such as range(3) or (3,)"
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise ConfigError(f"{value!r} is not a sequence of seeds", remedy=remedy)
    found = tuple(value)
    if not found or any(isinstance(seed, bool) or not isinstance(seed, int) or seed < 0 for seed in found):
        raise ConfigError(f"{value!r} is not a sequence of seeds", remedy=remedy)
    return found


def speedup(value: object) -> tuple[str, float]:
    name, factor = units.speedup(scalars.text(value, "a speed-up"))
    return known.backend(name), factor


def size(value: object) -> int:
    return scalars.whole(value, "batch size", "batch_size(1, 3, 10)")


def examples(value: object) -> int:
    return scalars.whole(value, "number of images", "100")


#: By the name that the table of markers gives.
PARSERS: dict[str, Callable[[Any], Any]] = {
    "source": source,
    "loader": scalars.function,
    "reference": reference,
    "tolerance": scalars.tolerance,
    "seeds": seeds,
    "decision": scalars.decision,
    "compare": comparisons,
    "duration": scalars.duration,
    "speedup": speedup,
    "threads": scalars.threads,
    "regression": budgets.regression,
    "scenario": budgets.scenario,
    "advise": budgets.advise,
    "inconclusive": budgets.inconclusive,
    "function": pairs.function,
    "numbers": folds.numbers,
    "fold_model": folds.model,
    "fold_target": folds.target,
    "fold_method": folds.method,
    "fold_layout": folds.layout,
    "fold_order": folds.order,
    "backend": known.backend,
    "factor": scalars.factor,
    "image_shape": pairs.shape,
    "pair_tolerance": pairs.tolerance,
    "pair_images": pairs.images,
    "pair_inputs": pairs.inputs,
    "span": pairs.span,
    "element": pairs.element,
    "keywords": pairs.arguments,
    "unordered": pairs.unordered,
    "image_sizes": scalars.image_sizes,
    "layout": scalars.layout,
    "examples": examples,
    "seed": scalars.seed,
}
