"""Preprocessing folded into a graph, as pytest items, and as the check of a marker."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.lookup.import_string import resolve
from pytest_onnxaccel.core.pair_specs import FoldSpec
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import Tolerance
from pytest_onnxaccel.plugin.items.declared import DeclaredItem, DeclaredNode, judged, own_images
from pytest_onnxaccel.plugin.state import State


class FoldItem(DeclaredItem):
    """The proof of one folded preprocessing."""

    def result(self, state: State) -> CheckResult:
        return check(state, self.declared)


class FoldNode(DeclaredNode):
    """One table ``[fold_in.NAME]``."""

    check = "foldin"
    item = FoldItem


def named(declared: object, item: pytest.Item) -> FoldSpec:
    """Return what a marker declares, under the name of its test."""
    assert isinstance(declared, FoldSpec)
    return replace(declared, name=item.name)


def check(state: State, spec: FoldSpec) -> CheckResult:
    """Fold, prove, and write where a target is named; what cannot be folded is a failed check with one line."""
    failed = CheckResult(spec.name, "foldin", Verdict.FAILED, backend=spec.backend, reference=spec.preprocess)
    return judged(spec, failed, lambda: _folded(state, spec)).with_(model=spec.name)


def _folded(state: State, spec: FoldSpec) -> CheckResult:
    root = state.config.rootpath
    folder = Path(spec.folder or root)
    preprocess = spec.function or resolve(spec.preprocess, root, spec.origin)
    images = own_images(spec.images, root, spec.origin)
    if images is not None and not isinstance(images, (list, tuple)):
        raise ConfigError(f"images gave {type(images).__name__}", remedy="give a list of images")
    from pytest_onnxaccel.runner.conversion.fold_preprocessing import fold_in

    tolerance = Tolerance(spec.rtol, spec.atol, spec.origin) if (spec.rtol, spec.atol) != (None, None) else None
    return fold_in(
        folder / os.path.expanduser(spec.model),
        None if spec.target is None else folder / os.path.expanduser(spec.target),
        preprocess,
        spec.mean,
        spec.scale,
        method=spec.method,
        layout=spec.layout,
        channel_order=spec.channel_order,
        images=images or (),
        backend=spec.backend,
        tolerance=tolerance,
        options=state.run_options,
    )
