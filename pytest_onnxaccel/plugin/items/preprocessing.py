"""Pairs of preprocessing functions as pytest items, and as the check of a marker."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_onnxaccel.core.files.failure_folder import FOLDER
from pytest_onnxaccel.core.lookup.import_string import resolve
from pytest_onnxaccel.core.pair_specs import PreprocessingSpec
from pytest_onnxaccel.core.printing import identifier
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.unexpected import as_error
from pytest_onnxaccel.plugin.items.folding import FoldNode
from pytest_onnxaccel.plugin.items.place import file_id, place
from pytest_onnxaccel.plugin.items.results import conclude, record
from pytest_onnxaccel.plugin.run.run_options import LET_THROUGH
from pytest_onnxaccel.plugin.state import STATE, State

if TYPE_CHECKING:
    from pytest_onnxaccel.plugin.markers.requests import Request


class PreprocessingNode(pytest.Collector):
    """One pair of functions that the manifest declares; its id is ``onnxaccel.toml::NAME``."""

    @classmethod
    def of(cls, parent: pytest.Collector, spec: PreprocessingSpec) -> PreprocessingNode:
        state = parent.config.stash[STATE]
        manifest = Path(state.settings.manifest or parent.config.rootpath)
        name = identifier(spec.name)
        node: PreprocessingNode = cls.from_parent(parent, name=name, nodeid=f"{file_id(state, manifest)}::{name}")
        node.path = manifest
        node.declared = spec
        return node

    declared: PreprocessingSpec

    def collect(self) -> Iterator[PreprocessingItem]:
        nodeid = f"{self.nodeid}::parity"
        yield PreprocessingItem.from_parent(self, name="parity", nodeid=nodeid, declared=self.declared)


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


class PreprocessingItem(pytest.Item):
    """The comparison of one pair."""

    def __init__(self, *, declared: PreprocessingSpec, **kwargs: object) -> None:
        super().__init__(**kwargs)  # type: ignore[arg-type]
        self.declared = declared

    def runtest(self) -> None:
        state = self.config.stash[STATE]
        conclude([record(self, check(state, self.declared, self))], state.settings.inconclusive)

    def reportinfo(self) -> tuple[Path, None, str]:
        return place(self)


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
    start = time.perf_counter()
    try:
        result = _compared(state, spec, item)
    except LET_THROUGH:
        raise
    except BaseException as error:
        told = as_error(error).about(spec.origin)
        result = CheckResult(
            spec.name,
            "preprocessing",
            Verdict.FAILED,
            told.code,
            str(told),
            reference=spec.reference,
            traceback=told.traceback,
        )
    return result.with_(duration_s=time.perf_counter() - start)


def _compared(state: State, spec: PreprocessingSpec, item: pytest.Item | None) -> CheckResult:
    settings, root = state.settings, state.config.rootpath
    given = spec.settings.get("functions", {})
    reference = given.get("reference") or resolve(spec.reference, root, spec.origin)
    candidate = given.get("candidate") or resolve(spec.candidate, root, spec.origin)
    further = {name: value for name, value in spec.settings.items() if name != "functions"}
    for name in ("inputs", "images"):
        if isinstance(further.get(name), str) and ":" in further[name]:
            made = resolve(further[name], root, spec.origin)
            further[name] = made() if name == "images" else made  # type: ignore[call-arg]
    from pytest_onnxaccel.preprocessing import compare
    from pytest_onnxaccel.preprocessing.check_result import outcome

    examples = spec.examples
    if examples is None or settings.origin("fuzz_examples") != "default":
        examples = settings.fuzz_examples
    if isinstance(further.get("images"), str):
        from pytest_onnxaccel.preprocessing.own_files import samples

        further["images"] = samples(further["images"], root, further.get("inputs"))
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
