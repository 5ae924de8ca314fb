"""Pairs of preprocessing functions as pytest items, and as the check of a marker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pytest_onnxaccel.core.files.failure_folder import FOLDER
from pytest_onnxaccel.core.lookup.import_string import resolve
from pytest_onnxaccel.core.pair_specs import PreprocessingSpec
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.plugin.items.declared import DeclaredItem, DeclaredNode, judged, own_images
from pytest_onnxaccel.plugin.items.folding import FoldNode
from pytest_onnxaccel.plugin.state import STATE, State

if TYPE_CHECKING:
    from pytest_onnxaccel.plugin.markers.requests import Request


class PreprocessingItem(DeclaredItem):
    """The comparison of one pair."""

    def result(self, state: State) -> CheckResult:
        return check(state, self.declared, self)


class PreprocessingNode(DeclaredNode):
    """One pair of functions that the manifest declares."""

    check = "parity"
    item = PreprocessingItem


class ManifestFile(pytest.File):
    """A manifest that is an argument of pytest: ``pytest onnxaccel.toml::NAME::parity``."""

    def collect(self) -> Iterator[PreprocessingNode | FoldNode]:
        yield from declared_nodes(self, self.config.stash[STATE])


def declared_nodes(parent: pytest.Collector, state: State) -> Iterator[PreprocessingNode | FoldNode]:
    """Yield a node for each pair of functions and each folded preprocessing that the manifest declares."""
    for pair in state.settings.preprocessing:
        yield PreprocessingNode.of(parent, pair)
    for fold in state.settings.folds:
        yield FoldNode.of(parent, fold)


def named(declared: Request, item: pytest.Item) -> PreprocessingSpec:
    """Return what a marker declares, under the name of its test."""
    assert isinstance(declared, PreprocessingSpec)
    shown = [
        value
        for one in getattr(getattr(item, "obj", None), "hypothesis_explicit_examples", ())
        for value in (*one.args, *one.kwargs.values())[:1]
    ]
    images = declared.settings.get("images")
    if shown and (images is None or isinstance(images, (list, tuple))):
        # what the test's @example gives is tried first
        return replace(declared, name=item.name, settings={**declared.settings, "images": [*shown, *(images or ())]})
    return replace(declared, name=item.name)


def check(state: State, spec: PreprocessingSpec, item: pytest.Item | None = None) -> CheckResult:
    """Import both functions and compare them; a function that cannot be imported is a failed check with one line."""
    failed = CheckResult(spec.name, "preprocessing", Verdict.FAILED, reference=spec.reference)
    return judged(spec, failed, lambda: _compared(state, spec, item))


def _compared(state: State, spec: PreprocessingSpec, item: pytest.Item | None) -> CheckResult:
    settings, root = state.settings, state.config.rootpath
    given = spec.settings.get("functions", {})
    reference = given.get("reference") or resolve(spec.reference, root, spec.origin)
    candidate = given.get("candidate") or resolve(spec.candidate, root, spec.origin)
    further = {name: value for name, value in spec.settings.items() if name != "functions"}
    if isinstance(further.get("inputs"), str) and ":" in further["inputs"]:
        further["inputs"] = resolve(further["inputs"], root, spec.origin)
    from pytest_onnxaccel.preprocessing import compare
    from pytest_onnxaccel.preprocessing.check_result import outcome

    examples = spec.examples
    if examples is None or settings.origin("fuzz_examples") != "default":
        examples = settings.fuzz_examples
    if "images" in further:
        further["images"] = own_images(further["images"], root, spec.origin, further.get("inputs"))
    machine_lock = state.machine_lock
    alone = (
        nullcontext() if machine_lock is None else machine_lock.exclusive() if spec.faster else machine_lock.shared()
    )
    with alone:
        report = compare(
            reference,
            candidate,
            shape=spec.shape,
            shapes=spec.shapes or "any",
            tolerance=spec.tolerance,
            layout=spec.layout,
            faster=spec.faster,
            seed=settings.seed if spec.seed is None else spec.seed,
            examples=examples,
            derandomize=settings.fuzz_profile == "ci",
            corpus=settings.fuzz_corpus,
            **further,
        )
    if item is not None and report.statistics:
        # as hypothesis's own plugin keeps them for --hypothesis-show-statistics and JUnit
        own = getattr(item, "hypothesis_statistics", f"{item.nodeid}:\n")
        item.hypothesis_statistics = f"{own}\n\n{report.statistics}"  # type: ignore[attr-defined]
    return outcome(spec, report, root / FOLDER)
