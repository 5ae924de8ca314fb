"""Preprocessing folded into a graph, as pytest items, and as the check of a marker."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.lookup.import_string import resolve
from pytest_onnxaccel.core.pair_specs import FoldSpec
from pytest_onnxaccel.core.printing import identifier
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import Tolerance
from pytest_onnxaccel.core.unexpected import as_error
from pytest_onnxaccel.plugin.items.place import file_id, place
from pytest_onnxaccel.plugin.items.results import conclude, record
from pytest_onnxaccel.plugin.run.run_options import LET_THROUGH
from pytest_onnxaccel.plugin.state import STATE, State


class FoldNode(pytest.Collector):
    """One table ``[fold_in.NAME]`` of the manifest; its id is ``onnxaccel.toml::NAME``."""

    declared: FoldSpec

    @classmethod
    def of(cls, parent: pytest.Collector, spec: FoldSpec) -> FoldNode:
        state = parent.config.stash[STATE]
        manifest = Path(state.settings.manifest or parent.config.rootpath)
        name = identifier(spec.name)
        node: FoldNode = cls.from_parent(parent, name=name, nodeid=f"{file_id(state, manifest)}::{name}")
        node.path = manifest
        node.declared = spec
        return node

    def collect(self) -> Iterator[FoldItem]:
        yield FoldItem.from_parent(self, name="foldin", nodeid=f"{self.nodeid}::foldin", declared=self.declared)


class FoldItem(pytest.Item):
    """The proof of one folded preprocessing."""

    def __init__(self, *, declared: FoldSpec, **kwargs: object) -> None:
        super().__init__(**kwargs)  # type: ignore[arg-type]
        self.declared = declared

    def runtest(self) -> None:
        state = self.config.stash[STATE]
        conclude([record(self, check(state, self.declared))], state.settings.inconclusive)

    def reportinfo(self) -> tuple[Path, None, str]:
        return place(self)


def named(declared: object, item: pytest.Item) -> FoldSpec:
    """Return what a marker declares, under the name of its test."""
    assert isinstance(declared, FoldSpec)
    return replace(declared, name=item.name)


def check(state: State, spec: FoldSpec) -> CheckResult:
    """Fold, prove, and write where a target is named; what cannot be folded is a failed check with one line."""
    start = time.perf_counter()
    try:
        result = _folded(state, spec)
    except LET_THROUGH:
        raise
    except BaseException as error:
        told = as_error(error).about(spec.origin)
        result = CheckResult(
            spec.name,
            "foldin",
            Verdict.FAILED,
            told.code,
            str(told),
            spec.backend,
            spec.preprocess,
            traceback=told.traceback,
        )
    return result.with_(model=spec.name, duration_s=time.perf_counter() - start)


def _folded(state: State, spec: FoldSpec) -> CheckResult:
    root = state.config.rootpath
    folder = Path(spec.folder or root)
    preprocess = spec.function or resolve(spec.preprocess, root, spec.origin)
    images: Any = spec.images
    if isinstance(images, str) and ":" in images:
        images = resolve(images, root, spec.origin)()  # type: ignore[call-arg]
    elif isinstance(images, str):
        from pytest_onnxaccel.preprocessing.own_files import samples

        images = samples(images, root)
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
